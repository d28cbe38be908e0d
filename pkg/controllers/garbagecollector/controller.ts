import type { Kind } from '#api/kind.ts';
import { builtinKinds } from '#api/kinds/index.ts';
import { isConflict, isInvalid, isNotFound } from '#api/meta/errors.ts';
import type { KubeObject, OwnerReference, Stored } from '#api/meta/objectmeta.ts';
import { forEachLimited } from '../harness/batches.ts';
import { type Controller, type ControllerDeps, type Enqueue, type Outcome, watching } from '../harness/controller.ts';
import { refersTo } from '../ownership/controller-ref.ts';
import { FOREGROUND, type GraphNode, judge, nodeOf, ORPHAN, OwnerGraph, type OwnerState } from './graph.ts';

const PARALLEL = 8;
const RETRY_MS = 500;
/** Events own nothing and expire by themselves; leases are renewed all the time and owned by nodes at most. */
const IGNORED = new Set(['events', 'leases', 'componentstatuses']);

const isCollected = (k: Kind): boolean =>
  !IGNORED.has(k.plural) && (['list', 'watch', 'delete'] as const).every((v) => k.verbs.includes(v));

/** Deletes dependents whose owners are all gone, and carries out foreground and orphan deletion ("Garbage Collection"). */
export function garbageCollector(deps: ControllerDeps): Controller {
  const kinds = builtinKinds.filter(isCollected);
  const graph = new OwnerGraph();
  const { client } = deps;
  let enqueue: Enqueue = () => {};
  const pendingKeys = new Set<string>();
  const wake = (uid: string): void => {
    if (started) enqueue(uid);
    else pendingKeys.add(uid);
  };
  let started = false;

  /** Takes in a change and says whose fate must be looked at. */
  function seen(kind: Kind, o: Stored<KubeObject>, gone: boolean): string[] {
    const node = nodeOf(kind, o);
    if (gone) {
      graph.delete(node.uid);
      return [...graph.dependents(node.uid).map((d) => d.uid), ...ownersOf(node)];
    }
    const before = graph.get(node.uid);
    graph.set(node);
    if (node.deleting && node.finalizers.some((f) => f === FOREGROUND || f === ORPHAN)) return [node.uid];
    if (node.deleting && !before?.deleting) return ownersOf(node);
    return node.owners.length > 0 && !node.deleting ? [node.uid] : [];
  }

  /** Owners that may be waiting for this dependent. */
  const ownersOf = (node: GraphNode): string[] =>
    node.owners.filter((o) => graph.get(o.uid)?.finalizers.includes(FOREGROUND)).map((o) => o.uid);

  /** Whether an owner exists: from the graph, or asked live before anything is deleted for its absence. */
  async function ownerState(node: GraphNode, ref: OwnerReference): Promise<OwnerState> {
    const known = graph.get(ref.uid);
    if (known) {
      const elsewhere = known.kind.namespaced && known.namespace !== node.namespace;
      if (!elsewhere)
        return known.deleting && known.finalizers.includes(FOREGROUND) && ref.blockOwnerDeletion ? 'waiting' : 'solid';
    }
    const kind = kinds.find((k) => refersTo(ref, k));
    // A kind we do not know may well exist: its absence cannot be proven.
    if (!kind) return 'solid';
    if (kind.namespaced && !node.namespace) return 'solid';
    try {
      const live = await client.get(kind, ref.name, kind.namespaced ? node.namespace : undefined);
      return live.metadata.uid === ref.uid ? 'solid' : 'absent';
    } catch (e) {
      if (isNotFound(e)) return 'absent';
      throw e;
    }
  }

  const target = (n: GraphNode) => ({ name: n.name, ...(n.namespace ? { namespace: n.namespace } : {}) });

  async function dropOwners(node: GraphNode, uids: readonly string[]): Promise<void> {
    const ownerReferences = uids.map((uid) => ({ $patch: 'delete', uid }));
    const body = { metadata: { uid: node.uid, ownerReferences } };
    await client.patch(node.kind, target(node), { type: 'strategic', body });
  }

  async function removeFinalizer(node: GraphNode, finalizer: string): Promise<void> {
    const live = await client.get(node.kind, node.name, node.namespace || undefined);
    if (live.metadata.uid !== node.uid || !live.metadata.finalizers?.includes(finalizer)) return;
    const finalizers = live.metadata.finalizers.filter((f) => f !== finalizer);
    const body = { metadata: { resourceVersion: live.metadata.resourceVersion, finalizers } };
    await client.patch(node.kind, target(node), { type: 'merge', body });
  }

  /** Foreground: the dependents that block go first; when none is left, so does the owner. */
  async function foreground(node: GraphNode): Promise<Outcome> {
    const blocking = graph
      .dependents(node.uid)
      .filter((d) => d.owners.some((o) => o.uid === node.uid && o.blockOwnerDeletion));
    if (blocking.length === 0) {
      await removeFinalizer(node, FOREGROUND);
      return undefined;
    }
    for (const d of blocking) if (!d.deleting) wake(d.uid);
    return undefined;
  }

  async function orphan(node: GraphNode): Promise<void> {
    await forEachLimited(graph.dependents(node.uid), PARALLEL, async (d) => {
      try {
        await dropOwners(d, [node.uid]);
      } catch (e) {
        if (!isNotFound(e) && !isInvalid(e)) throw e;
      }
    });
    await removeFinalizer(node, ORPHAN);
  }

  async function judged(node: GraphNode): Promise<void> {
    const states = new Map<string, OwnerState>();
    for (const ref of node.owners) states.set(ref.uid, await ownerState(node, ref));
    const verdict = judge(node, states, graph.dependents(node.uid).length > 0);
    if (verdict.do === 'keep') return;
    if (verdict.do === 'dropOwners') {
      await dropOwners(node, verdict.uids);
      return;
    }
    deps.log.debug(
      { kind: node.kind.kind, name: node.name, namespace: node.namespace, policy: verdict.policy },
      'collecting',
    );
    await client.delete(node.kind, node.name, node.namespace || undefined, {
      propagationPolicy: verdict.policy,
      preconditions: { uid: node.uid },
    });
  }

  async function reconcile(uid: string): Promise<Outcome> {
    const node = graph.get(uid);
    if (!node) return undefined;
    try {
      if (node.deleting && node.finalizers.includes(ORPHAN)) await orphan(node);
      else if (node.deleting && node.finalizers.includes(FOREGROUND)) return await foreground(node);
      else if (!node.deleting) await judged(node);
    } catch (e) {
      if (isNotFound(e)) return undefined;
      if (isConflict(e) || isInvalid(e)) return { afterMs: RETRY_MS };
      throw e;
    }
    return undefined;
  }

  return {
    name: 'garbage-collector',
    watches: kinds.map((k) => watching(k, (o, _old, gone) => seen(k, o, gone))),
    reconcile,
    start(given) {
      // Only with every kind loaded can "no such owner" be told from "not seen yet".
      enqueue = given;
      started = true;
      for (const uid of pendingKeys) given(uid);
      pendingKeys.clear();
    },
  };
}
