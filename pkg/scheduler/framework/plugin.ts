import type { Pod } from '#api/kinds/index.ts';
import type { Stored } from '#api/meta/objectmeta.ts';
import type { ClusterState } from '../snapshot/cluster-state.ts';
import type { NodeInfo } from '../snapshot/node-info.ts';
import type { WakesOn } from './events.ts';

/** Why a node does not take a pod, in the words of FailedScheduling messages. */
export interface Reason {
  readonly text: string;
  /** Removing pods from the node would not help (preemption is pointless). */
  readonly unresolvable?: boolean;
}

/** A plugin's view of one scheduling attempt. State of the attempt lives in the closure, never on the plugin. */
export interface Prepared {
  /** No node will do, whatever it is like: why. */
  readonly reject?: string;
  /** Names of the only nodes worth looking at. */
  readonly only?: ReadonlySet<string>;
  /** null: the node is fine. Several reasons may hold at once (cpu and memory). */
  filter?(node: NodeInfo): readonly Reason[] | null;
  /** Called once before `score`, with all nodes that passed. false: to this plugin they are all alike. */
  weigh?(feasible: readonly NodeInfo[]): boolean;
  /** Higher is better; scaled to 0..100 by `normalize` or by the plugin itself. */
  score?(node: NodeInfo): number;
  /** Maps raw scores of the feasible nodes to 0..100, in place. */
  normalize?(scores: number[], feasible: readonly NodeInfo[]): void;
}

export const MAX_SCORE = 100;

/** One predicate and/or priority: architecture.md §5. */
export interface Plugin {
  readonly name: string;
  /** Weight of the score. */
  readonly weight: number;
  /** Events that may turn a rejection by this plugin into a fit. */
  readonly wakesOn: WakesOn;
  /** Before the queue: why the pod must not be tried at all yet; null: it may. */
  holdBack?(pod: Pod): string | null;
  /** null: the plugin has nothing to say about this pod. */
  prepare(pod: Stored<Pod>, state: ClusterState): Prepared | null;
}

/** Stretches scores so that the best is 100; with `reverse`, so that the lowest raw score is best. */
export function normalizeMax(scores: number[], reverse = false): void {
  const max = scores.reduce((m, s) => Math.max(m, s), 0);
  for (const [i, s] of scores.entries()) {
    const scaled = max === 0 ? 0 : (s * MAX_SCORE) / max;
    scores[i] = reverse ? MAX_SCORE - scaled : scaled;
  }
}
