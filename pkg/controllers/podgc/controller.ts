import { type Node, Nodes, type Pod, Pods } from '#api/kinds/index.ts';
import { isConflict, isNotFound } from '#api/meta/errors.ts';
import type { Stored } from '#api/meta/objectmeta.ts';
import { forEachLimited } from '../harness/batches.ts';
import { type Controller, type ControllerDeps, type Outcome, watching } from '../harness/controller.ts';
import { byNode } from '../harness/indexes.ts';
import { apiTime } from '../harness/time.ts';
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
const NODE_KEY = 'node/';

const isOutOfService = (n: Node): boolean =>
  (n.spec?.taints ?? []).some((t) => t.key === OUT_OF_SERVICE) &&
  n.status?.conditions?.find((c) => c.type === 'Ready')?.status !== 'True';

/** Pure: the finished pods beyond `max`, oldest first. */
export function surplusFinished(finished: readonly Stored<Pod>[], max: number): readonly Stored<Pod>[] {
  if (finished.length <= max) return [];
  const age = (p: Stored<Pod>): string => p.metadata.creationTimestamp;
  return [...finished].sort((a, b) => (age(a) < age(b) ? -1 : 1)).slice(0, finished.length - max);
}

/**
 * Removes pods nobody else would: bound to nodes that no longer exist, ending on nodes declared out of service, and
 * finished ones beyond a limit.
 */
export function podGcController(deps: ControllerDeps): Controller {
  const nodes = deps.informers.informer(Nodes);
  const pods = deps.informers.informer(Pods);
  const podsOn = byNode(pods);
  pods.addIndex(FINISHED, (p) => (isTerminal(p) ? [FINISHED] : []));
  const missingSince = new Map<string, number>();

  /** Ends a pod for good. One that had not finished is marked failed first, for those who count its outcome. */
  async function remove(pod: Stored<Pod>, why: { reason: string; message: string } | undefined): Promise<void> {
    const { name, namespace = '', uid } = pod.metadata;
    try {
      if (why && !isTerminal(pod)) {
        const condition = {
          type: 'DisruptionTarget',
          status: 'True',
          lastTransitionTime: apiTime(deps.clock.now()),
          ...why,
        };
        const body = { metadata: { uid }, status: { phase: 'Failed', conditions: [condition] } };
        await deps.client.patch(Pods, { name, namespace, subresource: 'status' }, { type: 'strategic', body });
      }
      await deps.client.delete(Pods, name, namespace, { gracePeriodSeconds: 0, preconditions: { uid } });
    } catch (e) {
      if (!isNotFound(e) && !isConflict(e)) throw e;
    }
  }

  const orphaned = { reason: 'DeletionByPodGC', message: 'PodGC: node no longer exists' };
  const outOfService = { reason: 'DeletionByPodGC', message: 'PodGC: the node is out of service' };

  async function clearMissing(name: string, bound: readonly Stored<Pod>[]): Promise<Outcome> {
    const now = deps.clock.now();
    const since = missingSince.get(name) ?? now;
    missingSince.set(name, since);
    const left = since + QUARANTINE_MS - now;
    if (left > 0) return { afterMs: left };
    try {
      await deps.client.get(Nodes, name);
      return { afterMs: QUARANTINE_MS };
    } catch (e) {
      if (!isNotFound(e)) throw e;
    }
    await forEachLimited(bound, PARALLEL, (p) => remove(p, orphaned));
    return undefined;
  }

  async function reconcile(key: string): Promise<Outcome> {
    if (key === FINISHED_KEY) {
      const surplus = surplusFinished(pods.lister.byIndex(FINISHED, FINISHED), MAX_FINISHED);
      await forEachLimited(surplus, PARALLEL, (p) => remove(p, undefined));
      return undefined;
    }
    const name = key.slice(NODE_KEY.length);
    const node = nodes.lister.get(name);
    const bound = podsOn(name);
    if (!node && bound.length > 0) return clearMissing(name, bound);
    missingSince.delete(name);
    if (node && isOutOfService(node)) {
      const ending = bound.filter((p) => p.metadata.deletionTimestamp);
      await forEachLimited(ending, PARALLEL, (p) => remove(p, outOfService));
    }
    return undefined;
  }

  function keysOfPod(pod: Stored<Pod>, old: Stored<Pod> | undefined): string[] {
    const keys: string[] = [];
    if (isTerminal(pod) && !(old && isTerminal(old))) {
      if (pods.lister.byIndex(FINISHED, FINISHED).length > MAX_FINISHED) keys.push(FINISHED_KEY);
    }
    const name = pod.spec?.nodeName;
    const changed = !old?.spec?.nodeName || (pod.metadata.deletionTimestamp && !old.metadata.deletionTimestamp);
    if (!name || !changed) return keys;
    const node = nodes.lister.get(name);
    return !node || isOutOfService(node) ? [...keys, `${NODE_KEY}${name}`] : keys;
  }

  return {
    name: 'pod-gc',
    watches: [
      watching(Nodes, (n, _old, gone) => (gone || isOutOfService(n) ? [`${NODE_KEY}${n.metadata.name}`] : [])),
      watching(Pods, (pod, old, gone) => (gone ? [] : keysOfPod(pod, old))),
    ],
    reconcile,
    start(enqueue) {
      enqueue(FINISHED_KEY);
    },
  };
}
