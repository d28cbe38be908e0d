import type { Kind } from '#api/kind.ts';
import { sameJson } from '#api/meta/equal.ts';
import type { KubeObject, OwnerReference, Stored } from '#api/meta/objectmeta.ts';

/** What the collector remembers of an object. */
export interface GraphNode {
  readonly kind: Kind;
  readonly namespace: string;
  readonly name: string;
  readonly uid: string;
  /** Deletion is conditional on it: what changed since, its owners perhaps, is judged anew. */
  readonly resourceVersion: string;
  readonly owners: readonly OwnerReference[];
  readonly deleting: boolean;
  readonly finalizers: readonly string[];
}

export const FOREGROUND = 'foregroundDeletion';
export const ORPHAN = 'orphan';

export const nodeOf = (kind: Kind, o: Stored<KubeObject>): GraphNode => ({
  kind,
  namespace: o.metadata.namespace ?? '',
  name: o.metadata.name,
  uid: o.metadata.uid,
  resourceVersion: o.metadata.resourceVersion,
  owners: o.metadata.ownerReferences ?? [],
  deleting: o.metadata.deletionTimestamp !== undefined,
  finalizers: o.metadata.finalizers ?? [],
});

const sameList = <T>(a: readonly T[], b: readonly T[]): boolean =>
  a.length === b.length && a.every((x, i) => sameJson(x, b[i]));

/** True if nothing changed that decides over the life of an object. */
export const sameFate = (a: GraphNode, b: GraphNode): boolean =>
  a.deleting === b.deleting && sameList(a.owners, b.owners) && sameList(a.finalizers, b.finalizers);

/** Deleted with `propagationPolicy: Foreground`, and waiting for its dependents. */
export const awaitsDependents = (n: GraphNode): boolean => n.deleting && n.finalizers.includes(FOREGROUND);

/** Whether a reference can lead from the one to the other: owners are of the same namespace, or of none. */
export const canOwn = (owner: GraphNode, dependent: GraphNode): boolean =>
  !owner.kind.namespaced || owner.namespace === dependent.namespace;

/** Who depends on whom, by uid. */
export class OwnerGraph {
  readonly #nodes = new Map<string, GraphNode>();
  readonly #dependents = new Map<string, Set<string>>();

  get(uid: string): GraphNode | undefined {
    return this.#nodes.get(uid);
  }

  set(node: GraphNode): void {
    const before = this.#nodes.get(node.uid);
    if (before && sameFate(before, node)) {
      this.#nodes.set(node.uid, node);
      return;
    }
    this.delete(node.uid);
    this.#nodes.set(node.uid, node);
    for (const o of node.owners) {
      const set = this.#dependents.get(o.uid) ?? new Set<string>();
      this.#dependents.set(o.uid, set.add(node.uid));
    }
  }

  delete(uid: string): void {
    const node = this.#nodes.get(uid);
    if (!node) return;
    this.#nodes.delete(uid);
    for (const o of node.owners) {
      const set = this.#dependents.get(o.uid);
      set?.delete(uid);
      if (set?.size === 0) this.#dependents.delete(o.uid);
    }
  }

  dependents(uid: string): GraphNode[] {
    return [...(this.#dependents.get(uid) ?? [])].flatMap((d) => this.#nodes.get(d) ?? []);
  }
}

/** Pure: whether the end of an object waits for itself, because it owns its owners that are being deleted as it is. */
export function waitsForItself(node: GraphNode, graph: OwnerGraph): boolean {
  const seen = new Set<string>();
  const open = [node];
  for (let n = open.pop(); n; n = open.pop()) {
    for (const { uid, blockOwnerDeletion } of n.owners) {
      const owner = graph.get(uid);
      if (!blockOwnerDeletion || !owner || !awaitsDependents(owner) || !canOwn(owner, n)) continue;
      if (uid === node.uid) return true;
      if (!seen.has(uid)) open.push(owner);
      seen.add(uid);
    }
  }
  return false;
}

/** What an owner reference turned out to be. */
export type OwnerState =
  /** There, and not being deleted in the foreground. */
  | 'solid'
  /** There by a live read, but not in the graph yet. */
  | 'unseen'
  /** Verified to be gone. */
  | 'absent'
  /** Gone, and it let go of its dependents: this one was not known yet. */
  | 'orphaned'
  /** Being deleted in the foreground and waiting for this dependent. */
  | 'waiting';

export type Verdict =
  | { readonly do: 'keep' }
  /** Some owners remain: only the references to the others go. */
  | { readonly do: 'dropOwners'; readonly uids: readonly string[] }
  | { readonly do: 'delete'; readonly policy: 'Foreground' | 'Background' | 'Orphan' };

/** Pure: what becomes of a dependent, given the states of its owners. */
export function judge(node: GraphNode, states: ReadonlyMap<string, OwnerState>, hasDependents: boolean): Verdict {
  if (node.owners.length === 0) return { do: 'keep' };
  const freed = node.owners.filter((o) => states.get(o.uid) === 'orphaned');
  if (freed.length > 0) return { do: 'dropOwners', uids: freed.map((o) => o.uid) };
  const gone = node.owners.filter((o) => ['absent', 'waiting'].includes(states.get(o.uid) ?? ''));
  if (gone.length === 0) return { do: 'keep' };
  if (gone.length < node.owners.length) return { do: 'dropOwners', uids: gone.map((o) => o.uid) };
  const waiting = [...states.values()].includes('waiting');
  if (waiting && hasDependents) return { do: 'delete', policy: 'Foreground' };
  if (node.finalizers.includes(ORPHAN)) return { do: 'delete', policy: 'Orphan' };
  if (node.finalizers.includes(FOREGROUND)) return { do: 'delete', policy: 'Foreground' };
  return { do: 'delete', policy: 'Background' };
}
