import type { KubeObject } from '#api/meta/objectmeta.ts';
import { pathOf } from '../api/discovery.ts';
import { report, type WriteFlags } from '../commands/write.ts';
import type { CliContext } from '../context.ts';
import { CliError } from '../errors.ts';
import { hasSources } from '../manifests.ts';
import { eachFound } from '../targets.ts';

type Request = KubeObject & {
  status?: { conditions?: { type: string; status: string; reason?: string; message?: string }[] };
};

/** `cox certificate approve NAME`, `cox certificate deny NAME`. @returns the exit code */
export async function decide(
  ctx: CliContext,
  verdict: 'Approved' | 'Denied',
  args: readonly string[],
  o: WriteFlags & { readonly force?: boolean },
): Promise<number> {
  if (args.length === 0 && !hasSources(o))
    throw new CliError('one or more CSRs must be specified as <name> or -f <filename>');
  const verb = verdict === 'Approved' ? 'approve' : 'deny';
  const done = verdict.toLowerCase();
  const named = hasSources(o) ? [] : ['csr', ...args];
  return eachFound(ctx, named, { ...o, left: `not ${done}` }, async ({ resource, object }) => {
    const request = object as Request;
    const conditions = request.status?.conditions ?? [];
    if (!conditions.some((c) => c.type === verdict) || o.force) {
      const condition = {
        type: verdict,
        status: 'True',
        reason: `Kubectl${verb === 'deny' ? 'Deny' : 'Approve'}`,
        message: `This CSR was ${done} by cox certificate ${verb}.`,
      };
      const body = { ...request, status: { ...request.status, conditions: [...conditions, condition] } };
      const path = pathOf(resource, undefined, request.metadata?.name, 'approval');
      await ctx.rest.json({ method: 'PUT', path, body });
    }
    await report(ctx, o, resource, request, done);
  });
}
