import type { Node } from '#api/kinds/index.ts';
import { qualifiedName } from '#api/meta/names.ts';
import { report } from '../commands/write.ts';
import type { CliContext } from '../context.ts';
import { CliError } from '../errors.ts';
import { eachFound, type Found } from '../targets.ts';
import type { NodeFlags } from './cordon.ts';

export interface TaintFlags extends NodeFlags {
  readonly all?: boolean;
  readonly overwrite?: boolean;
}

interface Taint {
  readonly key: string;
  readonly value?: string;
  readonly effect: string;
}

const EFFECTS = new Set(['NoSchedule', 'PreferNoSchedule', 'NoExecute']);

function effectOf(text: string): string {
  if (!EFFECTS.has(text)) throw new CliError(`invalid taint effect: ${text}, unsupported taint effect`);
  return text;
}

/** `key=value:Effect`, `key:Effect` add; `key-`, `key:Effect-` remove. */
function changesOf(specs: readonly string[]): { add: Taint[]; remove: { key: string; effect?: string }[] } {
  const add: Taint[] = [];
  const remove: { key: string; effect?: string }[] = [];
  for (const spec of specs) {
    const gone = spec.endsWith('-');
    const [pair = '', effect] = (gone ? spec.slice(0, -1) : spec).split(':');
    const [key = '', value] = pair.split('=');
    if (gone) remove.push({ key, ...(effect ? { effect: effectOf(effect) } : {}) });
    else add.push({ key, ...(value ? { value } : {}), effect: effectOf(effect ?? '') });
  }
  for (const { key } of add) {
    const [problem] = qualifiedName(key);
    if (problem) throw new CliError(`invalid taint spec: ${key}, ${problem}`);
  }
  const both = add.filter((a) => remove.some((r) => r.key === a.key && (!r.effect || r.effect === a.effect)));
  if (both.length > 0) {
    const names = both.map((b) => `${b.key}=${b.effect}`).join(',');
    throw new CliError(`can not both modify and remove the following taint(s) in the same command: ${names}`);
  }
  return { add, remove };
}

function taintNode(
  node: Node,
  change: ReturnType<typeof changesOf>,
  overwrite: boolean,
): { taints: Taint[]; done: string } {
  const now = (node.spec?.taints ?? []) as Taint[];
  const clash = change.add.some((a) => now.some((t) => t.key === a.key && t.effect === a.effect));
  if (clash && !overwrite) {
    throw new CliError(
      `node ${node.metadata?.name} already has a taint(s) with same effect(s) and --overwrite is false`,
    );
  }
  const goes = (t: Taint): boolean =>
    change.remove.some((r) => r.key === t.key && (!r.effect || r.effect === t.effect));
  const missing = change.remove.filter(
    (r) => !now.some((t) => t.key === r.key && (!r.effect || r.effect === t.effect)),
  );
  if (missing.length > 0) {
    const told = missing.map((r) => new CliError(`taint "${r.key}${r.effect ? `:${r.effect}` : ''}" not found`));
    throw new AggregateError(told);
  }
  const replaced = (t: Taint): boolean => change.add.some((a) => a.key === t.key && a.effect === t.effect);
  const taints = [...now.filter((t) => !goes(t) && !replaced(t)), ...change.add];
  const done =
    clash || (change.add.length > 0 && change.remove.length > 0)
      ? 'modified'
      : change.add.length > 0
        ? 'tainted'
        : 'untainted';
  return { taints, done };
}

/** `cox taint nodes NAME key=value:NoSchedule`. @returns the exit code */
export async function taint(ctx: CliContext, args: readonly string[], o: TaintFlags): Promise<number> {
  const [type = '', ...rest] = args;
  const isSpec = (a: string): boolean => /[:=]/.test(a) || (a.endsWith('-') && a.length > 1);
  const specs = rest.filter(isSpec);
  const names = rest.filter((a) => !isSpec(a));
  const kind = type.split('/')[0] ?? '';
  if (!type) throw new CliError('say which nodes and taints: cox taint nodes NAME key=value:NoSchedule');
  const resource = await (await ctx.discovery()).find(kind);
  if (resource.plural !== 'nodes') throw new CliError(`invalid resource type ${kind}, only node types are supported`);
  if (specs.length === 0) throw new CliError('at least one taint update is required');
  const change = changesOf(specs);
  const left = change.add.length > 0 ? 'not tainted' : 'not untainted';
  return eachFound(ctx, [type, ...names], { ...o, left }, (found) => apply(ctx, found, change, o));
}

async function apply(
  ctx: CliContext,
  found: Found,
  change: ReturnType<typeof changesOf>,
  o: TaintFlags,
): Promise<void> {
  const node = found.object as Node;
  const { taints, done } = taintNode(node, change, o.overwrite === true);
  if (o.dryRun === 'client') {
    await report(
      ctx,
      { ...o, dryRun: 'none' },
      found.resource,
      { ...node, spec: { ...node.spec, taints } } as Node,
      done,
    );
    return;
  }
  const answer = await ctx.rest.json<Node>({
    method: 'PATCH',
    path: `/api/v1/nodes/${node.metadata?.name}`,
    contentType: 'application/merge-patch+json',
    query: { fieldManager: o.fieldManager ?? 'kubectl-taint', ...(o.dryRun === 'server' ? { dryRun: 'All' } : {}) },
    // The version keeps taints that somebody adds meanwhile.
    body: { metadata: { resourceVersion: node.metadata?.resourceVersion }, spec: { taints } },
  });
  await report(ctx, { ...o, dryRun: 'none' }, found.resource, answer, done);
}
