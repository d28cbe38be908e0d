/** Node → number of pods there; nodes without are absent. */
export type NodeCounts = ReadonlyMap<string, number>;

/** Value of a node's label. */
export type LabelOf = (node: string, label: string) => string | undefined;

export function add(counts: Map<string, number>, key: string, by: number): void {
  const n = (counts.get(key) ?? 0) + by;
  if (n === 0) counts.delete(key);
  else counts.set(key, n);
}

/** How many of something are on each node, and around each value of the labels asked for: kept up to date one by one. */
export class NodeSums {
  readonly #counts = new Map<string, number>();
  /** Label → value → number on the nodes with that value; made when first asked for. */
  readonly #domains = new Map<string, Map<string, number>>();
  readonly #labelOf: LabelOf;

  /** @param labelOf tells the labels of nodes; `nodesChanged` is called when it tells others */
  constructor(labelOf: LabelOf) {
    this.#labelOf = labelOf;
  }

  get counts(): NodeCounts {
    return this.#counts;
  }

  add(node: string, by: number): void {
    add(this.#counts, node, by);
    for (const [label, sums] of this.#domains) this.#addTo(sums, { node, label, by });
  }

  /** By the value of a label of the nodes; nodes without it do not count. */
  domains(label: string): ReadonlyMap<string, number> {
    let sums = this.#domains.get(label);
    if (!sums) {
      sums = new Map();
      for (const [node, by] of this.#counts) this.#addTo(sums, { node, label, by });
      this.#domains.set(label, sums);
    }
    return sums;
  }

  nodesChanged(): void {
    this.#domains.clear();
  }

  #addTo(sums: Map<string, number>, { node, label, by }: { node: string; label: string; by: number }): void {
    const value = this.#labelOf(node, label);
    if (value !== undefined) add(sums, value, by);
  }
}
