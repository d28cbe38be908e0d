import type { Node } from '#api/kinds/index.ts';
import { isNotFound } from '#api/meta/errors.ts';
import type { KubeObject } from '#api/meta/objectmeta.ts';
import { milliValue } from '#api/meta/quantity.ts';
import type { CliContext } from '../context.ts';
import { CliError } from '../errors.ts';
import { formatColumns } from '../output/columns.ts';

export interface TopFlags {
  readonly selector?: string;
  readonly fieldSelector?: string;
  readonly sortBy?: string;
  readonly headers?: boolean;
  readonly allNamespaces?: boolean;
  readonly containers?: boolean;
  readonly sum?: boolean;
  readonly showCapacity?: boolean;
}

const METRICS = '/apis/metrics.k8s.io/v1beta1';

type Amounts = Readonly<Record<string, string>>;
type NodeMetrics = KubeObject & { usage?: Amounts };
type PodMetrics = KubeObject & { containers?: { name: string; usage?: Amounts }[] };

/** What something uses: thousandths of a core, and bytes. */
interface Usage {
  readonly cpu: number;
  readonly memory: number;
}

const usageOf = (a: Amounts | undefined): Usage => ({
  cpu: milliValue(a?.cpu ?? '0'),
  memory: milliValue(a?.memory ?? '0') / 1000,
});

const sumOf = (all: readonly Usage[]): Usage => ({
  cpu: all.reduce((n, u) => n + u.cpu, 0),
  memory: all.reduce((n, u) => n + u.memory, 0),
});

const cells = (u: Usage): string[] => [`${Math.ceil(u.cpu)}m`, `${Math.floor(u.memory / (1 << 20))}Mi`];

/** Most first by what was asked for, else by name. */
function order<T extends { usage: Usage; names: readonly string[] }>(rows: T[], by: string | undefined): T[] {
  if (by !== undefined && by !== '' && by !== 'cpu' && by !== 'memory')
    throw new CliError('--sort-by accepts only cpu or memory');
  const key = (r: T): string => r.names.join('/');
  return rows.sort((a, b) =>
    by ? b.usage[by as keyof Usage] - a.usage[by as keyof Usage] : key(a) < key(b) ? -1 : Number(key(a) > key(b)),
  );
}

/** @throws CliError when the cluster has no metrics */
async function read<T>(
  ctx: CliContext,
  path: string,
  name: string | undefined,
  query: Record<string, string | undefined>,
) {
  try {
    if (name) return [await ctx.rest.json<T>({ path: `${METRICS}${path}/${encodeURIComponent(name)}` })];
    return (await ctx.rest.json<{ items: T[] }>({ path: `${METRICS}${path}`, query })).items;
  } catch (e) {
    const served = (await ctx.discovery()).known.some((r) => r.group === 'metrics.k8s.io');
    if (isNotFound(e) && !served) throw new CliError('Metrics API not available');
    throw e;
  }
}

function print(ctx: CliContext, header: readonly string[], rows: readonly string[][], o: TopFlags): void {
  ctx.out(formatColumns(o.headers === false ? rows : [header, ...rows]));
}

/** `cox top node [NAME]` */
export async function topNodes(ctx: CliContext, args: readonly string[], o: TopFlags): Promise<void> {
  if (args[0] && o.selector) throw new CliError('only one of NAME or --selector can be provided');
  const metrics = await read<NodeMetrics>(ctx, '/nodes', args[0], { labelSelector: o.selector });
  if (metrics.length === 0) throw new CliError('metrics not available yet');
  const { items } = await ctx.rest.json<{ items: Node[] }>({
    path: '/api/v1/nodes',
    query: { labelSelector: o.selector },
  });
  const measured = metrics.map((m) => ({ names: [m.metadata?.name ?? ''], usage: usageOf(m.usage) }));
  const percent = (used: number, of: number): string => (of > 0 ? `${Math.floor((used * 100) / of)}%` : '<unknown>');
  const rows = order(measured, o.sortBy).map(({ names: [name = ''], usage }) => {
    const status = items.find((n) => n.metadata?.name === name)?.status;
    const whole = usageOf((o.showCapacity ? status?.capacity : status?.allocatable) as Amounts | undefined);
    const [cpu = '', memory = ''] = cells(usage);
    return [name, cpu, percent(usage.cpu, whole.cpu), memory, percent(usage.memory, whole.memory)];
  });
  const known = new Set(measured.map((m) => m.names[0]));
  const silent = args[0] ? [] : items.filter((n) => !known.has(n.metadata?.name ?? ''));
  const unknown = silent.map((n) => [n.metadata?.name ?? '', ...Array<string>(4).fill('<unknown>')]);
  print(ctx, ['NAME', 'CPU(cores)', 'CPU(%)', 'MEMORY(bytes)', 'MEMORY(%)'], [...rows, ...unknown], o);
}

/** `cox top pod [NAME]` */
export async function topPods(ctx: CliContext, args: readonly string[], o: TopFlags): Promise<void> {
  const [name] = args;
  if (name && (o.selector || o.fieldSelector)) throw new CliError('only one of NAME or selector can be provided');
  const path = o.allNamespaces ? '/pods' : `/namespaces/${encodeURIComponent(ctx.namespace)}/pods`;
  const query = { labelSelector: o.selector, fieldSelector: o.fieldSelector };
  const metrics = await read<PodMetrics>(ctx, path, name, query);
  if (metrics.length === 0) {
    if (!o.allNamespaces) ctx.err(`No resources found in ${ctx.namespace} namespace.\n`);
    else ctx.err('No resources found\n');
    return;
  }
  const pods = metrics.map((m) => {
    const parts = (m.containers ?? []).map((c) => ({ names: [c.name], usage: usageOf(c.usage) }));
    return {
      names: [...(o.allNamespaces ? [m.metadata?.namespace ?? ''] : []), m.metadata?.name ?? ''],
      usage: sumOf(parts.map((p) => p.usage)),
      parts,
    };
  });
  const rows = order(pods, o.sortBy).flatMap((p) =>
    o.containers
      ? order(p.parts, o.sortBy).map((c) => [...p.names, ...c.names, ...cells(c.usage)])
      : [[...p.names, ...cells(p.usage)]],
  );
  const header = [
    ...(o.allNamespaces ? ['NAMESPACE'] : []),
    ...(o.containers ? ['POD', 'NAME'] : ['NAME']),
    'CPU(cores)',
    'MEMORY(bytes)',
  ];
  if (!o.sum) return print(ctx, header, rows, o);
  const blank = header.slice(0, -2).map(() => '');
  const line = [...blank, '________', '________'];
  print(ctx, header, [...rows, line, [...blank, ...cells(sumOf(pods.map((p) => p.usage)))]], o);
}
