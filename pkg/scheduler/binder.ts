import { Bindings, type Pod, Pods } from '#api/kinds/index.ts';
import { isConflict, isNotFound } from '#api/meta/errors.ts';
import type { Stored } from '#api/meta/objectmeta.ts';
import type { Client, EventRecorder, Lister } from '#client/types.ts';
import type { Logger } from '#process/logger.ts';
import type { Extender } from './extenders/extender.ts';
import type { PluginArgs } from './plugins/args.ts';
import type { QueuedPod, SchedulingQueue } from './queue/scheduling-queue.ts';
import type { ClusterState } from './snapshot/cluster-state.ts';
import type { Volumes } from './volumes.ts';

export interface BinderDeps {
  readonly client: Client;
  readonly logger: Logger;
  readonly queue: SchedulingQueue;
  readonly state: ClusterState;
  readonly volumes: Volumes;
  readonly pods: Lister<Pod>;
}

/** How a pod is to be bound. */
export interface Binding {
  readonly node: string;
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

  /** Returns when the binding is under way: with many of them, not at once. */
  async start(q: QueuedPod, binding: Binding, signal: AbortSignal): Promise<void> {
    const claims = binding.volumeBinding ? this.#deps.volumes.open(q.pod) : [];
    if (claims.length > 0) {
      void this.#bindVolumes(q, claims, binding, signal);
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

  /** Volumes first: a pod that is bound starts. It takes no binding slot meanwhile, for it may take minutes. */
  async #bindVolumes(q: QueuedPod, claims: readonly string[], binding: Binding, signal: AbortSignal): Promise<void> {
    const { node, events, volumeBinding } = binding;
    const { queue, state, volumes } = this.#deps;
    try {
      await volumes.bind(claims, { node, timeoutMs: volumeBinding?.bindTimeoutMs ?? 0 }, signal);
    } catch (e) {
      state.forget(q.pod.metadata.uid);
      if (signal.aborted) return;
      const message = `running PreBind plugin "VolumeBinding": binding volumes: ${(e as Error).message}`;
      events.event(q.pod as never, 'Warning', 'FailedScheduling', message);
      queue.retry(q);
      return;
    }
    await this.#bind(q, binding, signal);
  }

  async #bind(q: QueuedPod, { node, events, extender }: Binding, signal: AbortSignal): Promise<void> {
    const { name, namespace = '', uid } = q.pod.metadata;
    const { queue, state, pods, logger } = this.#deps;
    try {
      if (extender) await extender.bind(q.pod, node, signal);
      else await this.#write(q.pod, node, signal);
      queue.done(q);
      const message = `Successfully assigned ${namespace}/${name} to ${node}`;
      events.event(q.pod as never, 'Normal', 'Scheduled', message);
    } catch (e) {
      state.forget(uid);
      if (signal.aborted || isNotFound(e)) {
        queue.done(q);
        return;
      }
      // Bound after all (a lost answer, or a second scheduler): the informer will tell.
      const bound = isConflict(e) && pods.get(name, namespace)?.spec?.nodeName;
      logger.warn({ err: e, pod: `${namespace}/${name}`, node }, 'binding failed');
      if (bound) queue.done(q);
      else queue.retry(q);
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
