import { isFinal } from '#api/kinds/core/pod/phase.ts';
import type { Node, Pod } from '#api/kinds/index.ts';
import { sameJson } from '#api/meta/equal.ts';
import type { Labels, Requirement, Selector } from '#api/meta/labels.ts';
import type { Stored } from '#api/meta/objectmeta.ts';
import { requestAlike } from '#api/scheduling/pod-requests.ts';
import { PlacedTerms } from './affinity-terms.ts';
import { ImageNodes } from './image-nodes.ts';
import { NodeInfo } from './node-info.ts';
import { Nominations } from './nominations.ts';
import { PodCounts } from './pod-counts.ts';
import { NO_STORAGE, type Storage } from './storage.ts';

const isOver = (pod: Pod): boolean => isFinal(pod.status?.phase);

export interface LabelSpread {
  readonly values: ReadonlySet<string>;
  readonly nodes: number;
}

/** Same needs, same labels, same end: whoever counted the one has counted the other. */
function countsAlike(a: Stored<Pod>, b: Stored<Pod>): boolean {
  const { nodeName: _a, ...x } = a.spec ?? {};
  const { nodeName: _b, ...y } = b.spec ?? {};
  return (
    a.metadata.deletionTimestamp === b.metadata.deletionTimestamp &&
    sameJson(a.metadata.labels, b.metadata.labels) &&
    sameJson(x, y) &&
    requestAlike(a, b)
  );
}

/** Changes that are undone at the end of `ClusterState.suppose`. */
export interface Supposition {
  add(pod: Stored<Pod>, node: string): void;
  remove(pod: Stored<Pod>): void;
}

/** Which pods belong together: null when the pod belongs to nobody. */
export type GroupOf = (pod: Stored<Pod>) => readonly Requirement[] | null;

/**
 * What the scheduler believes: nodes, the pods bound to them, and pods it has assumed there but whose binding it has not
 * seen come back yet. Updated incrementally by informer events; read by the scheduling cycle between two awaits.
 */
export class ClusterState {
  readonly #nodes = new Map<string, NodeInfo>();
  /** Pods bound to a node that is not known (yet, or any more). */
  readonly #homeless = new Map<string, Map<string, Stored<Pod>>>();
  /** uid → the pod and where it is, for every pod counted anywhere. */
  readonly #placed = new Map<string, { readonly pod: Stored<Pod>; readonly node: string }>();
  readonly #assumed = new Set<string>();
  readonly #namespaces = new Map<string, Labels>();
  readonly #labelOf = (node: string, label: string): string | undefined =>
    this.#nodes.get(node)?.node.metadata.labels?.[label];
  readonly counts = new PodCounts(undefined, this.#labelOf);
  readonly terms = new PlacedTerms(this.#labelOf);
  /** Label → its values on all nodes, and how many nodes have it; made when first asked for. */
  readonly #spread = new Map<string, LabelSpread>();
  readonly images = new ImageNodes();
  readonly nominations = new Nominations();
  readonly groupOf: GroupOf;
  readonly storage: Storage;
  #order: NodeInfo[] | undefined;

  /** @param groupOf the pods a pod should by default be spread apart from: those of its Services and controller. */
  constructor(groupOf: GroupOf = () => null, storage: Storage = NO_STORAGE) {
    this.groupOf = groupOf;
    this.storage = storage;
  }

  /** Labels of a namespace; those of an unknown one are empty. */
  readonly namespaceLabels = (name: string): Labels => this.#namespaces.get(name) ?? {};

  /** undefined: the namespace is gone. */
  setNamespace(name: string, labels: Labels | undefined): void {
    if (labels) this.#namespaces.set(name, labels);
    else this.#namespaces.delete(name);
  }

  *namespacesWith(selector: Selector): Generator<string> {
    for (const [name, labels] of this.#namespaces) if (selector.matches(labels)) yield name;
  }

  /** All nodes, in a stable order. Do not change the array. */
  nodes(): readonly NodeInfo[] {
    this.#order ??= [...this.#nodes.values()];
    return this.#order;
  }

  /** Which values a label has on the nodes, and on how many nodes it is. */
  spreadOf(label: string): LabelSpread {
    let spread = this.#spread.get(label);
    if (!spread) {
      const found = this.nodes().flatMap(({ node }) => node.metadata.labels?.[label] ?? []);
      spread = { values: new Set(found), nodes: found.length };
      this.#spread.set(label, spread);
    }
    return spread;
  }

  #nodesChanged(): void {
    this.counts.nodesChanged();
    this.terms.nodesChanged();
    this.#spread.clear();
  }

  node(name: string): NodeInfo | undefined {
    return this.#nodes.get(name);
  }

  setNode(node: Stored<Node>): void {
    const known = this.#nodes.get(node.metadata.name);
    this.images.set(node.metadata.name, node.status?.images ?? []);
    if (known) {
      const relabelled = !sameJson(known.node.metadata.labels, node.metadata.labels);
      known.update(node);
      if (relabelled) this.#nodesChanged();
      return;
    }
    const info = new NodeInfo(node);
    for (const pod of this.#homeless.get(info.name)?.values() ?? []) info.add(pod);
    this.#homeless.delete(info.name);
    this.#nodes.set(info.name, info);
    this.#order = undefined;
    this.#nodesChanged();
  }

  removeNode(name: string): void {
    const info = this.#nodes.get(name);
    if (!info) return;
    if (info.pods.size > 0) this.#homeless.set(name, new Map(info.pods));
    this.#nodes.delete(name);
    this.images.set(name, undefined);
    this.#order = undefined;
    this.#nodesChanged();
  }

  /** A pod as the API shows it: counted while it is bound and not over. */
  setPod(pod: Stored<Pod>): void {
    const { uid } = pod.metadata;
    const node = pod.spec?.nodeName;
    // Until the binding comes back, an unbound version of an assumed pod says nothing new.
    if (!node && this.#assumed.has(uid)) return;
    this.#assumed.delete(uid);
    if (node || isOver(pod)) this.nominations.withdraw(uid);
    const before = this.#placed.get(uid);
    if (node && !isOver(pod) && before?.node === node && countsAlike(before.pod, pod)) {
      this.#placed.set(uid, { pod, node });
      this.#nodes.get(node)?.replace(pod);
      if (this.#homeless.get(node)?.has(uid)) this.#homeless.get(node)?.set(uid, pod);
      this.counts.replaced(pod, node);
      return;
    }
    this.#unplace(uid);
    if (node && !isOver(pod)) this.#place(pod, node);
  }

  removePod(uid: string): void {
    this.nominations.withdraw(uid);
    this.#assumed.delete(uid);
    this.#unplace(uid);
  }

  /** Counts a pod on a node before its binding is written. */
  assume(pod: Stored<Pod>, node: string): void {
    this.nominations.withdraw(pod.metadata.uid);
    this.#unplace(pod.metadata.uid);
    this.#place(pod, node);
    this.#assumed.add(pod.metadata.uid);
  }

  /** Takes an assumption back after the binding failed. */
  forget(uid: string): void {
    if (!this.#assumed.delete(uid)) return;
    this.#unplace(uid);
  }

  isAssumed(uid: string): boolean {
    return this.#assumed.has(uid);
  }

  /**
   * Looks at the state as it would be if pods came or went. Everything is undone before this returns; `look` must not
   * wait for anything.
   */
  suppose<T>(look: (change: Supposition) => T): T {
    const undo: (() => void)[] = [];
    try {
      return look({
        add: (pod, node) => {
          this.#place(pod, node);
          undo.push(() => this.#unplace(pod.metadata.uid));
        },
        remove: (pod) => {
          const before = this.#placed.get(pod.metadata.uid);
          if (!before) return;
          this.#unplace(pod.metadata.uid);
          undo.push(() => this.#place(before.pod, before.node));
        },
      });
    } finally {
      for (const u of undo.reverse()) u();
    }
  }

  #place(pod: Stored<Pod>, node: string): void {
    const { uid } = pod.metadata;
    this.#placed.set(uid, { pod, node });
    this.counts.added(pod, node);
    this.terms.added(pod, node);
    const info = this.#nodes.get(node);
    if (info) {
      info.add(pod);
      return;
    }
    const waiting = this.#homeless.get(node) ?? new Map<string, Stored<Pod>>();
    this.#homeless.set(node, waiting.set(uid, pod));
  }

  #unplace(uid: string): void {
    const before = this.#placed.get(uid);
    if (!before) return;
    const { node, pod } = before;
    this.#placed.delete(uid);
    this.counts.removed(pod, node);
    this.terms.removed(pod, node);
    this.#nodes.get(node)?.remove(uid);
    const waiting = this.#homeless.get(node);
    waiting?.delete(uid);
    if (waiting?.size === 0) this.#homeless.delete(node);
  }
}
