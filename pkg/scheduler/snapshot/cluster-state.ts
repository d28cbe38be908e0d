import type { Node, Pod } from '#api/kinds/index.ts';
import type { Stored } from '#api/meta/objectmeta.ts';
import { NodeInfo } from './node-info.ts';

const isOver = (pod: Pod): boolean => pod.status?.phase === 'Succeeded' || pod.status?.phase === 'Failed';

/**
 * What the scheduler believes: nodes, the pods bound to them, and pods it has assumed there but whose binding it has not
 * seen come back yet. Updated incrementally by informer events; read by the scheduling cycle between two awaits.
 */
export class ClusterState {
  readonly #nodes = new Map<string, NodeInfo>();
  /** Pods bound to a node that is not known (yet, or any more). */
  readonly #homeless = new Map<string, Map<string, Stored<Pod>>>();
  /** uid → node, for every pod counted anywhere. */
  readonly #placed = new Map<string, string>();
  readonly #assumed = new Set<string>();
  #order: NodeInfo[] | undefined;

  /** All nodes, in a stable order. Do not change the array. */
  nodes(): readonly NodeInfo[] {
    this.#order ??= [...this.#nodes.values()];
    return this.#order;
  }

  node(name: string): NodeInfo | undefined {
    return this.#nodes.get(name);
  }

  setNode(node: Stored<Node>): void {
    const known = this.#nodes.get(node.metadata.name);
    if (known) {
      known.update(node);
      return;
    }
    const info = new NodeInfo(node);
    for (const pod of this.#homeless.get(info.name)?.values() ?? []) info.add(pod);
    this.#homeless.delete(info.name);
    this.#nodes.set(info.name, info);
    this.#order = undefined;
  }

  removeNode(name: string): void {
    const info = this.#nodes.get(name);
    if (!info) return;
    if (info.pods.size > 0) this.#homeless.set(name, new Map(info.pods));
    this.#nodes.delete(name);
    this.#order = undefined;
  }

  /** A pod as the API shows it: counted while it is bound and not over. */
  setPod(pod: Stored<Pod>): void {
    const { uid } = pod.metadata;
    const node = pod.spec?.nodeName;
    // Until the binding comes back, an unbound version of an assumed pod says nothing new.
    if (!node && this.#assumed.has(uid)) return;
    this.#assumed.delete(uid);
    this.#unplace(uid);
    if (node && !isOver(pod)) this.#place(pod, node);
  }

  removePod(uid: string): void {
    this.#assumed.delete(uid);
    this.#unplace(uid);
  }

  /** Counts a pod on a node before its binding is written. */
  assume(pod: Stored<Pod>, node: string): void {
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

  #place(pod: Stored<Pod>, node: string): void {
    const { uid } = pod.metadata;
    this.#placed.set(uid, node);
    const info = this.#nodes.get(node);
    if (info) {
      info.add(pod);
      return;
    }
    const waiting = this.#homeless.get(node) ?? new Map<string, Stored<Pod>>();
    this.#homeless.set(node, waiting.set(uid, pod));
  }

  #unplace(uid: string): void {
    const node = this.#placed.get(uid);
    if (node === undefined) return;
    this.#placed.delete(uid);
    this.#nodes.get(node)?.remove(uid);
    const waiting = this.#homeless.get(node);
    waiting?.delete(uid);
    if (waiting?.size === 0) this.#homeless.delete(node);
  }
}
