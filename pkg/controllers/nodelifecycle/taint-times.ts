import type { Node, Taint } from '#api/kinds/index.ts';
import type { Stored } from '#api/meta/objectmeta.ts';

/**
 * When NoExecute taints began that do not say so themselves: kubectl writes no time, and counted from each look anew the
 * seconds for which a pod tolerates one would never be over.
 */
export class TaintTimes {
  /** By the node's uid and the taint: when it was first seen. */
  readonly #seen = new Map<string, ReadonlyMap<string, string>>();

  /** The taints of the node, those that evict with a time. */
  dated({ metadata: { uid }, spec }: Stored<Node>, now: number): readonly Taint[] {
    const before = this.#seen.get(uid);
    const seen = new Map<string, string>();
    const taints = (spec?.taints ?? []).map((t) => {
      if (t.effect !== 'NoExecute' || t.timeAdded) return t;
      const id = `${t.key}=${t.value ?? ''}`;
      const timeAdded = before?.get(id) ?? new Date(now).toISOString();
      seen.set(id, timeAdded);
      return { ...t, timeAdded };
    });
    if (seen.size > 0) this.#seen.set(uid, seen);
    else this.#seen.delete(uid);
    return taints;
  }

  forget(uid: string): void {
    this.#seen.delete(uid);
  }
}
