import type { Pod } from '#api/kinds/index.ts';
import type { Stored } from '#api/meta/objectmeta.ts';
import { type LabelOf, type NodeCounts, NodeSums } from './node-sums.ts';

/** Which pods to count. */
export interface PodQuery {
  /** Same key, same question. */
  readonly key: string;
  /** Where such pods can be; null: anywhere. */
  readonly namespaces: readonly string[] | null;
  matches(pod: Stored<Pod>): boolean;
}

interface Counter {
  readonly query: PodQuery;
  readonly sums: NodeSums;
}

interface Placed {
  readonly pod: Stored<Pod>;
  readonly node: string;
}

/** Questions answered at a time; the one not asked for longest is forgotten, and counted anew when it is asked again. */
const MAX_COUNTERS = 2000;
const EVERYWHERE = '';

/**
 * How many pods of a kind are on each node. A question is counted once and then kept up to date with every pod that
 * comes or goes, so asking it again costs nothing, however many pods there are.
 */
export class PodCounts {
  readonly #counters = new Map<string, Counter>();
  /** Namespace → counters that look there; '' for those that look everywhere. */
  readonly #watching = new Map<string, Set<Counter>>();
  readonly #pods = new Map<string, Map<string, Placed>>();
  readonly #max: number;

  readonly #labelOf: LabelOf;

  /** @param labelOf tells the labels of nodes; `nodesChanged` is called when it tells others */
  constructor(max = MAX_COUNTERS, labelOf: LabelOf = () => undefined) {
    this.#max = max;
    this.#labelOf = labelOf;
  }

  added(pod: Stored<Pod>, node: string): void {
    const { uid, namespace = '' } = pod.metadata;
    let there = this.#pods.get(namespace);
    if (!there) {
      there = new Map();
      this.#pods.set(namespace, there);
    }
    there.set(uid, { pod, node });
    this.#count(pod, node, 1);
  }

  removed(pod: Stored<Pod>, node: string): void {
    const { uid, namespace = '' } = pod.metadata;
    const there = this.#pods.get(namespace);
    if (!there?.delete(uid)) return;
    if (there.size === 0) this.#pods.delete(namespace);
    this.#count(pod, node, -1);
  }

  /** Another version of a pod for which every question has the same answer. */
  replaced(pod: Stored<Pod>, node: string): void {
    this.#pods.get(pod.metadata.namespace ?? '')?.set(pod.metadata.uid, { pod, node });
  }

  of(query: PodQuery): NodeCounts {
    return this.#counter(query).sums.counts;
  }

  /** The same by the value of a label of the nodes; nodes without it do not count. */
  domains(query: PodQuery, label: string): ReadonlyMap<string, number> {
    return this.#counter(query).sums.domains(label);
  }

  /** Nodes came or went, or have other labels. */
  nodesChanged(): void {
    for (const { sums } of this.#counters.values()) sums.nodesChanged();
  }

  #counter(query: PodQuery): Counter {
    const known = this.#counters.get(query.key);
    if (known) {
      this.#counters.delete(query.key);
      this.#counters.set(query.key, known);
      return known;
    }
    const counter: Counter = { query, sums: new NodeSums(this.#labelOf) };
    for (const { pod, node } of this.#candidates(query)) if (query.matches(pod)) counter.sums.add(node, 1);
    this.#counters.set(query.key, counter);
    for (const ns of query.namespaces ?? [EVERYWHERE]) {
      const set = this.#watching.get(ns) ?? new Set<Counter>();
      this.#watching.set(ns, set.add(counter));
    }
    if (this.#counters.size > this.#max) this.#forgetOldest();
    return counter;
  }

  *#candidates(query: PodQuery): Generator<Placed> {
    const namespaces = query.namespaces ?? this.#pods.keys();
    for (const ns of namespaces) yield* this.#pods.get(ns)?.values() ?? [];
  }

  #forgetOldest(): void {
    const [oldest] = this.#counters.values();
    if (!oldest) return;
    this.#counters.delete(oldest.query.key);
    for (const ns of oldest.query.namespaces ?? [EVERYWHERE]) {
      const set = this.#watching.get(ns);
      set?.delete(oldest);
      if (set?.size === 0) this.#watching.delete(ns);
    }
  }

  #count(pod: Stored<Pod>, node: string, by: 1 | -1): void {
    for (const ns of [pod.metadata.namespace ?? '', EVERYWHERE]) {
      for (const c of this.#watching.get(ns) ?? []) {
        if (c.query.matches(pod)) c.sums.add(node, by);
      }
    }
  }
}
