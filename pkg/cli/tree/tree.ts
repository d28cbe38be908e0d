import type { KubeObject } from '#api/meta/objectmeta.ts';
import { type ApiResource, apiVersionOf, pathOf } from '../api/discovery.ts';
import type { CliContext } from '../context.ts';
import { since } from '../describe/values.ts';
import { CliError } from '../errors.ts';
import { formatColumns } from '../output/columns.ts';
import { foundObjects } from '../targets.ts';

interface Status {
  status?: {
    phase?: string;
    conditions?: { type: string; status: string; reason?: string }[];
    readyReplicas?: number;
    replicas?: number;
  };
  spec?: { replicas?: number };
}

/** One line of the tree. */
interface Line {
  readonly indent: string;
  readonly object: KubeObject;
}

/** Objects of a namespace (or outside of any) that have owners. A kind that may not be read is left out. */
async function ownedObjects(ctx: CliContext, namespace: string | undefined): Promise<KubeObject[]> {
  const all = await (await ctx.discovery()).all();
  const seen = new Set<string>();
  const kinds = all.filter((r) => {
    const key = `${r.group}/${r.plural}`;
    // Events have no owners, and one version of a kind is enough.
    if (seen.has(key) || r.plural === 'events' || !r.verbs.includes('list')) return false;
    seen.add(key);
    return r.namespaced || namespace === undefined;
  });
  const read = async (r: ApiResource): Promise<KubeObject[]> => {
    const type = { apiVersion: apiVersionOf(r), kind: r.kind };
    const { items } = await ctx.rest.json<{ items: KubeObject[] }>({ path: pathOf(r, namespace) });
    return items.filter((i) => i.metadata?.ownerReferences?.length).map((i) => ({ ...i, ...type }));
  };
  const lists = await Promise.allSettled(kinds.map(read));
  return lists.flatMap((l) => (l.status === 'fulfilled' ? l.value : []));
}

function linesOf(root: KubeObject, owned: readonly KubeObject[]): Line[] {
  const children = new Map<string, KubeObject[]>();
  for (const o of owned) {
    for (const { uid } of o.metadata?.ownerReferences ?? []) children.set(uid, [...(children.get(uid) ?? []), o]);
  }
  const lines: Line[] = [];
  const seen = new Set<string>();
  const add = (object: KubeObject, first: string, rest: string): void => {
    const uid = object.metadata?.uid ?? '';
    lines.push({ indent: first, object });
    if (seen.has(uid)) return;
    seen.add(uid);
    const below = (children.get(uid) ?? []).sort((a, b) => label(a).localeCompare(label(b)));
    for (const [i, c] of below.entries()) {
      const last = i === below.length - 1;
      add(c, `${rest}${last ? '└─' : '├─'}`, `${rest}${last ? '  ' : '│ '}`);
    }
  };
  add(root, '', '');
  return lines;
}

const label = (o: KubeObject): string => `${o.kind ?? ''}/${o.metadata?.name ?? ''}`;

/** How it is, in a word or two. */
function stateOf(o: KubeObject): string {
  const { status, spec } = o as Status;
  if (o.metadata?.deletionTimestamp) return 'Terminating';
  if (spec?.replicas !== undefined && o.kind !== 'Pod') return `${status?.readyReplicas ?? 0}/${spec.replicas} ready`;
  const ready = status?.conditions?.find((c) => c.type === 'Ready');
  if (status?.phase && ready?.status === 'False') return `${status.phase}, ${ready.reason ?? 'not ready'}`;
  return status?.phase ?? '';
}

/** `cox tree TYPE/NAME`: an object, what it owns, what that owns, and how each of them is. */
export async function tree(ctx: CliContext, args: readonly string[]): Promise<void> {
  if (args.length === 0) throw new CliError('say which object: cox tree deploy/web');
  for (const { object } of await foundObjects(ctx, args, {})) {
    const now = Date.now();
    const lines = linesOf(object, await ownedObjects(ctx, object.metadata?.namespace));
    const rows = lines.map(({ indent, object: o }) => [
      `${indent}${label(o)}`,
      stateOf(o),
      since(o.metadata?.creationTimestamp, now),
    ]);
    ctx.out(formatColumns([['OBJECT', 'STATUS', 'AGE'], ...rows]));
  }
}
