import { apiVersionOf, type Kind } from '#api/kind.ts';
import { builtinKinds } from '#api/kinds/index.ts';
import { isInvalid, isNotFound } from '#api/meta/errors.ts';
import type { KubeObject, OwnerReference, Stored } from '#api/meta/objectmeta.ts';
import { forEachLimited } from '../harness/batches.ts';
import { type Controller, type ControllerDeps, type Enqueue, type Outcome, watching } from '../harness/controller.ts';
import { refersTo } from '../ownership/controller-ref.ts';
import { AbsentOwners } from './absent-owners.ts';
import {
  awaitsDependents,
  FOREGROUND,
  type GraphNode,
  judge,
  nodeOf,
  ORPHAN,
  OwnerGraph,
  type OwnerState,
  sameFate,
} from './graph.ts';

const PARALLEL = 8;
/** An owner that exists but has not been seen is asked for again after this time: its deletion might never be seen either. */
const RECHECK_MS = 5000;
/** Events own nothing, are owned by nothing, and expire by themselves. */
const IGNORED = new Set(['events', 'componentstatuses']);

const isCollected = (k: Kind): boolean =>
  !IGNORED.has(k.plural) && (['list', 'watch', 'delete'] as const).every((v) => k.verbs.includes(v));

/**
 * Deletes dependents whose owners are all gone, and carries out foreground and orphan deletion ("Garbage Collection").
 * No key is worked on before every kind has been loaded: until then "no such owner" could not be told from "not seen yet".
 */
export function garbageCollector(deps: ControllerDeps): Controller {
  const kinds = builtinKinds.filter(isCollected);
  const graph = new OwnerGraph();
  const { client } = deps;
  const absent = new AbsentOwners();
  const events = deps.events('garbage-collector-controller');
  let enqueue: Enqueue = () => {};

  /** Takes in a change and says whose fate must be looked at. */
  function seen(kind: Kind, o: Stored<KubeObject>, gone: boolean): string[] {
    const node = nodeOf(kind, o);
    const before = graph.get(node.uid);
    if (gone) {
      graph.delete(node.uid);
      return [...graph.dependents(node.uid).map((d) => d.uid), ...waitingOwners(node)];
    }
    graph.set(node);
    if (before && sameFate(before, node)) return [];
    // An owner may have waited for this reference, or for this deletion to begin.
    const owners = [...(before ? waitingOwners(before) : []), ...(node.deleting ? waitingOwners(node) : [])];
    const concerns = node.deleting
      ? node.finalizers.some((f) => f === FOREGROUND || f === ORPHAN)
      : node.owners.length > 0;
    return concerns ? [node.uid, ...owners] : owners;
  }

  /** Owners that may be waiting for this dependent. */
  const waitingOwners = (node: GraphNode): string[] =>
    node.owners.map((o) => graph.get(o.uid)).flatMap((o) => (o && awaitsDependents(o) ? [o.uid] : []));

  /** Whether an owner exists: from the graph, or asked live before anything is deleted for its absence. */
  async function ownerState(node: GraphNode, ref: OwnerReference): Promise<OwnerState> {
    const known = graph.get(ref.uid);
    const elsewhere = known?.kind.namespaced === true && known.namespace !== node.namespace;
    if (known && !elsewhere) return awaitsDependents(known) && ref.blockOwnerDeletion ? 'waiting' : 'solid';
    const kind = kinds.find((k) => refersTo(ref, k));
    // A kind we do not know may well exist, and so may an owner in a namespace we are not told: absence cannot be proven.
    if (!kind || (kind.namespaced && !node.namespace)) {
      if (kind) warnOfScope(node, ref);
      return 'solid';
    }
    const namespace = kind.namespaced ? node.namespace : '';
    if (absent.has(ref, namespace)) return 'absent';
    try {
      const live = await client.get(kind, ref.name, namespace || undefined);
      if (live.metadata.uid === ref.uid) return 'unseen';
    } catch (e) {
      if (!isNotFound(e)) throw e;
    }
    if (elsewhere) warnOfScope(node, ref);
    absent.add(ref, namespace);
    return 'absent';
  }

  /** Owners must be of the same namespace, or of none. */
  function warnOfScope(node: GraphNode, ref: OwnerReference): void {
    const where = node.namespace ? `namespace "${node.namespace}"` : 'cluster scope';
    events.event(
      {
        apiVersion: apiVersionOf(node.kind),
        kind: node.kind.kind,
        metadata: { name: node.name, uid: node.uid, ...(node.namespace ? { namespace: node.namespace } : {}) },
      },
      'Warning',
      'OwnerRefInvalidNamespace',
      `ownerRef [${ref.apiVersion}/${ref.kind}, name: ${ref.name}, uid: ${ref.uid}] does not exist in ${where}`,
    );
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
    if (blocking.length === 0) await removeFinalizer(node, FOREGROUND);
    for (const d of blocking) if (!d.deleting) enqueue(d.uid);
    return undefined;
  }

  /** Two objects that own each other would wait for each other for ever: this one stops being waited for. */
  async function unblock(node: GraphNode): Promise<void> {
    const ownerReferences = node.owners.map(({ uid }) => ({ uid, blockOwnerDeletion: false }));
    await client.patch(node.kind, target(node), {
      type: 'strategic',
      body: { metadata: { uid: node.uid, ownerReferences } },
    });
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

  async function judged(node: GraphNode): Promise<Outcome> {
    const states = new Map<string, OwnerState>();
    for (const ref of node.owners) states.set(ref.uid, await ownerState(node, ref));
    const dependents = graph.dependents(node.uid);
    const verdict = judge(node, states, dependents.length > 0);
    if (verdict.do === 'keep')
      return node.owners.some((o) => states.get(o.uid) === 'unseen') ? { afterMs: RECHECK_MS } : undefined;
    if (verdict.do === 'dropOwners') {
      await dropOwners(node, verdict.uids);
      return undefined;
    }
    if (verdict.policy === 'Foreground' && dependents.some(awaitsDependents)) {
      await unblock(node);
      return undefined;
    }
    deps.log.debug(
      { kind: node.kind.kind, name: node.name, namespace: node.namespace, policy: verdict.policy },
      'collecting',
    );
    await client.delete(node.kind, node.name, node.namespace || undefined, {
      propagationPolicy: verdict.policy,
      preconditions: { uid: node.uid, resourceVersion: node.resourceVersion },
    });
    return undefined;
  }

  async function reconcile(uid: string): Promise<Outcome> {
    const node = graph.get(uid);
    if (!node) return undefined;
    try {
      if (node.deleting && node.finalizers.includes(ORPHAN)) await orphan(node);
      else if (awaitsDependents(node)) return await foreground(node);
      else if (!node.deleting) return await judged(node);
    } catch (e) {
      // A conflict is tried again like any failure: by then the watch has brought what changed.
      if (!isNotFound(e)) throw e;
    }
    return undefined;
  }

  return {
    name: 'garbage-collector',
    watches: kinds.map((k) => watching(k, (o, _old, gone) => seen(k, o, gone))),
    reconcile,
    start(given) {
      enqueue = given;
    },
  };
}
