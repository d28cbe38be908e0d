import { Bindings, type Node, Nodes, type Pod, Pods } from '#api/kinds/index.ts';
import { sameJson } from '#api/meta/equal.ts';
import { isConflict, isNotFound } from '#api/meta/errors.ts';
import type { Stored } from '#api/meta/objectmeta.ts';
import type { Clock } from '#async/clock.ts';
import type { Client, EventRecorder, Informer, InformerFactory } from '#client/types.ts';
import type { Logger } from '#process/logger.ts';
import { type Placement, SchedulingCycle } from './framework/cycle.ts';
import type { Plugin } from './framework/plugin.ts';
import { nodeChanges } from './node-events.ts';
import { defaultPlugins } from './plugins/index.ts';
import { type QueuedPod, SchedulingQueue } from './queue/scheduling-queue.ts';
import { ClusterState } from './snapshot/cluster-state.ts';

export interface SchedulerDeps {
  readonly client: Client;
  readonly informers: InformerFactory;
  readonly events: EventRecorder;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly plugins?: readonly Plugin[];
  /** Pods with this `spec.schedulerName` are ours. */
  readonly schedulerName?: string;
}

/** Bindings written at a time; each is one request. */
const MAX_BINDING = 64;
/** A binding whose outcome is unknown is given this long to show up before the pod is tried again, milliseconds. */
const BIND_TIMEOUT_MS = 15_000;

/** Two paths, as in kube-scheduler: informers keep the state; the loop takes pods, places, assumes and binds. */
export class Scheduler {
  readonly #deps: SchedulerDeps;
  readonly #state = new ClusterState();
  readonly #queue: SchedulingQueue;
  readonly #cycle: SchedulingCycle;
  readonly #name: string;
  readonly #pods: Informer<Pod>;
  readonly #nodes: Informer<Node>;
  #binding = 0;
  #bindingSlot: (() => void) | undefined;

  constructor(deps: SchedulerDeps) {
    this.#deps = deps;
    this.#name = deps.schedulerName ?? 'default-scheduler';
    this.#queue = new SchedulingQueue(deps.clock);
    this.#cycle = new SchedulingCycle(deps.plugins ?? defaultPlugins);
    this.#pods = deps.informers.informer(Pods);
    this.#nodes = deps.informers.informer(Nodes);
    this.#nodes.addHandlers({
      onAdd: (n) => this.#nodeAdded(n),
      onUpdate: (old, n) => this.#nodeChanged(old, n),
      onDelete: (n) => this.#state.removeNode(n.metadata.name),
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
    await this.#nodes.synced(signal);
    await this.#pods.synced(signal);
    signal.addEventListener('abort', () => this.#queue.close(), { once: true });
    for (;;) {
      const q = signal.aborted ? null : await this.#queue.next();
      if (!q) return;
      await this.#schedule(q, signal);
    }
  }

  #nodeAdded(node: Stored<Node>): void {
    this.#state.setNode(node);
    this.#queue.wake('node-added');
  }

  #nodeChanged(old: Stored<Node>, node: Stored<Node>): void {
    this.#state.setNode(node);
    for (const e of nodeChanges(old, node)) this.#queue.wake(e);
  }

  #isOurs = (p: Pod): boolean =>
    (p.spec?.schedulerName || 'default-scheduler') === this.#name &&
    !p.metadata?.deletionTimestamp &&
    (p.spec?.schedulingGates ?? []).length === 0;

  #podSeen(old: Stored<Pod> | undefined, pod: Stored<Pod>): void {
    const { uid } = pod.metadata;
    this.#state.setPod(pod);
    const over = pod.status?.phase === 'Succeeded' || pod.status?.phase === 'Failed';
    if (pod.spec?.nodeName || over) {
      this.#queue.remove(uid);
      if (over && old?.status?.phase !== pod.status?.phase) this.#queue.wake('pod-gone');
      else if (!old?.spec?.nodeName) this.#queue.wake('pod-bound');
      return;
    }
    if (!this.#isOurs(pod)) {
      this.#queue.remove(uid);
      return;
    }
    if (this.#state.isAssumed(uid)) return;
    // Our own condition patches come back as updates: they must not count as news.
    const sameNeeds = old && sameJson(old.spec, pod.spec) && sameJson(old.metadata.labels, pod.metadata.labels);
    if (sameNeeds) this.#queue.refresh(pod);
    else this.#queue.add(pod);
  }

  #podGone(pod: Stored<Pod>): void {
    this.#queue.remove(pod.metadata.uid);
    this.#state.removePod(pod.metadata.uid);
    if (pod.spec?.nodeName) this.#queue.wake('pod-gone');
  }

  async #schedule(q: QueuedPod, signal: AbortSignal): Promise<void> {
    const { metadata } = q.pod;
    const current = this.#pods.lister.get(metadata.name, metadata.namespace);
    if (!current || current.metadata.uid !== metadata.uid || current.spec?.nodeName || !this.#isOurs(current)) {
      this.#queue.done(q);
      return;
    }
    q.pod = current;
    const placement = this.#cycle.place(current, this.#state.nodes());
    if (!placement.node) {
      this.#queue.park(q, placement.wakesOn);
      this.#reportFailure(current, placement, signal);
      return;
    }
    const node = placement.node.name;
    this.#state.assume(current, node);
    while (this.#binding >= MAX_BINDING) {
      await new Promise<void>((resolve) => {
        this.#bindingSlot = resolve;
      });
    }
    this.#binding++;
    void this.#bind(q, node, signal).finally(() => {
      this.#binding--;
      this.#bindingSlot?.();
      this.#bindingSlot = undefined;
    });
  }

  async #bind(q: QueuedPod, node: string, signal: AbortSignal): Promise<void> {
    const { name, namespace = '', uid } = q.pod.metadata;
    const body = {
      apiVersion: 'v1',
      kind: Bindings.kind,
      metadata: { name, namespace, uid },
      target: { kind: 'Node', name: node },
    };
    try {
      await this.#deps.client.createSubresource(Pods as never, { name, namespace, subresource: 'binding' }, body, {
        signal,
        timeoutMs: BIND_TIMEOUT_MS,
      });
      this.#queue.done(q);
      this.#deps.events.event(
        q.pod as never,
        'Normal',
        'Scheduled',
        `Successfully assigned ${namespace}/${name} to ${node}`,
      );
    } catch (e) {
      this.#state.forget(uid);
      if (signal.aborted || isNotFound(e)) {
        this.#queue.done(q);
        return;
      }
      // Bound after all (a lost answer, or a second scheduler): the informer will tell.
      const bound = isConflict(e) && this.#pods.lister.get(name, namespace)?.spec?.nodeName;
      this.#deps.logger.warn({ err: e, pod: `${namespace}/${name}`, node }, 'binding failed');
      if (bound) this.#queue.done(q);
      else this.#queue.retry(q);
    }
  }

  #reportFailure(pod: Stored<Pod>, placement: Placement & { node: null }, signal: AbortSignal): void {
    const { message } = placement;
    this.#deps.events.event(pod as never, 'Warning', 'FailedScheduling', message);
    const condition = { type: 'PodScheduled', status: 'False', reason: 'Unschedulable', message };
    const known = pod.status?.conditions?.find((c) => c.type === 'PodScheduled');
    if (known?.status === 'False' && known.reason === condition.reason && known.message === message) return;
    const lastTransitionTime =
      known?.status === 'False'
        ? known.lastTransitionTime
        : `${new Date(this.#deps.clock.now()).toISOString().slice(0, 19)}Z`;
    const { name, namespace = '' } = pod.metadata;
    this.#deps.client
      .patch(
        Pods,
        { name, namespace, subresource: 'status' },
        {
          type: 'strategic',
          body: { metadata: { uid: pod.metadata.uid }, status: { conditions: [{ ...condition, lastTransitionTime }] } },
        },
        { signal },
      )
      .catch((e: unknown) => {
        if (!signal.aborted && !isNotFound(e)) {
          this.#deps.logger.warn({ err: e, pod: `${namespace}/${name}` }, 'could not write the PodScheduled condition');
        }
      });
  }
}
