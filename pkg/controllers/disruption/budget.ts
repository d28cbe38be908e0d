import type { Pod, PodDisruptionBudget, PodDisruptionBudgetStatus } from '#api/kinds/index.ts';
import type { Condition } from '#api/meta/condition.ts';
import type { Stored } from '#api/meta/objectmeta.ts';
import { isReady } from '#api/meta/readiness.ts';
import { apiTime } from '#api/meta/time.ts';
import { countOrShare } from '../harness/amounts.ts';

/** An evicted pod that is still there after this time is not going to go, milliseconds. */
export const EVICTION_MS = 2 * 60_000;
/**
 * An evicted pod that the cache does not show is gone, or so new that the cache has not seen it come: then it must not
 * count as healthy when it shows up, for its end may be seen later still. No cache lags behind for so long, milliseconds.
 */
export const UNSEEN_MS = 20_000;

export interface Scene {
  readonly budget: Stored<PodDisruptionBudget>;
  /** Those its selector matches. */
  readonly pods: readonly Stored<Pod>[];
  /** Replicas of the pods' controllers together; asked only for shares and `maxUnavailable`. */
  readonly expectedByControllers: number;
  readonly now: number;
}

/** True if the number of pods must be asked from their controllers: a share of those present would shrink with them. */
export const needsControllers = ({ spec }: PodDisruptionBudget): boolean =>
  spec?.maxUnavailable !== undefined || typeof spec?.minAvailable === 'string';

function needs({ budget, pods, expectedByControllers: all }: Scene): { expected: number; desired: number } {
  const { minAvailable, maxUnavailable } = budget.spec ?? {};
  if (maxUnavailable !== undefined)
    return { expected: all, desired: Math.max(0, all - countOrShare(maxUnavailable, all, Math.ceil)) };
  if (typeof minAvailable === 'string') return { expected: all, desired: countOrShare(minAvailable, all, Math.ceil) };
  return { expected: pods.length, desired: minAvailable ?? 0 };
}

/**
 * Whether the pod has been ending since after the eviction. One that ended before is not the one evicted but its
 * predecessor of the same name, as a cache that lags behind shows it; of whole seconds the same one does not tell.
 */
function endsSince({ metadata }: Stored<Pod>, at: string): boolean {
  const { deletionTimestamp: end, deletionGracePeriodSeconds: grace = 0 } = metadata;
  return end !== undefined && Date.parse(end) - grace * 1000 > Date.parse(at);
}

/** Evictions that were granted and whose pods are still to be deleted. */
function disrupted({ budget, pods, now }: Scene): {
  /** When, by the pod's name. */
  map: Map<string, string>;
  overdue: Stored<Pod>[];
  checkInMs: number;
} {
  const byName = new Map(pods.map((p) => [p.metadata.name, p]));
  const map = new Map<string, string>();
  const overdue: Stored<Pod>[] = [];
  let checkInMs = Number.POSITIVE_INFINITY;
  for (const [name, at] of Object.entries(budget.status?.disruptedPods ?? {})) {
    const pod = byName.get(name);
    // Its end has been seen; or it is the next one of that name.
    if (pod && (endsSince(pod, at) || pod.metadata.creationTimestamp > at)) continue;
    // Times have whole seconds: one made in that of the eviction is the one evicted, or the next one.
    const isIt = pod !== undefined && !pod.metadata.deletionTimestamp && pod.metadata.creationTimestamp < at;
    const left = Date.parse(at) + (isIt ? EVICTION_MS : UNSEEN_MS) - now;
    if (left > 0) {
      map.set(name, at);
      checkInMs = Math.min(checkInMs, left);
    } else if (isIt) overdue.push(pod);
  }
  return { map, overdue, checkInMs };
}

type Verdict = Pick<Condition, 'reason' | 'message' | 'status'>;

/** The one condition of a budget; its time moves when its status changes. */
export function allowedCondition(budget: PodDisruptionBudget, verdict: Verdict, now: number): Condition[] {
  const others = (budget.status?.conditions ?? []).filter((c) => c.type !== 'DisruptionAllowed');
  const old = budget.status?.conditions?.find((c) => c.type === 'DisruptionAllowed');
  const same = old?.status === verdict.status;
  const condition: Condition = {
    type: 'DisruptionAllowed',
    ...verdict,
    observedGeneration: budget.metadata?.generation ?? 0,
    lastTransitionTime: same && old ? old.lastTransitionTime : apiTime(now),
  };
  return [...others, condition];
}

/** Pure: the whole status, the pods whose eviction came to nothing, and when to look again. */
export function statusOf(s: Scene): {
  status: PodDisruptionBudgetStatus;
  overdue: readonly Stored<Pod>[];
  checkInMs: number;
} {
  const { map, overdue, checkInMs } = disrupted(s);
  const healthy = s.pods.filter((p) => isReady(p) && !p.metadata.deletionTimestamp && !map.has(p.metadata.name)).length;
  const { expected, desired } = needs(s);
  const allowed = expected > 0 ? Math.max(0, healthy - desired) : 0;
  const verdict: Verdict =
    allowed > 0
      ? { status: 'True', reason: 'SufficientPods', message: '' }
      : { status: 'False', reason: 'InsufficientPods', message: '' };
  const status: PodDisruptionBudgetStatus = {
    observedGeneration: s.budget.metadata.generation ?? 0,
    ...(map.size > 0 ? { disruptedPods: Object.fromEntries(map) } : {}),
    disruptionsAllowed: allowed,
    currentHealthy: healthy,
    desiredHealthy: desired,
    expectedPods: expected,
    conditions: allowedCondition(s.budget, verdict, s.now),
  };
  return { status, overdue, checkInMs };
}
