import { isFinal } from '#api/kinds/core/pod/phase.ts';
import type { Node, Pod } from '#api/kinds/index.ts';
import { isNotFound, StatusError } from '#api/meta/errors.ts';
import { parseLabelSelector } from '#api/meta/labels.ts';
import { systemClock } from '#async/clock.ts';
import { parseSeconds } from '../commands/logs.ts';
import { suffix } from '../commands/write.ts';
import type { CliContext } from '../context.ts';
import { CliError } from '../errors.ts';
import { interrupted } from '../interrupted.ts';
import { type NodeFlags, nodesOf, nodeText, setUnschedulable } from './cordon.ts';

export interface DrainFlags extends NodeFlags {
  readonly podSelector?: string;
  readonly force?: boolean;
  readonly ignoreDaemonsets?: boolean;
  readonly deleteEmptydirData?: boolean;
  readonly disableEviction?: boolean;
  readonly gracePeriod?: string;
  readonly timeout?: string;
  readonly skipWaitForDeleteTimeout?: string;
}

/** How long to leave a pod alone that a disruption budget keeps, milliseconds. */
const RETRY_MS = 5_000;
/** Between looks whether a pod is gone. */
const POLL_MS = 500;
/** Pods the agent makes from its own files: deleting them through the API does nothing. */
const MIRROR = 'kubernetes.io/config.mirror';

const placeOf = (p: Pod): string => `${p.metadata?.namespace ?? ''}/${p.metadata?.name ?? ''}`;
const finished = (p: Pod): boolean => isFinal(p.status?.phase);
const ownerOf = (p: Pod) => p.metadata?.ownerReferences?.find((r) => r.controller);

/** What speaks against removing a pod. */
interface Objection {
  readonly fatal: boolean;
  readonly text: string;
  /** The pod stays. */
  readonly skip?: boolean;
}

function objectionsTo(p: Pod, o: DrainFlags): Objection[] {
  const found: Objection[] = [];
  if (ownerOf(p)?.kind === 'DaemonSet' && !finished(p)) {
    if (!o.ignoreDaemonsets)
      return [{ fatal: true, text: 'cannot delete DaemonSet-managed Pods (use --ignore-daemonsets to ignore)' }];
    return [{ fatal: false, skip: true, text: 'ignoring DaemonSet-managed Pods' }];
  }
  if (p.spec?.volumes?.some((v) => v.emptyDir) && !finished(p) && !o.deleteEmptydirData)
    found.push({ fatal: true, text: 'cannot delete Pods with local storage (use --delete-emptydir-data to override)' });
  if (!ownerOf(p) && !finished(p)) {
    found.push(
      o.force
        ? { fatal: false, text: 'deleting Pods that declare no controller' }
        : { fatal: true, text: 'cannot delete Pods that declare no controller (use --force to override)' },
    );
  }
  return found;
}

/** "reason: ns/a, ns/b; other: ns/c" */
function grouped(list: readonly (readonly [Pod, Objection])[]): string {
  return [...Map.groupBy(list, ([, why]) => why.text)]
    .map(([text, pairs]) => `${text}: ${pairs.map(([p]) => placeOf(p)).join(', ')}`)
    .join('; ');
}

/** The pods to remove from a node. @throws CliError that names those that may not be */
async function podsToRemove(ctx: CliContext, node: string, o: DrainFlags): Promise<Pod[]> {
  const query = { fieldSelector: `spec.nodeName=${node}`, labelSelector: o.podSelector };
  const { items } = await ctx.rest.json<{ items: Pod[] }>({ path: '/api/v1/pods', query });
  const own = items.filter((p) => !(MIRROR in (p.metadata?.annotations ?? {})));
  const objections = own.flatMap((p) => objectionsTo(p, o).map((why) => [p, why] as const));
  const fatal = objections.filter(([, why]) => why.fatal);
  if (fatal.length > 0) throw new CliError(grouped(fatal));
  if (objections.length > 0) ctx.err(`Warning: ${grouped(objections)}\n`);
  const stays = new Set(objections.filter(([, why]) => why.skip).map(([p]) => p));
  return own.filter((p) => !stays.has(p));
}

const podPath = (p: Pod): string => `/api/v1/namespaces/${p.metadata?.namespace}/pods/${p.metadata?.name}`;

function optionsOf(o: DrainFlags): Record<string, unknown> {
  const grace = Number(o.gracePeriod ?? -1);
  return {
    ...(grace >= 0 ? { gracePeriodSeconds: grace } : {}),
    ...(o.dryRun === 'server' ? { dryRun: ['All'] } : {}),
  };
}

async function removeOnce(ctx: CliContext, p: Pod, o: DrainFlags): Promise<void> {
  const { name, namespace } = p.metadata ?? {};
  const deleteOptions = optionsOf(o);
  if (o.disableEviction) {
    await ctx.rest.json({
      method: 'DELETE',
      path: podPath(p),
      body: { kind: 'DeleteOptions', apiVersion: 'v1', ...deleteOptions },
    });
    return;
  }
  const body = { apiVersion: 'policy/v1', kind: 'Eviction', metadata: { name, namespace }, deleteOptions };
  const query = o.dryRun === 'server' ? { dryRun: 'All' } : {};
  await ctx.rest.json({ method: 'POST', path: `${podPath(p)}/eviction`, query, body });
}

/** Evicts a pod, again and again while a disruption budget forbids it, and waits until it is gone. */
async function remove(ctx: CliContext, p: Pod, o: DrainFlags, signal: AbortSignal): Promise<void> {
  const verb = o.disableEviction ? 'deleting' : 'evicting';
  const tried = (o.dryRun ?? 'none') !== 'none';
  for (;;) {
    if (tried || !o.disableEviction) ctx.out(`${verb} pod ${placeOf(p)}${suffix(o)}\n`);
    if (o.dryRun === 'client') return;
    try {
      await removeOnce(ctx, p, o);
      break;
    } catch (e) {
      if (isNotFound(e)) return;
      if (!(e instanceof StatusError && e.code === 429)) throw e;
      const { name, namespace } = p.metadata ?? {};
      ctx.err(`error when evicting pods/"${name}" -n "${namespace}" (will retry after 5s): ${e.message}\n`);
      await systemClock.sleep(RETRY_MS, signal);
    }
  }
  if (o.dryRun === 'server') return;
  await untilGone(ctx, p, o, signal);
  ctx.out(`pod/${p.metadata?.name} ${o.disableEviction ? 'deleted' : 'evicted'}\n`);
}

async function untilGone(ctx: CliContext, p: Pod, o: DrainFlags, signal: AbortSignal): Promise<void> {
  const patience = Number(o.skipWaitForDeleteTimeout ?? 0) * 1000;
  for (;;) {
    const now = await ctx.rest.found<Pod>(podPath(p));
    const { uid, deletionTimestamp } = now?.metadata ?? {};
    if (!now || uid !== p.metadata?.uid) return;
    if (patience > 0 && deletionTimestamp && Date.now() - Date.parse(deletionTimestamp) > patience) return;
    await systemClock.sleep(POLL_MS, signal);
  }
}

async function drainNode(ctx: CliContext, node: Node, o: DrainFlags): Promise<void> {
  const seconds = parseSeconds(o.timeout ?? '0s');
  const limit = seconds > 0 ? AbortSignal.timeout(seconds * 1000) : undefined;
  const signal = limit ? AbortSignal.any([ctx.signal, limit]) : ctx.signal;
  const pods = await podsToRemove(ctx, node.metadata?.name ?? '', o);
  try {
    await Promise.all(pods.map((p) => remove(ctx, p, o, signal)));
  } catch (e) {
    if (limit?.aborted) throw new CliError(`global timeout reached: ${o.timeout}`);
    throw e;
  }
}

/** @throws CliError before anything is cordoned */
function refuseSelector(text: string | undefined): void {
  try {
    parseLabelSelector(text ?? '');
  } catch (e) {
    throw new CliError(`--pod-selector=<pod_selector> must be a valid label selector: ${(e as Error).message}`);
  }
}

/** `cox drain NODE`: closes it and moves its pods elsewhere. @returns the exit code */
export async function drain(ctx: CliContext, args: readonly string[], o: DrainFlags): Promise<number> {
  refuseSelector(o.podSelector);
  const nodes = await nodesOf(ctx, 'drain', args, o);
  const stopped = await setUnschedulable(ctx, nodes, true, o);
  if (stopped) return stopped;
  const pending: string[] = [];
  const problems: string[] = [];
  for (const [i, node] of nodes.entries()) {
    const name = node.metadata?.name ?? '';
    try {
      await drainNode(ctx, node, o);
      ctx.out(`node/${name} drained${suffix(o)}\n`);
    } catch (e) {
      if (ctx.signal.aborted) return interrupted(ctx, nodes.slice(i).map(nodeText), 'cordoned, but not drained');
      pending.push(name);
      problems.push((e as Error).message);
      ctx.err(`error: unable to drain node "${name}" due to error: ${(e as Error).message}, continuing command...\n`);
    }
  }
  if (pending.length === 0) return 0;
  ctx.err(`There are pending nodes to be drained:\n ${pending.join('\n ')}\n${problems.join('\n')}\n`);
  return 1;
}
