import type { Pod } from '#api/kinds/index.ts';
import type { Stored } from '#api/meta/objectmeta.ts';
import type { ClusterState } from '../snapshot/cluster-state.ts';
import type { NodeInfo } from '../snapshot/node-info.ts';
import type { WakesOn } from './events.ts';
import { failureMessage } from './messages.ts';
import type { Plugin, Prepared, Reason } from './plugin.ts';

/** No node took the pod. */
export interface Failure {
  readonly node: null;
  readonly message: string;
  /** What may help, from each plugin that rejected it. */
  readonly wakesOn: readonly WakesOn[];
  /** Nodes that might take it if pods there went away. */
  readonly resolvable: readonly NodeInfo[];
}

/** Outcome of one scheduling attempt. */
export type Placement = { readonly node: NodeInfo; readonly feasible: number } | Failure;

/** A plugin and what it has to say about the pod of this attempt. */
export interface Active {
  readonly plugin: Plugin;
  readonly prepared: Prepared;
  /** The one of `prepared`, whose shape differs from plugin to plugin: it is asked of every node. */
  readonly filter: Prepared['filter'];
}

/** Below this many nodes all are examined; above, a share that shrinks with the cluster's size (kube-scheduler's rule). */
const MIN_FEASIBLE = 100;

/** @param percentage of the nodes (percentageOfNodesToScore); 0: by the rule */
export function enoughFeasible(nodes: number, percentage = 0): number {
  if (nodes < MIN_FEASIBLE || percentage >= 100) return nodes;
  const percent = percentage > 0 ? percentage : Math.max(50 - nodes / 125, 5);
  return Math.max(Math.floor((nodes * percent) / 100), MIN_FEASIBLE);
}

/** Nodes that passed the filters, and what became of the others. */
export interface Search {
  readonly feasible: NodeInfo[];
  readonly resolvable: NodeInfo[];
  readonly counts: Map<string, number>;
  readonly rejectedBy: Set<Plugin>;
  readonly active: readonly Active[];
}

/** Nodes exist, but none could be added to help: only a new one can. */
const NEW_NODE: WakesOn = { 'node-added': true };

/** Runs filters and scores of a profile over the cluster's state. Synchronous: nothing changes while it looks. */
export class SchedulingCycle {
  readonly #plugins: readonly Plugin[];
  readonly #percentage: number;
  /** Where the next search starts, so that all nodes get their turn; also breaks ties round-robin. */
  #next = 0;

  /** @param percentageOfNodesToScore 0: by the size of the cluster */
  constructor(plugins: readonly Plugin[], percentageOfNodesToScore = 0) {
    this.#plugins = plugins;
    this.#percentage = percentageOfNodesToScore;
  }

  /** Why a pod must not be tried at all yet; null: it may. */
  heldBack(pod: Pod): string | null {
    for (const p of this.#plugins) {
      const why = p.holdBack?.(pod);
      if (why) return why;
    }
    return null;
  }

  /** The best node for the pod. */
  place(pod: Stored<Pod>, state: ClusterState): Placement {
    const found = this.find(pod, state);
    if ('node' in found) return found;
    return { node: best(found.active, found.feasible), feasible: found.feasible.length };
  }

  /** The nodes that would take the pod, or why none does. */
  find(pod: Stored<Pod>, state: ClusterState): Search | Failure {
    const nodes = state.nodes();
    if (nodes.length === 0) {
      return { node: null, message: failureMessage(0, new Map()), wakesOn: [NEW_NODE], resolvable: [] };
    }
    const active = this.#prepare(pod, state);
    const stop = active.find((a) => a.prepared.reject !== undefined);
    if (stop) {
      const message = `0/${nodes.length} nodes are available: ${stop.prepared.reject}.`;
      return { node: null, message, wakesOn: [stop.plugin.wakesOn], resolvable: [] };
    }
    const kept = this.#keptFor(pod, state, active);
    if (kept) return { feasible: [kept], resolvable: [], counts: new Map(), rejectedBy: new Set(), active };
    const found = this.#search(pod, state, active);
    return found.feasible.length > 0 ? found : failureOf(found, nodes.length);
  }

  /** Those of the nodes that would still take the pod as the state is now. */
  again(pod: Stored<Pod>, state: ClusterState, nodes: readonly NodeInfo[]): Pick<Search, 'active' | 'feasible'> {
    const active = this.#prepare(pod, state);
    if (active.some((a) => a.prepared.reject !== undefined)) return { active, feasible: [] };
    const feasible = nodes.filter((n) => state.node(n.name) === n && this.#rejection(pod, state, active, n) === null);
    return { active, feasible };
  }

  /** Whether the node would take the pod as the state is now, pods that a node is kept for included. */
  fits(pod: Stored<Pod>, state: ClusterState, node: string): boolean {
    const info = state.node(node);
    return info !== undefined && this.#rejection(pod, state, this.#prepare(pod, state), info) === null;
  }

  #prepare(pod: Stored<Pod>, state: ClusterState): Active[] {
    const active: Active[] = [];
    for (const plugin of this.#plugins) {
      const prepared = plugin.prepare(pod, state);
      if (prepared) active.push({ plugin, prepared, filter: prepared.filter });
    }
    return active;
  }

  /** The node that was emptied for the pod, if it fits there now. */
  #keptFor(pod: Stored<Pod>, state: ClusterState, active: readonly Active[]): NodeInfo | undefined {
    const name = state.nominations.nodeOf(pod.metadata.uid);
    const info = name === undefined ? undefined : state.node(name);
    return info && this.#rejection(pod, state, active, info) === null ? info : undefined;
  }

  /** The first plugin that rejects the node, and why. A node kept for others must take the pod with and without them. */
  #rejection(
    pod: Stored<Pod>,
    state: ClusterState,
    active: readonly Active[],
    info: NodeInfo,
  ): { plugin: Plugin; reasons: readonly Reason[] } | null {
    // The cheap look first: most nodes that are kept for somebody are full.
    const rejection = firstRejection(active, info);
    if (rejection) return rejection;
    const ahead = state.nominations.ahead(info.name, pod);
    if (ahead.length === 0) return null;
    return state.suppose((change) => {
      for (const p of ahead) change.add(p, info.name);
      return firstRejection(this.#prepare(pod, state), info);
    });
  }

  #search(pod: Stored<Pod>, state: ClusterState, active: readonly Active[]): Search {
    const all = state.nodes();
    const nodes = narrowed(active, state) ?? all;
    const found: Search = { feasible: [], resolvable: [], counts: new Map(), rejectedBy: new Set(), active };
    const enough = enoughFeasible(nodes.length, this.#percentage);
    let seen = 0;
    for (; seen < nodes.length && found.feasible.length < enough; seen++) {
      const info = nodes[(this.#next + seen) % nodes.length] as NodeInfo;
      const rejection = this.#rejection(pod, state, active, info);
      if (!rejection) {
        found.feasible.push(info);
        continue;
      }
      found.rejectedBy.add(rejection.plugin);
      for (const r of rejection.reasons) found.counts.set(r.text, (found.counts.get(r.text) ?? 0) + 1);
      if (!rejection.reasons.some((r) => r.unresolvable)) found.resolvable.push(info);
    }
    if (nodes === all) this.#next = (this.#next + Math.max(seen % nodes.length, 1)) % nodes.length;
    else noteLeftOut(found, active, all.length - nodes.length);
    return found;
  }
}

function firstRejection(
  active: readonly Active[],
  info: NodeInfo,
): { plugin: Plugin; reasons: readonly Reason[] } | null {
  for (const { plugin, filter } of active) {
    const reasons = filter?.(info);
    if (reasons) return { plugin, reasons };
  }
  return null;
}

/** The nodes that plugins have named as the only ones; undefined when none has. */
function narrowed(active: readonly Active[], state: ClusterState): NodeInfo[] | undefined {
  const sets = active.flatMap((a) => (a.prepared.only ? [a.prepared.only] : []));
  const [first, ...rest] = sets;
  if (!first) return undefined;
  const names = [...first].filter((n) => rest.every((s) => s.has(n)));
  return names.flatMap((n) => state.node(n) ?? []);
}

function noteLeftOut(found: Search, active: readonly Active[], count: number): void {
  const named = active.filter((a) => a.prepared.only);
  for (const { plugin } of named) found.rejectedBy.add(plugin);
  if (count === 0) return;
  const names = named.map((a) => a.plugin.name).sort();
  found.counts.set(`node(s) didn't satisfy plugin(s) [${names.join(' ')}]`, count);
}

/** Nothing was left of the nodes. @param total how many there are in all */
export const failureOf = (found: Search, total: number): Failure => ({
  node: null,
  message: failureMessage(total, found.counts),
  wakesOn: [...found.rejectedBy].map((p) => p.wakesOn),
  resolvable: found.resolvable,
});

/**
 * Highest weighted sum; among equals the first found, which the rotating start makes round-robin.
 * @param more points from elsewhere, by node
 */
export function best(
  active: readonly Active[],
  feasible: readonly NodeInfo[],
  more?: ReadonlyMap<string, number>,
): NodeInfo {
  const first = feasible[0] as NodeInfo;
  if (feasible.length === 1) return first;
  const totals = feasible.map((n) => more?.get(n.name) ?? 0);
  const scores = new Array<number>(feasible.length).fill(0);
  for (const { plugin, prepared } of active) {
    if (!prepared.score || plugin.weight === 0 || prepared.weigh?.(feasible) === false) continue;
    for (let i = 0; i < feasible.length; i++) scores[i] = prepared.score(feasible[i] as NodeInfo);
    prepared.normalize?.(scores, feasible);
    for (let i = 0; i < feasible.length; i++) totals[i] = (totals[i] ?? 0) + (scores[i] ?? 0) * plugin.weight;
  }
  let winner = 0;
  for (let i = 1; i < totals.length; i++) if ((totals[i] ?? 0) > (totals[winner] ?? 0) + 1e-9) winner = i;
  return feasible[winner] as NodeInfo;
}
