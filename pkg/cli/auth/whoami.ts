import type { KubeObject } from '#api/meta/objectmeta.ts';
import type { CliContext } from '../context.ts';
import { formatColumns } from '../output/columns.ts';
import { printObject } from '../output/print.ts';

interface Review extends KubeObject {
  status: {
    userInfo: { username?: string; uid?: string; groups?: string[]; extra?: Record<string, string[]> };
  };
}

/** `cox auth whoami` */
export async function whoami(ctx: CliContext, o: { readonly output?: string }): Promise<void> {
  const type = { apiVersion: 'authentication.k8s.io/v1', kind: 'SelfSubjectReview' };
  const path = '/apis/authentication.k8s.io/v1/selfsubjectreviews';
  const review = await ctx.rest.json<Review>({ method: 'POST', path, body: type });
  if (o.output) {
    ctx.out(printObject({ ...type, ...review }, o, () => 'selfsubjectreview.authentication.k8s.io/'));
    return;
  }
  const { username, uid, groups = [], extra = {} } = review.status.userInfo;
  const rows = [
    ['Username', username],
    ['UID', uid],
    ['Groups', groups.length > 0 ? `[${groups.join(' ')}]` : undefined],
    ...Object.entries(extra).map(([k, v]) => [`Extra: ${k}`, `[${v.join(' ')}]`]),
  ];
  ctx.out(formatColumns([['ATTRIBUTE', 'VALUE'], ...rows.filter((r): r is string[] => r[1] !== undefined)]));
}
