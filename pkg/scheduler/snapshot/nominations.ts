import type { Pod } from '#api/kinds/index.ts';
import type { Stored } from '#api/meta/objectmeta.ts';
import { priorityOf } from '../plugins/priority-sort.ts';

const NOBODY: readonly never[] = [];

/** Pods for which others are being evicted, by the node where they are to go. */
export class Nominations {
  readonly #byNode = new Map<string, Map<string, Stored<Pod>>>();
  readonly #nodes = new Map<string, string>();

  nominate(pod: Stored<Pod>, node: string): void {
    const { uid } = pod.metadata;
    this.withdraw(uid);
    this.#nodes.set(uid, node);
    const there = this.#byNode.get(node) ?? new Map<string, Stored<Pod>>();
    this.#byNode.set(node, there.set(uid, pod));
  }

  withdraw(uid: string): void {
    const node = this.#nodes.get(uid);
    if (node === undefined) return;
    this.#nodes.delete(uid);
    const there = this.#byNode.get(node);
    there?.delete(uid);
    if (there?.size === 0) this.#byNode.delete(node);
  }

  nodeOf(uid: string): string | undefined {
    return this.#nodes.get(uid);
  }

  /** Those a node is kept for, before the given pod: of the same or higher priority. */
  ahead(node: string, pod: Stored<Pod>): readonly Stored<Pod>[] {
    // Asked of every node for every pod; mostly nobody is nominated anywhere.
    const there = this.#byNode.size > 0 ? this.#byNode.get(node) : undefined;
    if (!there) return NOBODY;
    return [...there.values()].filter((p) => p.metadata.uid !== pod.metadata.uid && priorityOf(p) >= priorityOf(pod));
  }

  /** Those of lower priority: they will have to look again. */
  behind(node: string, pod: Stored<Pod>): readonly Stored<Pod>[] {
    return [...(this.#byNode.get(node)?.values() ?? [])].filter((p) => priorityOf(p) < priorityOf(pod));
  }
}
