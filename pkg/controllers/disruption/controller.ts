import {
  Deployments,
  type Pod,
  type PodDisruptionBudget,
  type PodDisruptionBudgetStatus,
  PodDisruptionBudgets,
  Pods,
  ReplicaSets,
  ReplicationControllers,
  StatefulSets,
} from '#api/kinds/index.ts';
import { compileLabelSelector } from '#api/meta/labels.ts';
import type { KubeObject, OwnerReference, Stored } from '#api/meta/objectmeta.ts';
import type { InformerFactory } from '#client/types.ts';
import {
  type Controller,
  type ControllerDeps,
  keyOf,
  type Outcome,
  ownKey,
  splitKey,
  type Watch,
  watching,
} from '../harness/controller.ts';
import { KindWrites } from '../harness/kind-writes.ts';
import { controllerOf, refersTo } from '../ownership/controller-ref.ts';
import { allowedCondition, needsControllers, statusOf } from './budget.ts';

const GATHER_MS = 20;

type Scaled = KubeObject & { readonly spec?: { readonly replicas?: number } };

/** How many pods controllers want, by the controllers themselves. */
class Scales {
  readonly #sets;
  readonly #deployments;
  readonly #others;

  constructor(informers: InformerFactory) {
    this.#sets = informers.informer(ReplicaSets);
    this.#deployments = informers.informer(Deployments);
    this.#others = [StatefulSets, ReplicationControllers].map((kind) => ({
      kind,
      lister: informers.informer<Scaled>(kind as never).lister,
    }));
  }

  /** @param concerned keys of the budgets in a namespace that ask how many pods there shall be. */
  watches(concerned: (namespace: string | undefined) => readonly string[]): readonly Watch[] {
    return [ReplicaSets, Deployments, StatefulSets, ReplicationControllers].map((k) =>
      watching<Scaled>(k as never, (o, old, gone) => {
        const resized = gone || !old || old.spec?.replicas !== o.spec?.replicas;
        return resized ? concerned(o.metadata.namespace) : [];
      }),
    );
  }

  /** @throws RangeError for pods of whom nobody says how many there shall be. */
  expected(pods: readonly Stored<Pod>[]): number {
    const scales = new Map<string, number>();
    for (const pod of pods) {
      const ref = controllerOf(pod);
      if (!ref) throw new RangeError(`found no controllers for pod "${pod.metadata.name}"`);
      if (!scales.has(ref.uid)) this.#add(scales, ref, pod.metadata.namespace ?? '');
    }
    return [...scales.values()].reduce((a, b) => a + b, 0);
  }

  #add(scales: Map<string, number>, ref: OwnerReference, namespace: string): void {
    if (refersTo(ref, ReplicaSets)) {
      const set = this.#sets.lister.get(ref.name ?? '', namespace);
      const parent = set && controllerOf(set);
      if (parent && refersTo(parent, Deployments)) {
        const deployment = this.#deployments.lister.get(parent.name ?? '', namespace);
        if (deployment) scales.set(parent.uid, deployment.spec?.replicas ?? 1);
      } else if (set) scales.set(ref.uid, set.spec?.replicas ?? 1);
      return;
    }
    const other = this.#others.find(({ kind }) => refersTo(ref, kind));
    if (!other) throw new RangeError(`${ref.kind} "${ref.name}" does not implement the scale subresource`);
    const owner = other.lister.get(ref.name ?? '', namespace);
    if (owner) scales.set(ref.uid, owner.spec?.replicas ?? 1);
  }
}

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

  constructor(deps: ControllerDeps) {
    this.#deps = deps;
    this.#written = new KindWrites(deps.client, PodDisruptionBudgets);
    this.#budgets = deps.informers.informer(PodDisruptionBudgets);
    this.#pods = deps.informers.informer(Pods);
    this.#scales = new Scales(deps.informers);
    this.#events = deps.events('controllermanager');
    this.watches = [
      watching(PodDisruptionBudgets, (b, _old, gone) => {
        if (gone) this.#written.forget(b.metadata.uid);
        return gone ? [] : ownKey(b);
      }),
      watching(Pods, (pod, old) => [...new Set([...this.#guarding(pod), ...(old ? this.#guarding(old) : [])])], {
        delayMs: GATHER_MS,
      }),
      // Pods that are not there yet, or never will be, bring no event: their number is news of its own.
      ...this.#scales.watches((namespace) =>
        [...this.#budgets.lister.list(namespace)].filter(needsControllers).map((b) => keyOf(b)),
      ),
    ];
  }

  #guarding(pod: Stored<Pod>): string[] {
    const keys: string[] = [];
    for (const b of this.#budgets.lister.list(pod.metadata.namespace)) {
      if (compileLabelSelector(b.spec?.selector).matches(pod.metadata.labels ?? {})) keys.push(keyOf(b));
    }
    return keys;
  }

  async reconcile(key: string): Promise<Outcome> {
    const { namespace, name } = splitKey(key);
    const cached = this.#budgets.lister.get(name, namespace);
    if (!cached || cached.metadata.deletionTimestamp) return undefined;
    const budget = this.#written.freshest(cached);
    const selector = compileLabelSelector(budget.spec?.selector);
    const pods = [...this.#pods.lister.list(namespace)].filter((p) => selector.matches(p.metadata.labels ?? {}));
    if (pods.length === 0) this.#events.event(budget, 'Normal', 'NoPods', 'No matching pods found');
    let expectedByControllers = 0;
    try {
      if (needsControllers(budget)) expectedByControllers = this.#scales.expected(pods);
    } catch (e) {
      await this.#written.status(budget, this.#failed(budget, (e as Error).message));
      return undefined;
    }
    const scene = { budget, pods, expectedByControllers, now: this.#deps.clock.now() };
    const { status, overdue, checkInMs } = statusOf(scene);
    for (const pod of overdue)
      this.#events.event(pod, 'Warning', 'NotDeleted', `Pod was expected by PDB ${key} to be deleted but it wasn't`);
    await this.#written.status(budget, status);
    return Number.isFinite(checkInMs) ? { afterMs: checkInMs } : undefined;
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
