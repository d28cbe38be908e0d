import type { ConfigMap, LimitRange, Namespace, ResourceQuota, Secret, ServiceAccount } from '#api/kinds/index.ts';
import type { CliContext } from '../context.ts';
import { limitLines, quotaLines } from './limits.ts';
import { annotations, head } from './values.ts';
import type { DescriptionWriter } from './writer.ts';

const byKey = <T>([a]: readonly [string, T], [b]: readonly [string, T]): number => (a < b ? -1 : 1);

export function describeConfigMap(w: DescriptionWriter, c: ConfigMap): void {
  head(w, c);
  w.line(0, '\nData\n====');
  for (const [k, v] of Object.entries(c.data ?? {}).sort(byKey)) w.line(0, `${k}:\n----\n${v}\n`);
  w.line(0, '\nBinaryData\n====');
  for (const [k, v] of Object.entries(c.binaryData ?? {}).sort(byKey)) {
    w.line(0, `${k}: ${Buffer.from(String(v), 'base64').length} bytes`);
  }
  w.line(0, '');
}

export function describeSecret(w: DescriptionWriter, s: Secret): void {
  head(w, s);
  w.line(0, '');
  w.line(0, 'Type:', ` ${s.type ?? ''}`);
  w.line(0, '\nData\n====');
  for (const [k, v] of Object.entries(s.data ?? {}).sort(byKey)) {
    const bytes = Buffer.from(String(v), 'base64');
    const token = k === 'token' && s.type === 'kubernetes.io/service-account-token';
    w.line(0, `${k}:`, token ? bytes.toString() : `${bytes.length} bytes`);
  }
}

export async function describeNamespace(w: DescriptionWriter, n: Namespace, ctx: CliContext): Promise<void> {
  w.line(0, 'Name:', n.metadata?.name ?? '');
  w.map(0, 'Labels:', n.metadata?.labels);
  annotations(w, 0, n.metadata?.annotations);
  w.line(0, 'Status:', n.status?.phase ?? '');
  const conditions =
    (n.status as { conditions?: { type: string; status: string; reason?: string; message?: string }[] })?.conditions ??
    [];
  if (conditions.length > 0) {
    w.line(0, 'Conditions:');
    w.line(1, 'Type', 'Status', 'LastTransitionTime', 'Reason', 'Message');
    w.line(1, '----', '------', '------------------', '------', '-------');
    for (const c of conditions) w.line(1, c.type, c.status, '', c.reason ?? '', c.message ?? '');
  }
  const listOf = async <T>(plural: string): Promise<T[]> =>
    (await ctx.rest.json<{ items: T[] }>({ path: `/api/v1/namespaces/${n.metadata?.name}/${plural}` })).items;
  const quotas = await listOf<ResourceQuota>('resourcequotas');
  w.line(0, '');
  w.line(0, quotas.length === 0 ? 'No resource quota.' : 'Resource Quotas');
  for (const q of quotas) {
    w.line(1, 'Name:', q.metadata?.name ?? '');
    quotaLines(w, q, '  ');
  }
  const limits = await listOf<LimitRange>('limitranges');
  w.line(0, '');
  w.line(0, limits.length === 0 ? 'No LimitRange resource.' : 'Resource Limits');
  if (limits.length > 0) limitLines(w, limits, ' ');
}

const TOKEN = 'kubernetes.io/service-account-token';

export async function describeServiceAccount(w: DescriptionWriter, s: ServiceAccount, ctx: CliContext): Promise<void> {
  head(w, s);
  const { name, namespace } = s.metadata ?? {};
  const { items } = await ctx.rest.json<{ items: Secret[] }>({ path: `/api/v1/namespaces/${namespace}/secrets` });
  const there = new Set(items.map((i) => i.metadata?.name));
  const names = (list: readonly { name?: string }[] | undefined): string[] =>
    (list ?? []).map((r) => `${r.name ?? ''}${there.has(r.name) ? '' : ' (not found)'}`);
  const tokens = items.filter(
    (i) => i.type === TOKEN && i.metadata?.annotations?.['kubernetes.io/service-account.name'] === name,
  );
  w.list(0, 'Image pull secrets:', names(s.imagePullSecrets));
  w.list(0, 'Mountable secrets:', names(s.secrets));
  w.list(
    0,
    'Tokens:',
    tokens.map((t) => t.metadata?.name ?? ''),
  );
}
