import { type Node, type Pod, Pods } from '#api/kinds/index.ts';
import { isAlreadyExists, isNotFound } from '#api/meta/errors.ts';
import type { Stored } from '#api/meta/objectmeta.ts';
import type { Clock } from '#async/clock.ts';
import { createCoalescingRunner } from '#async/coalesce.ts';
import type { Client, Lister } from '#client/types.ts';
import type { Logger } from '#process/logger.ts';

export const CONFIG_SOURCE = 'kubernetes.io/config.source';
export const CONFIG_HASH = 'kubernetes.io/config.hash';
export const CONFIG_MIRROR = 'kubernetes.io/config.mirror';

/** UID of the static pod that a pod of the API stands for; undefined for a pod of its own. */
export const mirrored = (pod: Pod): string | undefined => pod.metadata?.annotations?.[CONFIG_MIRROR];

/** UID under which the runtime knows a pod of the API. */
export const runtimeUid = (pod: Stored<Pod>): string => mirrored(pod) ?? pod.metadata.uid;

export interface MirrorPodsDeps {
  readonly client: Client;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly signal: AbortSignal;
  readonly pods: Lister<Pod>;
  readonly node: () => Stored<Node> | undefined;
}

/**
 * A mirror pod that went is shown again this much later. `kubectl delete` (1.33) looks every 100 ms whether what it
 * deleted is gone, by name: another pod of that name before it looked, and it waits for good.
 */
const GATHER_MS = 500;
const RETRY_MS = 2_000;
const TIMEOUT_MS = 10_000;

/** Shows static pods in the API: one object each, which changes nothing when it is deleted ("Create static Pods"). */
export class MirrorPods {
  readonly #d: MirrorPodsDeps;
  readonly #runner;
  #static: readonly Stored<Pod>[] = [];

  constructor(deps: MirrorPodsDeps) {
    this.#d = deps;
    this.#runner = createCoalescingRunner({
      run: () => this.#sync(),
      minIntervalMs: GATHER_MS,
      retryMs: RETRY_MS,
      clock: deps.clock,
      signal: deps.signal,
      onError: (err) => deps.logger.warn({ err }, 'mirror pods could not be brought up to date, will retry'),
    });
  }

  set(pods: readonly Stored<Pod>[]): void {
    this.#static = pods;
    this.#runner.trigger();
  }

  /** A mirror pod came, changed or went. */
  seen(): void {
    this.#runner.trigger();
  }

  async #sync(): Promise<void> {
    const node = this.#d.node();
    if (!node) throw new Error('the node is not known yet');
    const wanted = new Set(this.#static.map((p) => p.metadata.uid));
    const deleted = new Set<string>();
    // One that is refused, for its namespace say, does not keep the others from being shown.
    const failures: unknown[] = [];
    const attempt = (change: Promise<void>): Promise<void> => change.catch((e: unknown) => void failures.push(e));
    for (const p of this.#d.pods.list()) {
      const of = mirrored(p);
      if (of === undefined) continue;
      if (wanted.has(of) && !p.metadata.deletionTimestamp) continue;
      await attempt(this.#delete(p));
      deleted.add(of);
    }
    for (const p of this.#static) {
      const { name, namespace, uid } = p.metadata;
      // That one is gone wakes this again.
      if (!deleted.has(uid) && !this.#d.pods.get(name, namespace)) await attempt(this.#create(p, node));
    }
    if (failures.length > 0) throw failures[0];
  }

  async #create(pod: Stored<Pod>, node: Stored<Node>): Promise<void> {
    const { name, namespace, labels, annotations, uid } = pod.metadata;
    const owner = {
      apiVersion: 'v1',
      kind: 'Node',
      name: node.metadata.name,
      uid: node.metadata.uid,
      controller: true,
    };
    const mirror = {
      metadata: {
        name,
        namespace,
        ...(labels ? { labels } : {}),
        annotations: { ...annotations, [CONFIG_MIRROR]: uid },
        ownerReferences: [owner],
      },
      spec: pod.spec,
    } as Pod;
    try {
      await this.#d.client.create(Pods, mirror, { timeoutMs: TIMEOUT_MS });
    } catch (e) {
      // Its event is on the way.
      if (!isAlreadyExists(e)) throw e;
    }
  }

  async #delete(pod: Stored<Pod>): Promise<void> {
    const { name, namespace, uid } = pod.metadata;
    try {
      const options = { gracePeriodSeconds: 0, preconditions: { uid }, timeoutMs: TIMEOUT_MS };
      await this.#d.client.delete(Pods, name, namespace, options);
    } catch (e) {
      if (!isNotFound(e)) throw e;
    }
  }
}
