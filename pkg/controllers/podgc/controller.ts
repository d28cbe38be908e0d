import { type Node, Nodes, type Pod, Pods } from '#api/kinds/index.ts';
import { isConflict, isNotFound } from '#api/meta/errors.ts';
import type { Stored } from '#api/meta/objectmeta.ts';
import { isReady } from '#api/meta/readiness.ts';
import { apiTime } from '#api/meta/time.ts';
import { olderFirst } from '../harness/age.ts';
import { forEachLimited } from '../harness/batches.ts';
import {
  type Controller,
  type ControllerDeps,
  type Enqueue,
  type Outcome,
  type Watch,
  watching,
} from '../harness/controller.ts';
import { byNode } from '../harness/indexes.ts';
import { isTerminal } from '../pods/state.ts';

/** A node may come back under its name; its pods are given this long, milliseconds. */
const QUARANTINE_MS = 40_000;
/** Finished pods kept in the cluster (--terminated-pod-gc-threshold). */
const MAX_FINISHED = 12_500;
const PARALLEL = 16;
const OUT_OF_SERVICE = 'node.kubernetes.io/out-of-service';
const FINISHED = 'finished';
/** Key of the finished pods; all others are "node/<name>". */
const FINISHED_KEY = 'finished';
/** Key of pods that are deleted before they had a node, and held by finalizers. */
const UNSCHEDULED_KEY = 'unscheduled';
const NODE_KEY = 'node/';

const ORPHANED = { reason: 'DeletionByPodGC', message: 'PodGC: node no longer exists' };
const NODE_OUT_OF_SERVICE = { reason: 'DeletionByPodGC', message: 'PodGC: the node is out of service' };

const isOutOfService = (n: Node): boolean =>
  (n.spec?.taints ?? []).some((t) => t.key === OUT_OF_SERVICE) && !isReady(n);

const isUnscheduledEnding = (p: Stored<Pod>): boolean =>
  !p.spec?.nodeName && p.metadata.deletionTimestamp !== undefined && !isTerminal(p);

/** Pure: the finished pods beyond `max`, oldest first. */
export function surplusFinished(finished: readonly Stored<Pod>[], max: number): readonly Stored<Pod>[] {
  if (finished.length <= max) return [];
  return [...finished].sort(olderFirst).slice(0, finished.length - max);
}

/**
 * Removes pods nobody else would: bound to nodes that no longer exist, ending on nodes declared out of service, and
 * finished ones beyond a limit.
 */
class PodGc implements Controller {
  readonly name = 'pod-gc';
  readonly watches: readonly Watch[];
  readonly #deps: ControllerDeps;
  readonly #nodes;
  readonly #pods;
  readonly #podsOn;
  readonly #missingSince = new Map<string, number>();

  constructor(deps: ControllerDeps) {
    this.#deps = deps;
    this.#nodes = deps.informers.informer(Nodes);
    this.#pods = deps.informers.informer(Pods);
    this.#podsOn = byNode(this.#pods);
    this.#pods.addIndex(FINISHED, (p) => (isTerminal(p) ? [FINISHED] : []));
    this.watches = [
      watching(Nodes, (n, _old, gone) => {
        // Should it come back and go again, its pods are given time again.
        if (!gone) this.#missingSince.delete(n.metadata.name);
        return gone || isOutOfService(n) ? [`${NODE_KEY}${n.metadata.name}`] : [];
      }),
      watching(Pods, (pod, old, gone) => (gone ? [] : this.#keysOfPod(pod, old))),
    ];
  }

  /** Ends a pod for good. One that had not finished is marked failed first, for those who count its outcome. */
  async #remove(pod: Stored<Pod>, why: { reason: string; message: string } | undefined): Promise<void> {
    const { name, namespace = '', uid } = pod.metadata;
    try {
      if (!isTerminal(pod)) {
        const condition = {
          type: 'DisruptionTarget',
          status: 'True',
          lastTransitionTime: apiTime(this.#deps.clock.now()),
        };
        const conditions = why ? [{ ...condition, ...why }] : [];
        const body = { metadata: { uid }, status: { phase: 'Failed', conditions } };
        await this.#deps.client.patch(Pods, { name, namespace, subresource: 'status' }, { type: 'strategic', body });
      }
      await this.#deps.client.delete(Pods, name, namespace, { gracePeriodSeconds: 0, preconditions: { uid } });
    } catch (e) {
      if (!isNotFound(e) && !isConflict(e)) throw e;
    }
  }

  async #clearMissing(name: string, bound: readonly Stored<Pod>[]): Promise<Outcome> {
    const now = this.#deps.clock.now();
    const since = this.#missingSince.get(name) ?? now;
    this.#missingSince.set(name, since);
    const left = since + QUARANTINE_MS - now;
    if (left > 0) return { afterMs: left };
    try {
      await this.#deps.client.get(Nodes, name);
      return { afterMs: QUARANTINE_MS };
    } catch (e) {
      if (!isNotFound(e)) throw e;
    }
    await forEachLimited(bound, PARALLEL, (p) => this.#remove(p, ORPHANED));
    // Should the node come back and go again, its pods are given time again.
    this.#missingSince.delete(name);
    return undefined;
  }

  async reconcile(key: string): Promise<Outcome> {
    if (key === FINISHED_KEY) {
      const surplus = surplusFinished(this.#pods.lister.byIndex(FINISHED, FINISHED), MAX_FINISHED);
      await forEachLimited(surplus, PARALLEL, (p) => this.#remove(p, undefined));
      return undefined;
    }
    if (key === UNSCHEDULED_KEY) {
      await forEachLimited(this.#podsOn('').filter(isUnscheduledEnding), PARALLEL, (p) => this.#remove(p, undefined));
      return undefined;
    }
    const name = key.slice(NODE_KEY.length);
    const node = this.#nodes.lister.get(name);
    const bound = this.#podsOn(name);
    if (!node && bound.length > 0) return this.#clearMissing(name, bound);
    this.#missingSince.delete(name);
    if (node && isOutOfService(node)) {
      const ending = bound.filter((p) => p.metadata.deletionTimestamp);
      await forEachLimited(ending, PARALLEL, (p) => this.#remove(p, NODE_OUT_OF_SERVICE));
    }
    return undefined;
  }

  #keysOfPod(pod: Stored<Pod>, old: Stored<Pod> | undefined): string[] {
    const keys: string[] = [];
    if (isTerminal(pod) && !(old && isTerminal(old))) {
      if (this.#pods.lister.byIndex(FINISHED, FINISHED).length > MAX_FINISHED) keys.push(FINISHED_KEY);
    }
    if (isUnscheduledEnding(pod)) keys.push(UNSCHEDULED_KEY);
    const name = pod.spec?.nodeName;
    const changed = !old?.spec?.nodeName || (pod.metadata.deletionTimestamp && !old.metadata.deletionTimestamp);
    if (!name || !changed) return keys;
    const node = this.#nodes.lister.get(name);
    return !node || isOutOfService(node) ? [...keys, `${NODE_KEY}${name}`] : keys;
  }

  start(enqueue: Enqueue): void {
    enqueue(FINISHED_KEY);
  }
}

export const podGcController = (deps: ControllerDeps): Controller => new PodGc(deps);
