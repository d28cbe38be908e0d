import type { KubeObject } from '#api/meta/objectmeta.ts';
import { pathOf } from '../api/discovery.ts';
import type { CliContext } from '../context.ts';
import { CliError } from '../errors.ts';
import { type Chosen, chosenObjects } from '../targets.ts';
import { label, suffix, type WriteFlags, writeQuery } from './write.ts';

export interface ScaleFlags extends WriteFlags {
  readonly replicas?: string;
  readonly currentReplicas?: string;
  readonly all?: boolean;
  readonly selector?: string;
  readonly allNamespaces?: boolean;
}

async function expand(ctx: CliContext, c: Chosen, o: ScaleFlags): Promise<Chosen[]> {
  if (c.name) return [c];
  if (!o.all && !o.selector) throw new CliError('resource(s) were provided, but no name was specified');
  const query = { labelSelector: o.selector };
  const { items } = await ctx.rest.json<{ items: KubeObject[] }>({ path: pathOf(c.resource, c.namespace), query });
  return items.map((i) => ({ ...c, namespace: i.metadata?.namespace, name: i.metadata?.name ?? '' }));
}

async function scaleOne(ctx: CliContext, c: Chosen, replicas: number, o: ScaleFlags): Promise<void> {
  const path = pathOf(c.resource, c.namespace, c.name, 'scale');
  if (o.currentReplicas !== undefined) {
    const now = (await ctx.rest.json<{ spec?: { replicas?: number } }>({ path })).spec?.replicas ?? 0;
    if (now !== Number(o.currentReplicas))
      throw new CliError(`Expected replicas to be ${o.currentReplicas}, was ${now}`);
  }
  if (o.dryRun !== 'client') {
    const query = writeQuery(o, 'kubectl');
    await ctx.rest.json({
      method: 'PATCH',
      path,
      contentType: 'application/merge-patch+json',
      query,
      body: { spec: { replicas } },
    });
  }
  ctx.out(
    o.output === 'name'
      ? `${label(c.resource, c.name ?? '')}\n`
      : `${label(c.resource, c.name ?? '')} scaled${suffix(o)}\n`,
  );
}

/** `cox scale TYPE/NAME --replicas N` */
export async function scale(ctx: CliContext, args: readonly string[], o: ScaleFlags): Promise<void> {
  const replicas = Number(o.replicas);
  if (o.replicas === undefined || !Number.isInteger(replicas) || replicas < 0) {
    throw new CliError('The --replicas=COUNT flag is required, and COUNT must be greater than or equal to 0');
  }
  const chosen = await chosenObjects(ctx, args, o);
  const all = (await Promise.all(chosen.map((c) => expand(ctx, c, o)))).flat();
  for (const c of all) await scaleOne(ctx, c, replicas, o);
}
