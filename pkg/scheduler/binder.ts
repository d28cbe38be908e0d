import { Bindings, type Node, type Pod, Pods } from '#api/kinds/index.ts';
import { isConflict, isNotFound } from '#api/meta/errors.ts';
import type { Stored } from '#api/meta/objectmeta.ts';
import type { Clock } from '#async/clock.ts';
import type { Client, EventRecorder, Lister } from '#client/types.ts';
import type { Logger } from '#process/logger.ts';
import type { Extender } from './extenders/extender.ts';
import type { PluginArgs } from './plugins/args.ts';
import { report } from './pod-report.ts';
import type { QueuedPod, SchedulingQueue } from './queue/scheduling-queue.ts';
import type { ClusterState } from './snapshot/cluster-state.ts';
import type { Promised, Volumes } from './volumes/volumes.ts';

export interface BinderDeps {
  readonly client: Client;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly queue: SchedulingQueue;
  readonly state: ClusterState;
  readonly volumes: Volumes;
  readonly pods: Lister<Pod>;
}

/** How a pod is to be bound. */
export interface Binding {
  readonly node: Stored<Node>;
  readonly events: EventRecorder;
  /** null: its claims are left alone. */
  readonly volumeBinding: PluginArgs['VolumeBinding'] | null;
  /** Who binds it instead. */
  readonly extender: Extender | undefined;
}

/** Bindings written at a time; each is one request. */
const MAX_BINDING = 64;
/** A binding whose outcome is unknown is given this long to show up before the pod is tried again, milliseconds. */
const BIND_TIMEOUT_MS = 15_000;

/** Writes down where pods go, beside the scheduling of further ones. Pods are assumed there already. */
export class Binder {
  readonly #deps: BinderDeps;
  #binding = 0;
  #slot: (() => void) | undefined;

  constructor(deps: BinderDeps) {
    this.#deps = deps;
  }

  /**
   * Returns when the binding is under way: with many of them, not at once. What the pod is to have is kept for it before
   * this returns for the first time.
   */
  async start(q: QueuedPod, binding: Binding, signal: AbortSignal): Promise<void> {
    let promised: Promised | null;
    try {
      promised = binding.volumeBinding ? this.#deps.volumes.reserve(q.pod, binding.node) : null;
    } catch (e) {
      const message = `running Reserve plugin "VolumeBinding": ${(e as Error).message}`;
      this.#again(q, { ...binding, message }, signal);
      return;
    }
    if (promised) {
      void this.#bindVolumes(q, promised, binding, signal);
      return;
    }
    while (this.#binding >= MAX_BINDING) {
      await new Promise<void>((resolve) => {
        this.#slot = resolve;
      });
    }
    this.#binding++;
    void this.#bind(q, binding, signal).finally(() => {
      this.#binding--;
      this.#slot?.();
      this.#slot = undefined;
    });
  }

  /** The pod has no node after all: what was counted for it is free for others. */
  #giveBack({ pod }: QueuedPod): void {
    this.#deps.state.forget(pod.metadata.uid);
    this.#deps.queue.wake({ type: 'pod-gone', pod });
  }

  #again(
    q: QueuedPod,
    { events, message }: Pick<Binding, 'events'> & { readonly message: string },
    signal: AbortSignal,
  ): void {
    this.#giveBack(q);
    events.event(q.pod as never, 'Warning', 'FailedScheduling', message);
    void report(this.#deps, q.pod, { message, reason: 'SchedulerError' }, signal);
    this.#deps.queue.retry(q);
  }

  /** Volumes first: a pod that is bound starts. It takes no binding slot meanwhile, for it may take minutes. */
  async #bindVolumes(q: QueuedPod, promised: Promised, binding: Binding, signal: AbortSignal): Promise<void> {
    const { volumes } = this.#deps;
    try {
      await volumes.bind(promised, binding.volumeBinding?.bindTimeoutMs ?? 0, signal);
    } catch (e) {
      if (signal.aborted) return;
      volumes.release(promised);
      const message = `running PreBind plugin "VolumeBinding": binding volumes: ${(e as Error).message}`;
      this.#again(q, { ...binding, message }, signal);
      return;
    }
    volumes.release(promised);
    await this.#bind(q, binding, signal);
  }

  async #bind(q: QueuedPod, binding: Binding, signal: AbortSignal): Promise<void> {
    const { events, extender } = binding;
    const node = binding.node.metadata.name;
    const { name, namespace = '' } = q.pod.metadata;
    const { queue, pods, logger } = this.#deps;
    try {
      if (extender) await extender.bind(q.pod, node, signal);
      else await this.#write(q.pod, node, signal);
      queue.done(q);
      const message = `Successfully assigned ${namespace}/${name} to ${node}`;
      events.event(q.pod as never, 'Normal', 'Scheduled', message);
    } catch (e) {
      const over = signal.aborted || isNotFound(e);
      if (!over) logger.warn({ err: e, pod: `${namespace}/${name}`, node }, 'binding failed');
      // Bound after all (a lost answer, or a second scheduler): the informer will tell.
      if (over || (isConflict(e) && pods.get(name, namespace)?.spec?.nodeName)) {
        this.#giveBack(q);
        queue.done(q);
        return;
      }
      const why = (e as Error).message;
      const message = extender ? why : `running Bind plugin "DefaultBinder": ${why}`;
      this.#again(q, { ...binding, message }, signal);
    }
  }

  async #write(pod: Stored<Pod>, node: string, signal: AbortSignal): Promise<void> {
    const { name, namespace = '', uid } = pod.metadata;
    const body = {
      apiVersion: 'v1',
      kind: Bindings.kind,
      metadata: { name, namespace, uid },
      target: { kind: 'Node', name: node },
    };
    const target = { name, namespace, subresource: 'binding' };
    await this.#deps.client.createSubresource(Pods as never, target, body, { signal, timeoutMs: BIND_TIMEOUT_MS });
  }
}
