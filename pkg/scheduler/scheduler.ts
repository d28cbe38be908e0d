import { isFinal } from '#api/kinds/core/pod/phase.ts';
import {
  type Namespace,
  Namespaces,
  type Node,
  Nodes,
  type Pod,
  type PodDisruptionBudget,
  PodDisruptionBudgets,
  Pods,
} from '#api/kinds/index.ts';
import { sameJson } from '#api/meta/equal.ts';
import type { Stored } from '#api/meta/objectmeta.ts';
import { podRequests, requestAlike } from '#api/scheduling/pod-requests.ts';
import type { Clock } from '#async/clock.ts';
import type { Client, EventRecorder, Informer, InformerFactory } from '#client/types.ts';
import type { Logger } from '#process/logger.ts';
import { Binder } from './binder.ts';
import { DEFAULT_SCHEDULER, defaultConfiguration, type SchedulerConfiguration } from './config/configuration.ts';
import type { Profile } from './config/profile.ts';
import { Extender } from './extenders/extender.ts';
import { Extenders } from './extenders/placing.ts';
import { type Failure, type Placement, SchedulingCycle } from './framework/cycle.ts';
import { nodeChanges } from './node-events.ts';
import { leastHarm, noVictims, type PreemptionResult, preemptionCandidates } from './plugins/default-preemption.ts';
import { report } from './pod-report.ts';
import { evictVictims } from './preemptor.ts';
import { type QueuedPod, SchedulingQueue } from './queue/scheduling-queue.ts';
import { ClusterState } from './snapshot/cluster-state.ts';
import { podGroups } from './spread-groups.ts';
import { Volumes } from './volumes/volumes.ts';

export interface SchedulerDeps {
  readonly client: Client;
  readonly informers: InformerFactory;
  /** A recorder of what happens to the pods of a profile, by its scheduler's name. */
  readonly events: (schedulerName: string) => EventRecorder;
  readonly clock: Clock;
  readonly logger: Logger;
  /** Default: one profile, without extenders. */
  readonly configuration?: SchedulerConfiguration;
}

/** A profile at work. */
interface Lane {
  readonly profile: Profile;
  readonly cycle: SchedulingCycle;
  readonly events: EventRecorder;
}

/** As when the victims are seen to be ending. */
const BEING_EMPTIED = 'preemption: not eligible due to a terminating pod on the nominated node.';

/** Pods are tried for so long before all else in the process gets its turn, milliseconds. */
const SLICE_MS = 50;

const isEnding = (p: Stored<Pod>): boolean => p.metadata.deletionTimestamp !== undefined;

/** Whether the pod counts with less of something than before: it was resized. */
function hasShrunk(old: Pod, pod: Pod): boolean {
  const isAsked = old.spec !== pod.spec && !sameJson(old.spec?.containers, pod.spec?.containers);
  if (!isAsked && requestAlike(old, pod)) return false;
  const now = podRequests(pod).amounts;
  return [...podRequests(old).amounts].some(([name, n]) => (now.get(name) ?? 0) < n);
}

/** Two paths, as in kube-scheduler: informers keep the state; the loop takes pods, places, assumes and binds. */
export class Scheduler {
  readonly #deps: SchedulerDeps;
  readonly #state: ClusterState;
  readonly #volumes: Volumes;
  readonly #queue: SchedulingQueue;
  /** By `spec.schedulerName`. Pods of other names are left alone. */
  readonly #lanes: ReadonlyMap<string, Lane>;
  readonly #extenders: Extenders;
  readonly #binder: Binder;
  readonly #pods: Informer<Pod>;
  readonly #nodes: Informer<Node>;
  readonly #budgets: Informer<PodDisruptionBudget>;
  readonly #needs: readonly Informer<never>[];
  /** Pods whose victims are being evicted: should they be tried again meanwhile, nobody else has to go. */
  readonly #emptying = new Set<string>();

  constructor(deps: SchedulerDeps) {
    this.#deps = deps;
    const { profiles, backoff, extenders } = deps.configuration ?? defaultConfiguration();
    this.#queue = new SchedulingQueue(deps.clock, backoff);
    this.#lanes = new Map(
      profiles.map((profile) => {
        const cycle = new SchedulingCycle(profile.plugins, profile.percentageOfNodesToScore);
        return [profile.schedulerName, { profile, cycle, events: deps.events(profile.schedulerName) }];
      }),
    );
    const groups = podGroups(deps.informers);
    this.#volumes = new Volumes(deps.client, deps.clock, deps.informers, (event) => this.#queue.wake(event));
    this.#state = new ClusterState(groups.groupOf, this.#volumes);
    this.#extenders = new Extenders({
      extenders: extenders.map((e) => new Extender(e, deps.clock)),
      state: this.#state,
      logger: deps.logger,
    });
    this.#pods = deps.informers.informer(Pods);
    this.#nodes = deps.informers.informer(Nodes);
    this.#budgets = deps.informers.informer(PodDisruptionBudgets);
    this.#binder = new Binder({
      ...{ client: deps.client, clock: deps.clock, logger: deps.logger, queue: this.#queue, state: this.#state },
      ...{ volumes: this.#volumes, pods: this.#pods.lister },
    });
    const namespaces = deps.informers.informer(Namespaces);
    this.#needs = [namespaces, this.#budgets, ...groups.needs, ...this.#volumes.needs] as Informer<never>[];
    namespaces.addHandlers({
      onAdd: (n) => this.#namespaceSeen(undefined, n),
      onUpdate: (old, n) => this.#namespaceSeen(old, n),
      onDelete: (n) => this.#state.setNamespace(n.metadata.name, undefined),
    });
    this.#nodes.addHandlers({
      onAdd: (n) => this.#nodeAdded(n),
      onUpdate: (old, n) => this.#nodeChanged(old, n),
      onDelete: (n) => this.#nodeGone(n),
    });
    this.#pods.addHandlers({
      onAdd: (p) => this.#podSeen(undefined, p),
      onUpdate: (old, p) => this.#podSeen(old, p),
      onDelete: (p) => this.#podGone(p),
    });
  }

  get queueSizes(): { ready: number; backoff: number; unschedulable: number } {
    return this.#queue.sizes;
  }

  /** Schedules until the signal aborts. Informers must have been started. */
  async run(signal: AbortSignal): Promise<void> {
    await Promise.all([this.#nodes, this.#pods, ...this.#needs].map((i) => i.synced(signal)));
    signal.addEventListener('abort', () => this.#queue.close(), { once: true });
    try {
      await this.#loop(signal);
    } finally {
      await this.#extenders.close();
    }
  }

  async #loop(signal: AbortSignal): Promise<void> {
    const { clock } = this.#deps;
    let since = clock.now();
    for (;;) {
      const q = signal.aborted ? null : await this.#queue.next();
      if (!q) return;
      await this.#schedule(q, signal);
      // However many pods wait: answers are to be read, and the lease to be renewed.
      if (Math.abs(clock.now() - since) < SLICE_MS) continue;
      await clock.sleep(0, signal).catch(() => {});
      since = clock.now();
    }
  }

  #nodeAdded(node: Stored<Node>): void {
    this.#state.setNode(node);
    this.#queue.wake({ type: 'node-added', node });
  }

  #nodeGone(node: Stored<Node>): void {
    this.#state.removeNode(node.metadata.name);
    this.#queue.wake({ type: 'node-removed', node });
  }

  #nodeChanged(old: Stored<Node>, node: Stored<Node>): void {
    this.#state.setNode(node);
    for (const type of nodeChanges(old, node)) this.#queue.wake({ type, node });
  }

  #namespaceSeen(old: Stored<Namespace> | undefined, now: Stored<Namespace>): void {
    const { name, labels = {} } = now.metadata;
    this.#state.setNamespace(name, labels);
    if (!sameJson(old?.metadata.labels ?? {}, labels)) this.#queue.wake({ type: 'namespace-labels' });
  }

  /** The lane of a pod that is to be scheduled now; undefined: it is not, or not by us. */
  #laneOf(p: Pod): Lane | undefined {
    const lane = this.#lanes.get(p.spec?.schedulerName || DEFAULT_SCHEDULER);
    return lane && !p.metadata?.deletionTimestamp && lane.cycle.heldBack(p) === null ? lane : undefined;
  }

  #podSeen(old: Stored<Pod> | undefined, pod: Stored<Pod>): void {
    const { uid } = pod.metadata;
    this.#state.setPod(pod);
    const over = isFinal(pod.status?.phase);
    if (pod.spec?.nodeName || over) {
      this.#queue.remove(uid);
      if (over && old?.status?.phase !== pod.status?.phase) this.#queue.wake({ type: 'pod-gone', pod });
      else if (!old?.spec?.nodeName) this.#queue.wake({ type: 'pod-bound', pod });
      else {
        if (!sameJson(old.metadata.labels, pod.metadata.labels) || isEnding(pod) !== isEnding(old)) {
          this.#queue.wake({ type: 'pod-labels', pod, before: old });
        }
        if (hasShrunk(old, pod)) this.#queue.wake({ type: 'pod-shrunk', pod, before: old });
      }
      return;
    }
    this.#noteNomination(pod, old?.status?.nominatedNodeName);
    if (!this.#laneOf(pod)) {
      this.#queue.remove(uid);
      return;
    }
    if (this.#state.isAssumed(uid)) return;
    // Our own condition patches come back as updates: they must not count as news.
    const sameNeeds = old && sameJson(old.spec, pod.spec) && sameJson(old.metadata.labels, pod.metadata.labels);
    if (sameNeeds) this.#queue.refresh(pod);
    else this.#queue.add(pod);
  }

  #noteNomination(pod: Stored<Pod>, before: string | undefined): void {
    const { nominations } = this.#state;
    const now = pod.status?.nominatedNodeName;
    if (now && now !== before) nominations.nominate(pod, now);
    else if (!now && before && nominations.nodeOf(pod.metadata.uid) === before) nominations.withdraw(pod.metadata.uid);
  }

  #podGone(pod: Stored<Pod>): void {
    const { uid } = pod.metadata;
    this.#queue.remove(uid);
    const keptNode = this.#state.nominations.nodeOf(uid) !== undefined;
    this.#state.removePod(uid);
    if (pod.spec?.nodeName || keptNode) this.#queue.wake({ type: 'pod-gone', pod });
  }

  async #schedule(q: QueuedPod, signal: AbortSignal): Promise<void> {
    const { metadata } = q.pod;
    const current = this.#pods.lister.get(metadata.name, metadata.namespace);
    const lane = current && current.metadata.uid === metadata.uid && this.#laneOf(current);
    if (!lane || current.spec?.nodeName) {
      this.#queue.done(q);
      return;
    }
    q.pod = current;
    const extenders = this.#extenders.for(current);
    let placement: Placement;
    try {
      placement =
        extenders.length === 0
          ? lane.cycle.place(current, this.#state)
          : await this.#extenders.place(current, lane.cycle, extenders, signal);
    } catch (e) {
      this.#broken(q, lane, e as Error, signal);
      return;
    }
    if (!placement.node) {
      this.#queue.park(q, placement.wakesOn);
      await this.#failed(current, lane, placement, signal);
      return;
    }
    const { node } = placement.node;
    this.#state.assume(current, node.metadata.name);
    const { events, profile } = lane;
    const extender = extenders.find((e) => e.config.bindVerb);
    await this.#binder.start(q, { node, events, volumeBinding: profile.volumeBinding, extender }, signal);
  }

  /** It could not be found out whether the pod fits anywhere. */
  #broken(q: QueuedPod, { events }: Lane, { message }: Error, signal: AbortSignal): void {
    if (signal.aborted) return;
    events.event(q.pod as never, 'Warning', 'FailedScheduling', message);
    void report(this.#deps, q.pod, { message, reason: 'SchedulerError' }, signal);
    this.#queue.retry(q);
  }

  /** Tells why the pod has no node, and makes room for it if pods of lower priority can go. */
  async #failed(pod: Stored<Pod>, lane: Lane, failure: Failure, signal: AbortSignal): Promise<void> {
    const { uid } = pod.metadata;
    const tell = (message: string, nominatedNodeName?: string | null): void => {
      lane.events.event(pod as never, 'Warning', 'FailedScheduling', message);
      const what = { message, ...(nominatedNodeName === undefined ? {} : { nominatedNodeName }) };
      void report(this.#deps, pod, what, signal);
    };
    if (this.#state.nodes().length === 0 || !lane.profile.preemption) {
      tell(failure.message);
      return;
    }
    const found = await this.#victims(pod, lane, failure, signal);
    if (found.node === null) {
      if (found.gaveUp) this.#state.nominations.withdraw(uid);
      tell(`${failure.message} ${found.message}`, found.gaveUp ? null : undefined);
      return;
    }
    for (const other of this.#state.nominations.behind(found.node, pod)) this.#displace(other, signal);
    this.#state.nominations.nominate(pod, found.node);
    tell(failure.message, found.node);
    this.#emptying.add(uid);
    void evictVictims({ ...this.#deps, events: lane.events }, pod, found, signal).then((all) => {
      this.#emptying.delete(uid);
      if (!all) this.#queue.activate(uid);
    });
  }

  async #victims(pod: Stored<Pod>, lane: Lane, failure: Failure, signal: AbortSignal): Promise<PreemptionResult> {
    const { profile, cycle } = lane;
    if (!profile.preemption) return { node: null, message: '', gaveUp: false };
    if (this.#emptying.has(pod.metadata.uid)) return { node: null, message: BEING_EMPTIED, gaveUp: false };
    const context = {
      state: this.#state,
      budgets: [...this.#budgets.lister.list()],
      fits: (p: Stored<Pod>, node: string) => cycle.fits(p, this.#state, node),
      candidates: failure.resolvable,
      args: profile.preemption,
    };
    const found = preemptionCandidates(pod, context);
    if ('node' in found) return found;
    try {
      const left = await this.#extenders.preempt(pod, found, signal);
      return leastHarm(left) ?? noVictims(context);
    } catch (e) {
      return { node: null, message: `preemption: ${(e as Error).message}`, gaveUp: false };
    }
  }

  /** A node that was kept for the pod goes to one of higher priority: it has to look again. */
  #displace(pod: Stored<Pod>, signal: AbortSignal): void {
    const { uid } = pod.metadata;
    const nominatedNodeName = this.#state.nominations.nodeOf(uid) ?? '';
    this.#state.nominations.withdraw(uid);
    const current = this.#pods.lister.get(pod.metadata.name, pod.metadata.namespace) ?? pod;
    // The cache may not show yet what we have written of it.
    const known = { ...current, status: { ...current.status, nominatedNodeName } };
    void report(this.#deps, known, { nominatedNodeName: null }, signal);
    this.#queue.activate(uid);
  }
}
