import {
  type Pod,
  type PodDisruptionBudget,
  type PodDisruptionBudgetStatus,
  PodDisruptionBudgets,
  Pods,
} from '#api/kinds/index.ts';
import { isConflict, isNotFound } from '#api/meta/errors.ts';
import { compileLabelSelector, formatLabelSelector } from '#api/meta/labels.ts';
import type { Stored } from '#api/meta/objectmeta.ts';
import { apiTime } from '#api/meta/time.ts';
import {
  type Controller,
  type ControllerDeps,
  type Enqueue,
  keyOf,
  type Outcome,
  ownKey,
  splitKey,
  type Watch,
  watching,
} from '../harness/controller.ts';
import { KindWrites } from '../harness/kind-writes.ts';
import { allowedCondition, needsControllers, statusOf } from './budget.ts';
import { BELIEVED_MS } from './custom-scales.ts';
import { type Expected, Scales } from './scales.ts';
import { MARK, staleIn } from './stale-marks.ts';

const GATHER_MS = 20;
/** Keys of pods; all others are budgets'. */
const POD_KEY = 'pod:';
const NONE: Expected = { count: 0, hasUnmanaged: false, isAsked: false };

/** Says how many pods of a budget may be evicted now ("Specifying a Disruption Budget"); pods/eviction takes from it. */
class DisruptionController implements Controller {
  readonly name = 'disruption';
  readonly watches: readonly Watch[];
  readonly #deps: ControllerDeps;
  readonly #budgets;
  readonly #pods;
  readonly #scales: Scales;
  readonly #events;
  readonly #written: KindWrites<PodDisruptionBudget>;
  /** Budgets whose users were told of pods without a controller: the generation, by uid. */
  readonly #warned = new Map<string, number>();
  #enqueue: Enqueue = () => {};

  constructor(deps: ControllerDeps) {
    this.#deps = deps;
    this.#written = new KindWrites(deps.client, PodDisruptionBudgets);
    this.#budgets = deps.informers.informer(PodDisruptionBudgets);
    this.#pods = deps.informers.informer(Pods);
    this.#scales = new Scales(deps, (namespace) => {
      for (const key of this.#asking(namespace)) this.#enqueue(key, GATHER_MS);
    });
    this.#events = deps.events('controllermanager');
    this.watches = [
      watching(PodDisruptionBudgets, (b, _old, gone) => {
        if (gone) {
          this.#written.forget(b.metadata.uid);
          this.#warned.delete(b.metadata.uid);
        }
        return gone ? [] : ownKey(b);
      }),
      watching(Pods, (pod, old, gone) => [...this.#guards(pod, old), ...this.#markOf(pod, gone)], {
        delayMs: GATHER_MS,
      }),
      // Pods that are not there yet, or never will be, bring no event: their number is news of its own.
      ...this.#scales.watches((namespace) => this.#asking(namespace)),
    ];
  }

  start(enqueue: Enqueue): void {
    this.#enqueue = enqueue;
  }

  /** Budgets that must know how many pods there shall be. */
  #asking(namespace: string | undefined): string[] {
    return [...this.#budgets.lister.list(namespace)].filter(needsControllers).map((b) => keyOf(b));
  }

  #guards(pod: Stored<Pod>, old: Stored<Pod> | undefined): Set<string> {
    return new Set([...this.#guarding(pod), ...(old ? this.#guarding(old) : [])]);
  }

  #markOf(pod: Stored<Pod>, gone: boolean): string[] {
    return gone || staleIn(pod, this.#deps.clock.now()) === undefined ? [] : [POD_KEY + keyOf(pod)];
  }

  #guarding(pod: Stored<Pod>): string[] {
    const keys: string[] = [];
    for (const b of this.#budgets.lister.list(pod.metadata.namespace)) {
      if (compileLabelSelector(b.spec?.selector).matches(pod.metadata.labels ?? {})) keys.push(keyOf(b));
    }
    return keys;
  }

  /** Takes back what was said of a pod that nobody has removed. */
  async #unmark(key: string): Promise<Outcome> {
    const { namespace = '', name } = splitKey(key);
    const pod = this.#pods.lister.get(name, namespace);
    if (!pod) return undefined;
    const now = this.#deps.clock.now();
    const left = staleIn(pod, now);
    if (left === undefined) return undefined;
    if (left > 0) return { afterMs: left };
    const { uid, resourceVersion } = pod.metadata;
    const condition = { type: MARK, status: 'False', reason: null, message: null, lastTransitionTime: apiTime(now) };
    const body = { metadata: { uid, resourceVersion }, status: { conditions: [condition] } };
    try {
      await this.#deps.client.patch(Pods, { name, namespace, subresource: 'status' }, { type: 'strategic', body });
    } catch (e) {
      // It was changed, and perhaps removed, in between: its event brings it back.
      if (!isNotFound(e) && !isConflict(e)) throw e;
    }
    return undefined;
  }

  async reconcile(key: string): Promise<Outcome> {
    if (key.startsWith(POD_KEY)) return this.#unmark(key.slice(POD_KEY.length));
    const { namespace, name } = splitKey(key);
    const cached = this.#budgets.lister.get(name, namespace);
    if (!cached || cached.metadata.deletionTimestamp) return undefined;
    const budget = this.#written.freshest(cached);
    const selector = compileLabelSelector(budget.spec?.selector);
    const pods = [...this.#pods.lister.list(namespace)].filter((p) => selector.matches(p.metadata.labels ?? {}));
    if (pods.length === 0) this.#events.event(budget, 'Normal', 'NoPods', 'No matching pods found');
    let expected = NONE;
    try {
      if (needsControllers(budget)) expected = await this.#scales.expected(pods);
    } catch (e) {
      await this.#written.status(budget, this.#failed(budget, (e as Error).message));
      if (!(e instanceof RangeError)) throw e;
      return { afterMs: BELIEVED_MS };
    }
    this.#warnOfUnmanaged(budget, expected.hasUnmanaged);
    const scene = { budget, pods, expectedByControllers: expected.count, now: this.#deps.clock.now() };
    const { status, overdue, checkInMs } = statusOf(scene);
    for (const pod of overdue)
      this.#events.event(pod, 'Warning', 'NotDeleted', `Pod was expected by PDB ${key} to be deleted but it wasn't`);
    await this.#written.status(budget, status);
    const afterMs = expected.isAsked ? Math.min(checkInMs, BELIEVED_MS) : checkInMs;
    return Number.isFinite(afterMs) ? { afterMs } : undefined;
  }

  /** Once, until the budget is changed or all its pods have had a controller in between. */
  #warnOfUnmanaged(budget: Stored<PodDisruptionBudget>, hasUnmanaged: boolean): void {
    const { uid, generation = 0 } = budget.metadata;
    if (!hasUnmanaged) this.#warned.delete(uid);
    if (!hasUnmanaged || this.#warned.get(uid) === generation) return;
    this.#warned.set(uid, generation);
    const text =
      `Pods selected by this PodDisruptionBudget (selector: ${formatLabelSelector(budget.spec?.selector ?? {})}) were found ` +
      'to be unmanaged: no controller says how many of them there shall be, so the status of the PDB leaves them out of ' +
      'the expected pods. To account for these pods please set ".spec.minAvailable" of the PDB to an integer value.';
    this.#events.event(budget, 'Warning', 'UnmanagedPods', text);
  }

  /** Fails safe: while it cannot be told how many pods there shall be, none is evicted. */
  #failed(budget: Stored<PodDisruptionBudget>, message: string): PodDisruptionBudgetStatus {
    const text = `Failed to calculate the number of expected pods: ${message}`;
    this.#events.event(budget, 'Warning', 'CalculateExpectedPodCountFailed', text);
    const verdict = { status: 'False' as const, reason: 'SyncFailed', message };
    return {
      ...{ currentHealthy: 0, desiredHealthy: 0, expectedPods: 0, ...budget.status },
      observedGeneration: budget.metadata.generation ?? 0,
      disruptionsAllowed: 0,
      conditions: allowedCondition(budget, verdict, this.#deps.clock.now()),
    };
  }
}

export const disruptionController = (deps: ControllerDeps): Controller => new DisruptionController(deps);
