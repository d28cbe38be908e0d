import type { Pod } from '#api/kinds/index.ts';
import type { Stored } from '#api/meta/objectmeta.ts';
import type { NodeInfo } from '../snapshot/node-info.ts';
import type { ClusterEvent, Plugin, Prepared } from './plugin.ts';

/** Outcome of one scheduling attempt. */
export type Placement =
  | { readonly node: NodeInfo; readonly feasible: number }
  | { readonly node: null; readonly message: string; readonly wakesOn: ReadonlySet<ClusterEvent> };

interface Active {
  readonly plugin: Plugin;
  readonly prepared: Prepared;
}

/** Below this many nodes all are examined; above, a share that shrinks with the cluster's size (kube-scheduler's rule). */
const MIN_FEASIBLE = 100;

export function enoughFeasible(nodes: number): number {
  if (nodes < MIN_FEASIBLE) return nodes;
  const percent = Math.max(50 - nodes / 125, 5);
  return Math.max(Math.floor((nodes * percent) / 100), MIN_FEASIBLE);
}

/** "0/5 nodes are available: 2 node(s) were unschedulable, 3 Insufficient cpu." */
export function failureMessage(total: number, counts: ReadonlyMap<string, number>): string {
  if (total === 0) return 'no nodes available to schedule pods';
  const reasons = [...counts].map(([text, n]) => `${n} ${text}`).sort();
  return `0/${total} nodes are available: ${reasons.join(', ')}.`;
}

/** Runs filters and scores of a profile over a snapshot. Synchronous: nothing changes while it looks. */
export class SchedulingCycle {
  readonly #plugins: readonly Plugin[];
  /** Where the next search starts, so that all nodes get their turn; also breaks ties round-robin. */
  #next = 0;

  constructor(plugins: readonly Plugin[]) {
    this.#plugins = plugins;
  }

  place(pod: Stored<Pod>, nodes: readonly NodeInfo[]): Placement {
    const active: Active[] = [];
    for (const plugin of this.#plugins) {
      const prepared = plugin.prepare(pod, nodes);
      if (prepared) active.push({ plugin, prepared });
    }
    const { feasible, counts, rejectedBy } = this.#filter(active, nodes);
    if (feasible.length === 0) {
      const wakesOn = new Set<ClusterEvent>(
        nodes.length === 0 ? ['node-added'] : [...rejectedBy].flatMap((p) => p.wakesOn),
      );
      return { node: null, message: failureMessage(nodes.length, counts), wakesOn };
    }
    return { node: this.#best(active, feasible), feasible: feasible.length };
  }

  #filter(active: readonly Active[], nodes: readonly NodeInfo[]) {
    const feasible: NodeInfo[] = [];
    const counts = new Map<string, number>();
    const rejectedBy = new Set<Plugin>();
    const enough = enoughFeasible(nodes.length);
    let seen = 0;
    for (; seen < nodes.length && feasible.length < enough; seen++) {
      const node = nodes[(this.#next + seen) % nodes.length] as NodeInfo;
      let fits = true;
      for (const { plugin, prepared } of active) {
        const reasons = prepared.filter?.(node);
        if (!reasons) continue;
        fits = false;
        rejectedBy.add(plugin);
        for (const r of reasons) counts.set(r.text, (counts.get(r.text) ?? 0) + 1);
        break;
      }
      if (fits) feasible.push(node);
    }
    if (nodes.length > 0) this.#next = (this.#next + Math.max(seen % nodes.length, 1)) % nodes.length;
    return { feasible, counts, rejectedBy };
  }

  /** Highest weighted sum; among equals the first found, which the rotating start makes round-robin. */
  #best(active: readonly Active[], feasible: readonly NodeInfo[]): NodeInfo {
    const first = feasible[0] as NodeInfo;
    if (feasible.length === 1) return first;
    const totals = new Array<number>(feasible.length).fill(0);
    for (const { plugin, prepared } of active) {
      const { score } = prepared;
      if (!score || plugin.weight === 0) continue;
      const scores = feasible.map(score);
      prepared.normalize?.(scores);
      for (const [i, s] of scores.entries()) totals[i] = (totals[i] ?? 0) + s * plugin.weight;
    }
    let best = 0;
    for (const [i, t] of totals.entries()) if (t > (totals[best] ?? 0) + 1e-9) best = i;
    return feasible[best] as NodeInfo;
  }
}
