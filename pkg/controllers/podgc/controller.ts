import { Nodes, type Pod, Pods } from '#api/kinds/index.ts';
import { isNotFound } from '#api/meta/errors.ts';
import type { Stored } from '#api/meta/objectmeta.ts';
import { forEachLimited } from '../harness/batches.ts';
import { type Controller, type ControllerDeps, type Outcome, watching } from '../harness/controller.ts';
import { byNode } from '../harness/indexes.ts';

/** A node may come back under its name; its pods are given this long, milliseconds. */
const QUARANTINE_MS = 40_000;
const PARALLEL = 16;

/** Removes pods bound to nodes that no longer exist: nobody else would end their deletion. */
export function podGcController(deps: ControllerDeps): Controller {
  const nodes = deps.informers.informer(Nodes);
  const pods = deps.informers.informer(Pods);
  const podsOn = byNode(pods);
  const missingSince = new Map<string, number>();

  async function remove(pod: Stored<Pod>): Promise<void> {
    const { name, namespace, uid } = pod.metadata;
    try {
      await deps.client.delete(Pods, name, namespace, { gracePeriodSeconds: 0, preconditions: { uid } });
    } catch (e) {
      if (!isNotFound(e)) throw e;
    }
  }

  async function reconcile(node: string): Promise<Outcome> {
    const bound = podsOn(node);
    if (nodes.lister.get(node) || bound.length === 0) {
      missingSince.delete(node);
      return undefined;
    }
    const now = deps.clock.now();
    const since = missingSince.get(node) ?? now;
    missingSince.set(node, since);
    const left = since + QUARANTINE_MS - now;
    if (left > 0) return { afterMs: left };
    try {
      await deps.client.get(Nodes, node);
      return { afterMs: QUARANTINE_MS };
    } catch (e) {
      if (!isNotFound(e)) throw e;
    }
    await forEachLimited(bound, PARALLEL, remove);
    return undefined;
  }

  const nodeOf = (pod: Stored<Pod>): string[] => (pod.spec?.nodeName ? [pod.spec.nodeName] : []);
  return {
    name: 'pod-gc',
    watches: [
      watching(Nodes, (n, _old, gone) => (gone ? [n.metadata.name] : [])),
      watching(Pods, (pod, old, gone) =>
        gone || old?.spec?.nodeName || nodes.lister.get(pod.spec?.nodeName ?? '') ? [] : nodeOf(pod),
      ),
    ],
    reconcile,
  };
}
