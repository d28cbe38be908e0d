import { type Pod, type PodDisruptionBudget, PodDisruptionBudgets } from '#api/kinds/index.ts';
import { errors } from '#api/meta/errors.ts';
import { compileLabelSelector } from '#api/meta/labels.ts';
import type { KubeObject, Stored } from '#api/meta/objectmeta.ts';
import { isReady } from '#api/meta/readiness.ts';
import { apiTime } from '#api/meta/time.ts';
import type { Clock } from '#async/clock.ts';
import type { Storage } from '#storage/storage.ts';
import type { Lookup } from '../admission/lookup.ts';
import { objectKey, type Resource, type ResourceTable } from '../registry/resource.ts';
import { ObjectStore } from '../registry/store.ts';

/** Evictions a budget may have under way, so that its status stays small. */
const MAX_DISRUPTED = 2000;
const RETRY_SECONDS = 10;

const MANY = 'This pod has more than one PodDisruptionBudget, which the eviction subresource does not support.';

type Budget = Stored<PodDisruptionBudget>;

/** Whether nobody would miss the pod: it has not run yet, has ended, or is ending. */
const isOutsideBudgets = (pod: Pod): boolean =>
  pod.metadata?.deletionTimestamp !== undefined || ['Pending', 'Succeeded', 'Failed'].includes(pod.status?.phase ?? '');

/** Pure: whether a pod that is not ready may go without being counted (`unhealthyPodEvictionPolicy`). */
export function mayGoUncounted(budget: PodDisruptionBudget, pod: Pod): boolean {
  if (isReady(pod)) return false;
  if (budget.spec?.unhealthyPodEvictionPolicy === 'AlwaysAllow') return true;
  const { currentHealthy = 0, desiredHealthy = 0 } = budget.status ?? {};
  return desiredHealthy > 0 && currentHealthy >= desiredHealthy;
}

/** Pure: the budget after one more eviction. @throws StatusError 429 when it allows none, 403 when its status cannot be */
export function spend(
  budget: Budget,
  pod: string,
  { ref, now }: { ref: Resource['ref']; now: number },
): PodDisruptionBudget {
  const { name, generation = 0 } = budget.metadata;
  const status = budget.status ?? { disruptionsAllowed: 0, currentHealthy: 0, desiredHealthy: 0, expectedPods: 0 };
  const { disruptionsAllowed: allowed = 0, disruptedPods = {}, observedGeneration = 0, conditions = [] } = status;
  if (observedGeneration < generation)
    throw errors.evictionRefused(
      `The disruption budget ${name} is still being processed by the server.`,
      RETRY_SECONDS,
    );
  if (allowed < 0) throw errors.forbidden(ref, name, 'pdb disruptions allowed is negative');
  if (Object.keys(disruptedPods).length > MAX_DISRUPTED)
    throw errors.forbidden(ref, name, 'DisruptedPods map too big - too many evictions not confirmed by PDB controller');
  if (allowed === 0) {
    const failed = conditions.find((c) => c.type === 'DisruptionAllowed' && c.reason === 'SyncFailed');
    const { desiredHealthy, currentHealthy } = status;
    const why = failed
      ? `does not allow evicting pods currently because it failed sync: ${failed.message}`
      : `needs ${desiredHealthy} healthy pods and has ${currentHealthy} currently`;
    throw errors.evictionRefused(`The disruption budget ${name} ${why}`);
  }
  const at = apiTime(now);
  const used = conditions.map((c) =>
    c.type === 'DisruptionAllowed' && allowed === 1 && c.status === 'True'
      ? { ...c, status: 'False' as const, reason: 'InsufficientPods', lastTransitionTime: at }
      : c,
  );
  const next = { ...status, disruptionsAllowed: allowed - 1, disruptedPods: { ...disruptedPods, [pod]: at } };
  return { ...budget, status: used.length > 0 ? { ...next, conditions: used } : next };
}

/** Asks a pod's budget before an eviction ("API-initiated Eviction"). */
export class DisruptionGuard {
  readonly #o: { lookup: Lookup; resources: ResourceTable; storage: Storage; clock: Clock };

  constructor(o: { lookup: Lookup; resources: ResourceTable; storage: Storage; clock: Clock }) {
    this.#o = o;
  }

  /**
   * Takes one from the pod's budget, if it has one and needs it.
   * @returns whether that holds for this state of the pod only
   * @throws StatusError 429 when the budget allows no eviction now, 500 with more than one budget, 503 or 504 without etcd
   */
  async permit(pod: Stored<Pod>, dryRun: boolean): Promise<{ asItIs: boolean }> {
    if (isOutsideBudgets(pod)) return { asItIs: pod.status?.phase === 'Pending' };
    const { namespace = '', name, labels = {} } = pod.metadata;
    const resource = this.#o.resources.of(PodDisruptionBudgets) as unknown as Resource;
    // A budget that was made through another server a moment ago guards the pod too.
    await resource.cache.consistent();
    const budgets = this.#o.lookup
      .list(PodDisruptionBudgets, namespace)
      .filter((b) => compileLabelSelector(b.spec?.selector).matches(labels));
    const [budget, ...more] = budgets;
    if (!budget) return { asItIs: false };
    if (more.length > 0) throw errors.impossible(MANY);
    if (mayGoUncounted(budget, pod)) return { asItIs: true };
    const key = objectKey(resource.kind, namespace, budget.metadata.name);
    await new ObjectStore(resource, this.#o.storage).change(key, budget.metadata.name, (current) => {
      const next = spend(current as Budget, name, { ref: resource.ref, now: this.#o.clock.now() });
      return dryRun ? { do: 'nothing' } : { do: 'write', object: next as KubeObject };
    });
    return { asItIs: false };
  }
}
