import type { KubeObject } from '#api/meta/objectmeta.ts';
import { systemClock } from '#async/clock.ts';
import { pathOf } from '../api/discovery.ts';
import type { CliContext } from '../context.ts';
import { CliError } from '../errors.ts';
import { interrupted, isCut, oneByOne } from '../interrupted.ts';
import { chosenObjects, type Named, namedTargets } from '../targets.ts';
import { parseSeconds } from './logs.ts';
import { label, suffix, targetLabel, type WriteFlags, writeQuery } from './write.ts';

export interface ScaleFlags extends WriteFlags {
  readonly replicas?: string;
  readonly currentReplicas?: string;
  readonly all?: boolean;
  readonly selector?: string;
  readonly allNamespaces?: boolean;
  /** Only if the object has this version. */
  readonly resourceVersion?: string;
  /** Wait so long until it has as many. */
  readonly timeout?: string;
}

interface Scale extends KubeObject {
  readonly spec?: { readonly replicas?: number };
  readonly status?: { readonly replicas?: number };
}

/** Between two looks at how many there are, milliseconds. */
const LOOK_MS = 1_000;

/** @throws CliError when there are not as many in time */
async function untilScaled(ctx: CliContext, path: string, replicas: number, seconds: number): Promise<void> {
  const end = systemClock.now() + seconds * 1000;
  while ((await ctx.rest.json<Scale>({ path })).status?.replicas !== replicas) {
    if (systemClock.now() >= end) throw new CliError('timed out waiting for the condition');
    await systemClock.sleep(LOOK_MS, ctx.signal);
  }
}

async function scaleOne(ctx: CliContext, c: Named, replicas: number, o: ScaleFlags): Promise<void> {
  const path = pathOf(c.resource, c.namespace, c.name, 'scale');
  if (o.currentReplicas !== undefined || o.resourceVersion !== undefined) {
    const scale = await ctx.rest.json<Scale>({ path });
    const now = scale.spec?.replicas ?? 0;
    if (o.currentReplicas !== undefined && now !== Number(o.currentReplicas))
      throw new CliError(`Expected replicas to be ${o.currentReplicas}, was ${now}`);
    const version = scale.metadata?.resourceVersion;
    if (o.resourceVersion !== undefined && version !== o.resourceVersion)
      throw new CliError(`Expected resource version to be ${o.resourceVersion}, was ${version}`);
  }
  if (o.dryRun !== 'client') {
    const query = writeQuery(o, 'kubectl');
    await ctx.rest.json({
      method: 'PATCH',
      path,
      contentType: 'application/merge-patch+json',
      query,
      body: { ...(o.resourceVersion ? { metadata: { resourceVersion: o.resourceVersion } } : {}), spec: { replicas } },
    });
  }
  const seconds = parseSeconds(o.timeout ?? '0s');
  if (seconds > 0 && (o.dryRun ?? 'none') === 'none') {
    await untilScaled(ctx, path, replicas, seconds).catch((e: unknown) => {
      if (!isCut(ctx, e)) throw e;
      interrupted(ctx, [targetLabel(c)], `scaled, but not at ${replicas} yet`);
    });
  }
  ctx.out(o.output === 'name' ? `${label(c.resource, c.name)}\n` : `${label(c.resource, c.name)} scaled${suffix(o)}\n`);
}

/** `cox scale TYPE/NAME --replicas N`. @returns the exit code */
export async function scale(ctx: CliContext, args: readonly string[], o: ScaleFlags): Promise<number> {
  const replicas = Number(o.replicas);
  if (o.replicas === undefined || !Number.isInteger(replicas) || replicas < 0) {
    throw new CliError('The --replicas=COUNT flag is required, and COUNT must be greater than or equal to 0');
  }
  const all = await namedTargets(ctx, await chosenObjects(ctx, args, o), o);
  if (all.length === 0) throw new CliError('no objects passed to scale');
  return oneByOne(ctx, { all, nameOf: targetLabel, left: 'not scaled' }, (c) => scaleOne(ctx, c, replicas, o));
}
