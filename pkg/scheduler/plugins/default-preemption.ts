import type { Pod, PodDisruptionBudget } from '#api/kinds/index.ts';
import { compileLabelSelector } from '#api/meta/labels.ts';
import type { Stored } from '#api/meta/objectmeta.ts';
import { failureMessage } from '../framework/messages.ts';
import type { ClusterState } from '../snapshot/cluster-state.ts';
import type { NodeInfo } from '../snapshot/node-info.ts';
import type { PreemptionArgs } from './args.ts';
import { priorityOf } from './priority-sort.ts';

/** Pods that have to go from a node so that another one fits there. */
export interface Victims {
  readonly node: string;
  /** The most important first. */
  readonly pods: readonly Stored<Pod>[];
  /** How many of them a disruption budget would rather keep. */
  readonly violations: number;
}

export type PreemptionResult =
  | Victims
  /** `gaveUp`: nothing can be done for the pod, so a node kept for it is free again. */
  | { readonly node: null; readonly message: string; readonly gaveUp: boolean };

export interface PreemptionContext {
  readonly state: ClusterState;
  readonly budgets: readonly Stored<PodDisruptionBudget>[];
  /** Whether the node would take the pod as the state is at the time of the call. */
  fits(pod: Stored<Pod>, node: string): boolean;
  /** Nodes that would not take the pod now, but might if pods there went away. */
  readonly candidates: readonly NodeInfo[];
  /** How many of them are enough: looking at all of thousands takes too long. */
  readonly args: PreemptionArgs;
}

export const PREEMPTED = 'PreemptionByScheduler';

const startOf = (pod: Pod): string => pod.status?.startTime ?? pod.metadata?.creationTimestamp ?? '';
/** Higher priority first; among equals, the one that has run longer. */
const byImportance = (a: Pod, b: Pod): number =>
  priorityOf(b) - priorityOf(a) || (startOf(a) < startOf(b) ? -1 : startOf(a) > startOf(b) ? 1 : 0);

const isEndingFor = (victim: Pod, preemptor: Pod): boolean =>
  victim.metadata?.deletionTimestamp !== undefined &&
  priorityOf(victim) < priorityOf(preemptor) &&
  (victim.status?.conditions ?? []).some((c) => c.type === 'DisruptionTarget' && c.reason === PREEMPTED);

/** Why the pod may not push others out; null: it may. */
function ineligible(pod: Stored<Pod>, { state, candidates }: PreemptionContext): string | null {
  if (pod.spec?.preemptionPolicy === 'Never') return 'not eligible due to preemptionPolicy=Never.';
  const kept = state.nominations.nodeOf(pod.metadata.uid);
  const info = kept === undefined ? undefined : state.node(kept);
  if (!info || !candidates.includes(info)) return null;
  for (const p of info.pods.values()) {
    if (isEndingFor(p, pod)) return 'not eligible due to a terminating pod on the nominated node.';
  }
  return null;
}

/** Splits pods into those whose eviction a budget forbids, and the others. */
function split(
  pods: readonly Stored<Pod>[],
  budgets: readonly Stored<PodDisruptionBudget>[],
): { guarded: Stored<Pod>[]; free: Stored<Pod>[] } {
  const left = budgets.map((b) => ({
    budget: b,
    selector: compileLabelSelector(b.spec?.selector),
    allowed: b.status?.disruptionsAllowed ?? 0,
  }));
  const guarded: Stored<Pod>[] = [];
  const free: Stored<Pod>[] = [];
  for (const pod of pods) {
    const { namespace, name, labels = {} } = pod.metadata;
    let violates = false;
    for (const b of left) {
      const { metadata, status } = b.budget;
      if (metadata.namespace !== namespace || b.selector.requirements.length === 0) continue;
      if (!b.selector.matches(labels) || status?.disruptedPods?.[name] !== undefined) continue;
      b.allowed--;
      if (b.allowed < 0) violates = true;
    }
    (violates ? guarded : free).push(pod);
  }
  return { guarded, free };
}

/** The fewest, least important pods of a node without which the pod fits; undefined when none would do. */
function victimsOn(pod: Stored<Pod>, info: NodeInfo, context: PreemptionContext): Victims | undefined {
  const lower = [...info.pods.values()].filter((p) => priorityOf(p) < priorityOf(pod)).sort(byImportance);
  if (lower.length === 0) return undefined;
  return context.state.suppose((change) => {
    for (const p of lower) change.remove(p);
    if (!context.fits(pod, info.name)) return undefined;
    const victims: Stored<Pod>[] = [];
    /** Puts a pod back, unless the place is needed. @returns whether it has to go. */
    const mustGo = (p: Stored<Pod>): boolean => {
      change.add(p, info.name);
      if (context.fits(pod, info.name)) return false;
      change.remove(p);
      victims.push(p);
      return true;
    };
    const { guarded, free } = split(lower, context.budgets);
    const violations = guarded.filter(mustGo).length;
    free.filter(mustGo);
    return victims.length > 0 ? { node: info.name, pods: victims.sort(byImportance), violations } : undefined;
  });
}

/** Smaller is better, compared in this order; the start of the most important victim as late as possible. */
function better(a: Victims, b: Victims): boolean {
  const first = (v: Victims): Pod | undefined => v.pods[0];
  const keys = (v: Victims): number[] => [
    v.violations,
    priorityOf(first(v) ?? {}),
    v.pods.reduce((sum, p) => sum + priorityOf(p) + 2 ** 31, 0),
    v.pods.length,
  ];
  const [x, y] = [keys(a), keys(b)];
  for (const [i, k] of x.entries()) if (k !== y[i]) return k < (y[i] ?? 0);
  const since = (v: Victims): string => {
    const top = v.pods.filter((p) => priorityOf(p) === priorityOf(first(v) ?? {}));
    return top.map(startOf).sort()[0] ?? '';
  };
  return since(a) > since(b);
}

/** Nobody goes: why. */
export type NoVictims = Extract<PreemptionResult, { node: null }>;

/** What is said when no node can be emptied for a pod. */
export function noVictims({ state, candidates }: Pick<PreemptionContext, 'state' | 'candidates'>): NoVictims {
  const total = state.nodes().length;
  const counts = new Map([
    ['No preemption victims found for incoming pod', candidates.length],
    ['Preemption is not helpful for scheduling', total - candidates.length],
  ]);
  for (const [text, n] of counts) if (n === 0) counts.delete(text);
  return { node: null, message: `preemption: ${failureMessage(total, counts)}`, gaveUp: true };
}

/** Nodes that could be emptied for the pod, with their victims; or why none can. Pure: evicts nobody. */
export function preemptionCandidates(pod: Stored<Pod>, context: PreemptionContext): readonly Victims[] | NoVictims {
  const why = ineligible(pod, context);
  if (why !== null) return { node: null, message: `preemption: ${why}`, gaveUp: false };
  const { minCandidateNodesPercentage: percent, minCandidateNodesAbsolute: least } = context.args;
  const enough = Math.max(Math.ceil((context.state.nodes().length * percent) / 100), least);
  const found: Victims[] = [];
  for (const info of context.candidates) {
    const victims = victimsOn(pod, info, context);
    if (victims) found.push(victims);
    if (found.length >= enough) break;
  }
  return found.length > 0 ? found : noVictims(context);
}

/** Of several nodes, the one where the least harm is done ("Pod Priority and Preemption"). */
export const leastHarm = (candidates: readonly Victims[]): Victims | undefined =>
  candidates.reduce<Victims | undefined>((best, v) => (best && !better(v, best) ? best : v), undefined);

/** DefaultPreemption: the pods of lower priority that should go for a pod that fits nowhere. */
export function findVictims(pod: Stored<Pod>, context: PreemptionContext): PreemptionResult {
  const found = preemptionCandidates(pod, context);
  return 'node' in found ? found : (leastHarm(found) ?? noVictims(context));
}
