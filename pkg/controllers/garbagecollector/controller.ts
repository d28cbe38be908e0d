import { apiVersionOf, type Kind } from '#api/kind.ts';
import { builtinKinds } from '#api/kinds/index.ts';
import { isInvalid, isNotFound } from '#api/meta/errors.ts';
import type { KubeObject, OwnerReference, Stored } from '#api/meta/objectmeta.ts';
import { discoveredResources } from '../discovered/resources.ts';
import { forEachLimited } from '../harness/batches.ts';
import {
  type Controller,
  type ControllerDeps,
  type Enqueue,
  type Outcome,
  type Watch,
  watching,
} from '../harness/controller.ts';
import { refersTo } from '../ownership/controller-ref.ts';
import { AbsentOwners } from './absent-owners.ts';
import {
  awaitsDependents,
  canOwn,
  FOREGROUND,
  type GraphNode,
  judge,
  nodeOf,
  ORPHAN,
  OwnerGraph,
  type OwnerState,
  sameFate,
  waitsForItself,
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
class GarbageCollector implements Controller {
  readonly name = 'garbage-collector';
  readonly watches: readonly Watch[];
  readonly #deps: ControllerDeps;
  readonly #builtin;
  readonly #discovered;
  readonly #graph = new OwnerGraph();
  readonly #client;
  readonly #absent = new AbsentOwners();
  /** Those that have let their dependents go: a dependent heard of later, by another watch, is one of them. */
  readonly #orphaned = new AbsentOwners();
  readonly #events;
  /** Objects with an owner of a kind that is not known (yet). */
  readonly #undecided = new Set<string>();
  /** Keys of discovered kinds from before the start. */
  readonly #early = new Set<string>();
  #enqueue: Enqueue = (key) => void this.#early.add(key);

  constructor(deps: ControllerDeps) {
    this.#deps = deps;
    this.#builtin = builtinKinds.filter(isCollected);
    this.#discovered = discoveredResources(deps);
    this.#client = deps.client;
    this.#events = deps.events('garbage-collector-controller');
    this.#discovered.subscribe((kind, o, gone) => {
      // With its kind an owner may go before it could be asked for.
      if (gone) {
        const { name, uid, namespace = '' } = o.metadata;
        this.#absent.add({ apiVersion: apiVersionOf(kind), kind: kind.kind, name, uid }, namespace);
      }
      for (const key of this.#seen(kind, o, gone)) this.#enqueue(key);
    });
    this.#discovered.onKind(() => {
      for (const key of this.#undecided) this.#enqueue(key);
      this.#undecided.clear();
    });
    this.watches = this.#builtin.map((k) => watching(k, (o, _old, gone) => this.#seen(k, o, gone)));
  }

  /** Owners that may be waiting for this dependent. */
  readonly #waitingOwners = (node: GraphNode): string[] =>
    node.owners.map((o) => this.#graph.get(o.uid)).flatMap((o) => (o && awaitsDependents(o) ? [o.uid] : []));

  readonly #target = (n: GraphNode) => ({ name: n.name, ...(n.namespace ? { namespace: n.namespace } : {}) });

  /** Takes in a change and says whose fate must be looked at. */
  #seen(kind: Kind, o: Stored<KubeObject>, gone: boolean): string[] {
    const node = nodeOf(kind, o);
    const before = this.#graph.get(node.uid);
    if (gone) {
      this.#graph.delete(node.uid);
      this.#undecided.delete(node.uid);
      return [...this.#graph.dependents(node.uid).map((d) => d.uid), ...this.#waitingOwners(node)];
    }
    this.#graph.set(node);
    if (before && sameFate(before, node)) return [];
    // An owner may have waited for this reference, or for this deletion to begin.
    const owners = [
      ...(before ? this.#waitingOwners(before) : []),
      ...(node.deleting ? this.#waitingOwners(node) : []),
    ];
    const concerns = node.deleting
      ? node.finalizers.some((f) => f === FOREGROUND || f === ORPHAN)
      : node.owners.length > 0;
    return concerns ? [node.uid, ...owners] : owners;
  }

  /** Whether an owner exists: from the graph, or asked live before anything is deleted for its absence. */
  async #ownerState(node: GraphNode, ref: OwnerReference): Promise<OwnerState> {
    const known = this.#graph.get(ref.uid);
    const elsewhere = known !== undefined && !canOwn(known, node);
    if (known && !elsewhere) return awaitsDependents(known) && ref.blockOwnerDeletion ? 'waiting' : 'solid';
    if (!known && this.#orphaned.has(ref, '')) return 'orphaned';
    const kind = this.#builtin.find((k) => refersTo(ref, k)) ?? this.#discovered.kinds().find((k) => refersTo(ref, k));
    const missing = this.#absent.has(ref, node.namespace) || this.#absent.has(ref, '');
    if (!kind && missing) return 'absent';
    if (!kind) this.#undecided.add(node.uid);
    // A kind we do not know may well exist, and so may an owner in a namespace we are not told: absence cannot be proven.
    if (!kind || (kind.namespaced && !node.namespace)) {
      if (kind) this.#warnOfScope(node, ref);
      return 'solid';
    }
    const namespace = kind.namespaced ? node.namespace : '';
    if (this.#absent.has(ref, namespace)) return 'absent';
    try {
      const live = await this.#client.get(kind, ref.name, namespace || undefined);
      if (live.metadata.uid === ref.uid) return 'unseen';
    } catch (e) {
      if (!isNotFound(e)) throw e;
    }
    if (elsewhere) this.#warnOfScope(node, ref);
    this.#absent.add(ref, namespace);
    return 'absent';
  }

  /** Owners must be of the same namespace, or of none. */
  #warnOfScope(node: GraphNode, ref: OwnerReference): void {
    const where = node.namespace ? `namespace "${node.namespace}"` : 'cluster scope';
    this.#events.event(
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

  /** For kinds without strategic merge patch: the whole list, unless somebody has written in between. */
  async #replaceOwners(
    node: GraphNode,
    change: (owners: readonly OwnerReference[]) => readonly OwnerReference[],
  ): Promise<void> {
    const { resourceVersion, uid } = node;
    const ownerReferences = change(node.owners);
    const body = { metadata: { uid, resourceVersion, ownerReferences } };
    await this.#client.patch(node.kind, this.#target(node), { type: 'merge', body });
  }

  async #dropOwners(node: GraphNode, uids: readonly string[]): Promise<void> {
    if (node.kind.custom) {
      await this.#replaceOwners(node, (owners) => owners.filter((o) => !uids.includes(o.uid)));
      return;
    }
    const ownerReferences = uids.map((uid) => ({ $patch: 'delete', uid }));
    const body = { metadata: { uid: node.uid, ownerReferences } };
    await this.#client.patch(node.kind, this.#target(node), { type: 'strategic', body });
  }

  async #removeFinalizer(node: GraphNode, finalizer: string): Promise<void> {
    const live = await this.#client.get(node.kind, node.name, node.namespace || undefined);
    if (live.metadata.uid !== node.uid || !live.metadata.finalizers?.includes(finalizer)) return;
    const finalizers = live.metadata.finalizers.filter((f) => f !== finalizer);
    const body = { metadata: { resourceVersion: live.metadata.resourceVersion, finalizers } };
    await this.#client.patch(node.kind, this.#target(node), { type: 'merge', body });
  }

  /** Foreground: the dependents that block go first; when none is left, so does the owner. */
  async #foreground(node: GraphNode): Promise<Outcome> {
    const blocking = this.#graph
      .dependents(node.uid)
      .filter((d) => canOwn(node, d) && d.owners.some((o) => o.uid === node.uid && o.blockOwnerDeletion));
    if (blocking.length === 0) await this.#removeFinalizer(node, FOREGROUND);
    else if (waitsForItself(node, this.#graph)) await this.#unblock(node);
    for (const d of blocking) if (!d.deleting) this.#enqueue(d.uid);
    return undefined;
  }

  /** Objects that own each other would wait for each other for ever: this one stops being waited for. */
  async #unblock(node: GraphNode): Promise<void> {
    if (node.kind.custom) {
      await this.#replaceOwners(node, (owners) => owners.map((o) => ({ ...o, blockOwnerDeletion: false })));
      return;
    }
    const ownerReferences = node.owners.map(({ uid }) => ({ uid, blockOwnerDeletion: false }));
    await this.#client.patch(node.kind, this.#target(node), {
      type: 'strategic',
      body: { metadata: { uid: node.uid, ownerReferences } },
    });
  }

  async #orphan(node: GraphNode): Promise<void> {
    await forEachLimited(this.#graph.dependents(node.uid), PARALLEL, async (d) => {
      try {
        await this.#dropOwners(d, [node.uid]);
      } catch (e) {
        if (!isNotFound(e) && !isInvalid(e)) throw e;
      }
    });
    const { kind, name, uid } = node;
    this.#orphaned.add({ apiVersion: apiVersionOf(kind), kind: kind.kind, name, uid }, '');
    await this.#removeFinalizer(node, ORPHAN);
  }

  async #judged(node: GraphNode): Promise<Outcome> {
    const states = new Map<string, OwnerState>();
    for (const ref of node.owners) states.set(ref.uid, await this.#ownerState(node, ref));
    const verdict = judge(node, states, this.#graph.dependents(node.uid).length > 0);
    if (verdict.do === 'keep')
      return node.owners.some((o) => states.get(o.uid) === 'unseen') ? { afterMs: RECHECK_MS } : undefined;
    if (verdict.do === 'dropOwners') {
      await this.#dropOwners(node, verdict.uids);
      return undefined;
    }
    this.#deps.log.debug(
      { kind: node.kind.kind, name: node.name, namespace: node.namespace, policy: verdict.policy },
      'collecting',
    );
    await this.#client.delete(node.kind, node.name, node.namespace || undefined, {
      propagationPolicy: verdict.policy,
      preconditions: { uid: node.uid, resourceVersion: node.resourceVersion },
    });
    return undefined;
  }

  async reconcile(uid: string): Promise<Outcome> {
    const node = this.#graph.get(uid);
    if (!node) return undefined;
    try {
      if (node.deleting && node.finalizers.includes(ORPHAN)) await this.#orphan(node);
      else if (awaitsDependents(node)) return await this.#foreground(node);
      else if (!node.deleting) return await this.#judged(node);
    } catch (e) {
      // A conflict is tried again like any failure: by then the watch has brought what changed.
      if (!isNotFound(e)) throw e;
    }
    return undefined;
  }

  start(given: Enqueue): void {
    this.#enqueue = given;
    for (const key of this.#early) given(key);
    this.#early.clear();
  }
}

export const garbageCollector = (deps: ControllerDeps): Controller => new GarbageCollector(deps);
