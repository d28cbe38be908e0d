import type { ReplicationController } from '#api/kinds/index.ts';
import { systemClock } from '#async/clock.ts';
import { type ApiResource, pathOf } from '../api/discovery.ts';
import { parseSeconds } from '../commands/logs.ts';
import type { CliContext } from '../context.ts';
import { CliError } from '../errors.ts';
import { interrupted, isCut } from '../interrupted.ts';
import { readManifests, type Sources } from '../manifests.ts';
import { asSuccessor, desiredOf, nextStep, ORIGINAL, PARTNER, replicasOf, withImage } from './rolling-plan.ts';

export interface RollingUpdateFlags extends Sources {
  readonly image?: string;
  readonly container?: string;
  readonly rollback?: boolean;
  readonly updatePeriod: string;
  readonly pollInterval: string;
  readonly timeout: string;
}

/** The two controllers, and how long to wait; seconds. */
interface Update {
  readonly resource: ApiResource;
  readonly old: string;
  readonly next: string;
  readonly desired: number;
  readonly period: number;
  readonly poll: number;
  readonly timeout: number;
}

const MERGE = 'application/merge-patch+json';

/** @throws StatusError when there is none */
const get = (ctx: CliContext, r: ApiResource, name: string): Promise<ReplicationController> =>
  ctx.rest.json<ReplicationController>({ path: pathOf(r, ctx.namespace, name) });

const change = (ctx: CliContext, r: ApiResource, name: string, body: object): Promise<unknown> =>
  ctx.rest.json({ method: 'PATCH', path: pathOf(r, ctx.namespace, name), contentType: MERGE, body });

/** The controller that a file or an image asks for. @throws CliError */
async function wanted(
  ctx: CliContext,
  old: ReplicationController,
  { name, ...o }: RollingUpdateFlags & { readonly name: string | undefined },
): Promise<ReplicationController> {
  if (o.image) {
    if (!name) throw new CliError('must specify the name of the new ReplicationController with --image');
    return asSuccessor(withImage(old, { name, image: o.image, container: o.container }), old, name);
  }
  if (!o.filename) throw new CliError('must specify one of --image and -f');
  const [found, ...others] = await readManifests(ctx, o);
  if (!found || others.length > 0 || found.object.kind !== 'ReplicationController')
    throw new CliError(`${o.filename.join(', ')} must hold one ReplicationController and nothing else`);
  return asSuccessor(found.object as ReplicationController, old, found.file);
}

/** Makes the new controller, unless an earlier call has. @returns its name, and how many pods it shall have */
async function begin(
  ctx: CliContext,
  r: ApiResource,
  old: ReplicationController,
  o: RollingUpdateFlags & { readonly name: string | undefined },
): Promise<{ next: string; desired: number }> {
  const body = await wanted(ctx, old, o);
  const next = body.metadata?.name ?? '';
  const there = await ctx.rest.found<ReplicationController>(pathOf(r, ctx.namespace, next));
  if (there) {
    if (old.metadata?.annotations?.[PARTNER] !== next)
      throw new CliError(`replicationcontrollers "${next}" already exists, and does not take the place of another`);
    ctx.out(`Found existing update in progress (${next}), resuming.\n`);
    return { next, desired: desiredOf(there, replicasOf(there)) };
  }
  const original = old.metadata?.annotations?.[ORIGINAL] ?? String(replicasOf(old));
  const annotations = { [PARTNER]: next, [ORIGINAL]: original };
  await change(ctx, r, old.metadata?.name ?? '', { metadata: { annotations } });
  await ctx.rest.json({ method: 'POST', path: pathOf(r, ctx.namespace), body });
  ctx.out(`Created ${next}\n`);
  return { next, desired: desiredOf(body, 0) };
}

/** Step by step. @throws CliError when pods do not become ready in time */
async function move(ctx: CliContext, u: Update): Promise<void> {
  const { resource, old, next, desired } = u;
  let end = systemClock.now() + u.timeout * 1000;
  for (;;) {
    const step = nextStep(await get(ctx, resource, old), await get(ctx, resource, next), desired);
    if (step === 'done') return;
    if (step === 'wait') {
      if (systemClock.now() >= end) throw new CliError('timed out waiting for the condition');
      await systemClock.sleep(u.poll * 1000, ctx.signal);
      continue;
    }
    const name = step.scale === 'new' ? next : old;
    ctx.out(`Scaling ${name} ${step.scale === 'new' ? 'up' : 'down'} to ${step.to}\n`);
    await change(ctx, resource, name, { spec: { replicas: step.to } });
    end = systemClock.now() + u.timeout * 1000;
    if (step.scale === 'old' && step.to > 0) await systemClock.sleep(u.period * 1000, ctx.signal);
  }
}

/**
 * `cox rolling-update OLD NEW --image=I`, `cox rolling-update OLD -f FILE`: from one ReplicationController to another, pod by
 * pod, by this command itself. What is interrupted the same command goes on with; `--rollback` goes back. @returns the exit code
 */
export async function rollingUpdate(ctx: CliContext, args: readonly string[], o: RollingUpdateFlags): Promise<number> {
  const [from, to, ...more] = args;
  if (!from || more.length > 0)
    throw new CliError('must specify the ReplicationController to update, and at most its successor');
  const resource = await (await ctx.discovery()).ofObject({ apiVersion: 'v1', kind: 'ReplicationController' });
  const first = await get(ctx, resource, from);
  const times = {
    period: parseSeconds(o.updatePeriod),
    poll: Math.max(1, parseSeconds(o.pollInterval)),
    timeout: parseSeconds(o.timeout),
  };
  const u: Update = o.rollback
    ? { resource, old: to ?? first.metadata?.annotations?.[PARTNER] ?? '', next: from, desired: back(first), ...times }
    : { resource, old: from, ...(await begin(ctx, resource, first, { ...o, name: to })), ...times };
  if (!u.old) throw new CliError(`${from} has no successor: there is nothing to go back from`);
  const [before, after] = [await get(ctx, resource, u.old), await get(ctx, resource, u.next)];
  ctx.out(
    `Scaling up ${u.next} from ${replicasOf(after)} to ${u.desired}, scaling down ${u.old} from ${replicasOf(before)} to 0 ` +
      `(keep ${u.desired} pods available, don't exceed ${u.desired + 1} pods)\n`,
  );
  try {
    await move(ctx, u);
  } catch (e) {
    if (!isCut(ctx, e)) throw e;
    return interrupted(ctx, [`${u.old} to ${u.next}`], 'updated in part, the same command goes on');
  }
  ctx.out(`Update succeeded. Deleting ${u.old}\n`);
  const query = { propagationPolicy: 'Background' };
  await ctx.rest.json({ method: 'DELETE', path: pathOf(resource, ctx.namespace, u.old), query });
  if (o.rollback)
    await change(ctx, resource, u.next, { metadata: { annotations: { [PARTNER]: null, [ORIGINAL]: null } } });
  ctx.out(`replicationcontroller/${u.old} rolling updated to "${u.next}"\n`);
  return 0;
}

const back = ({ metadata, spec }: ReplicationController): number =>
  Number(metadata?.annotations?.[ORIGINAL] ?? spec?.replicas ?? 1);
