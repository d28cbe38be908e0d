import type { Node } from '#api/kinds/index.ts';
import type { KubeObject } from '#api/meta/objectmeta.ts';
import type { WriteFlags } from '../commands/write.ts';
import { suffix } from '../commands/write.ts';
import type { CliContext } from '../context.ts';
import { CliError } from '../errors.ts';
import { oneByOne } from '../interrupted.ts';

export interface NodeFlags extends WriteFlags {
  readonly selector?: string;
}

/** The nodes that are named or selected. @throws CliError when neither is given */
export async function nodesOf(
  ctx: CliContext,
  command: string,
  args: readonly string[],
  o: NodeFlags,
): Promise<Node[]> {
  if (args.length === 0 && !o.selector) throw new CliError(`USAGE: ${command} NODE [flags]`);
  if (args.length > 0 && o.selector) throw new CliError('cannot specify both a node name and a --selector option');
  if (o.selector) {
    const query = { labelSelector: o.selector };
    return (await ctx.rest.json<{ items: Node[] }>({ path: '/api/v1/nodes', query })).items;
  }
  const names = args.map((a) => a.replace(/^(nodes?|no)\//, ''));
  return Promise.all(names.map((n) => ctx.rest.json<Node>({ path: `/api/v1/nodes/${encodeURIComponent(n)}` })));
}

/** Closes nodes to new pods, or opens them again. @returns the exit code */
export function setUnschedulable(
  ctx: CliContext,
  all: readonly Node[],
  wanted: boolean,
  o: NodeFlags,
): Promise<number> {
  const left = wanted ? 'not cordoned' : 'not uncordoned';
  return oneByOne(ctx, { all, nameOf: nodeText, left }, (node) => setOne(ctx, node, wanted, o));
}

export const nodeText = ({ metadata }: Node): string => `node/${metadata?.name ?? ''}`;

async function setOne(ctx: CliContext, node: Node, wanted: boolean, o: NodeFlags): Promise<void> {
  const name = node.metadata?.name ?? '';
  const word = wanted ? 'cordoned' : 'uncordoned';
  if ((node.spec?.unschedulable === true) === wanted) {
    ctx.out(`node/${name} already ${word}${suffix(o)}\n`);
    return;
  }
  if (o.dryRun !== 'client') {
    await ctx.rest.json<KubeObject>({
      method: 'PATCH',
      path: `/api/v1/nodes/${name}`,
      contentType: 'application/strategic-merge-patch+json',
      query: o.dryRun === 'server' ? { dryRun: 'All' } : {},
      body: { spec: { unschedulable: wanted || null } },
    });
  }
  ctx.out(`node/${name} ${word}${suffix(o)}\n`);
}

/** `cox cordon NODE`, `cox uncordon NODE`. @returns the exit code */
export async function cordon(ctx: CliContext, args: readonly string[], wanted: boolean, o: NodeFlags): Promise<number> {
  return setUnschedulable(ctx, await nodesOf(ctx, wanted ? 'cordon' : 'uncordon', args, o), wanted, o);
}
