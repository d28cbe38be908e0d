import type { Node, Pod } from '#api/kinds/index.ts';
import { compileLabelSelector, NOTHING, type Requirement, type Selector } from '#api/meta/labels.ts';
import type { Stored } from '#api/meta/objectmeta.ts';
import { selectorOf } from '#api/meta/selector.ts';
import { requiresNode } from '#api/scheduling/node-selector.ts';
import { ownLabels } from '#api/scheduling/own-labels.ts';
import { untolerated } from '#api/scheduling/taints.ts';
import { ifNode, ifPod } from '../framework/events.ts';
import { MAX_SCORE, type Plugin, type Reason } from '../framework/plugin.ts';
import type { ClusterState } from '../snapshot/cluster-state.ts';
import type { NodeInfo } from '../snapshot/node-info.ts';
import type { NodeCounts } from '../snapshot/node-sums.ts';
import type { PodQuery } from '../snapshot/pod-counts.ts';
import { DEFAULT_ARGS, type SpreadArgs } from './args.ts';

type Spec = NonNullable<NonNullable<Pod['spec']>['topologySpreadConstraints']>[number];

const SKEWED: readonly Reason[] = [{ text: "node(s) didn't match pod topology spread constraints" }];
const UNLABELLED: readonly Reason[] = [
  { text: "node(s) didn't match pod topology spread constraints (missing required label)", unresolvable: true },
];
const HOSTNAME = 'kubernetes.io/hostname';

interface Constraint {
  readonly topologyKey: string;
  readonly maxSkew: number;
  readonly minDomains: number;
  readonly honorAffinity: boolean;
  readonly honorTaints: boolean;
  readonly selector: Selector;
  readonly query: PodQuery;
}

/** @param requirements null: no pods are meant. */
function meant(namespace: string, requirements: readonly Requirement[] | null): Pick<Constraint, 'selector' | 'query'> {
  const selector = requirements ? selectorOf(requirements) : NOTHING;
  const query: PodQuery = {
    key: `spread ${namespace} ${JSON.stringify(requirements)}`,
    namespaces: [namespace],
    // Pods that are ending do not count: their replacements would be kept from where they were.
    matches: (p) => !p.metadata.deletionTimestamp && selector.matches(p.metadata.labels ?? {}),
  };
  return { selector, query };
}

function constraintOf(spec: Spec, pod: Stored<Pod>): Constraint {
  const { labels = {}, namespace = '' } = pod.metadata;
  const given = compileLabelSelector(spec.labelSelector).requirements;
  const requirements = spec.labelSelector ? [...given, ...ownLabels(spec.matchLabelKeys, labels, 'In')] : null;
  return {
    topologyKey: spec.topologyKey,
    maxSkew: spec.maxSkew,
    minDomains: spec.minDomains ?? 1,
    honorAffinity: spec.nodeAffinityPolicy !== 'Ignore',
    honorTaints: spec.nodeTaintsPolicy === 'Honor',
    ...meant(namespace, requirements),
  };
}

const constraintsOf = (pod: Stored<Pod>, when: Spec['whenUnsatisfiable']): Constraint[] =>
  (pod.spec?.topologySpreadConstraints ?? [])
    .filter((c) => c.whenUnsatisfiable === when)
    .map((c) => constraintOf(c, pod));

/** Those of a pod that says nothing and belongs to a Service or a controller. */
function defaultConstraints(
  pod: Stored<Pod>,
  state: ClusterState,
  defaults: SpreadArgs['constraints'],
): { hard: Constraint[]; soft: Constraint[] } {
  const requirements = defaults.length > 0 ? state.groupOf(pod) : null;
  if (!requirements) return { hard: [], soft: [] };
  const pods = meant(pod.metadata.namespace ?? '', requirements);
  const all = (when: Spec['whenUnsatisfiable']): Constraint[] =>
    defaults.filter((d) => d.whenUnsatisfiable === when).map((d) => ({ ...d, minDomains: d.minDomains ?? 1, ...pods }));
  return { hard: all('DoNotSchedule'), soft: all('ScheduleAnyway') };
}

const hasAll = (node: Node, constraints: readonly Constraint[]): boolean =>
  constraints.every((c) => c.topologyKey in (node.metadata?.labels ?? {}));

/** Whether the node's pods, and its domain, count for a constraint. */
const counts = (c: Constraint, pod: Pod, node: Node): boolean =>
  (!c.honorAffinity || requiresNode(pod.spec, node)) &&
  (!c.honorTaints || !untolerated(node.spec?.taints, pod.spec?.tolerations));

/** Whether every node counts, whatever it is like: the pod may go anywhere. */
const countsEverywhere = (c: Constraint, { spec }: Pod): boolean =>
  !c.honorTaints &&
  (!c.honorAffinity ||
    (!spec?.nodeSelector && !spec?.affinity?.nodeAffinity?.requiredDuringSchedulingIgnoredDuringExecution));

/** Pods by domain, over the nodes that count. */
function domainsOf(c: Constraint, nodes: readonly NodeInfo[], found: NodeCounts): Map<string, number> {
  const domains = new Map<string, number>();
  for (const { name, node } of nodes) {
    const value = node.metadata.labels?.[c.topologyKey] ?? '';
    domains.set(value, (domains.get(value) ?? 0) + (found.get(name) ?? 0));
  }
  return domains;
}

/** Pods by domain, and the fewest in any. */
interface Spread {
  readonly domains: ReadonlyMap<string, number>;
  readonly size: number;
  readonly min: number;
}

/** Every node counts: the sums are kept for all pods of the kind, and only empty domains are to be added. */
function spreadEverywhere(c: Constraint, state: ClusterState): Spread {
  const domains = state.counts.domains(c.query, c.topologyKey);
  const { values } = state.spreadOf(c.topologyKey);
  let min = Number.POSITIVE_INFINITY;
  for (const value of values) min = Math.min(min, domains.get(value) ?? 0);
  return { domains, size: values.size, min };
}

function spreadOver(c: Constraint, nodes: readonly NodeInfo[], state: ClusterState): Spread {
  const domains = domainsOf(c, nodes, state.counts.of(c.query));
  let min = Number.POSITIVE_INFINITY;
  for (const n of domains.values()) min = Math.min(min, n);
  return { domains, size: domains.size, min };
}

function spreadFilter(pod: Stored<Pod>, state: ClusterState, constraints: readonly Constraint[]) {
  const all = state.nodes();
  const complete = constraints.every((c) => state.spreadOf(c.topologyKey).nodes === all.length);
  const labelled = complete ? all : all.filter((n) => hasAll(n.node, constraints));
  const prepared = constraints.map((c) => {
    const { domains, size, min } =
      complete && countsEverywhere(c, pod)
        ? spreadEverywhere(c, state)
        : spreadOver(
            c,
            labelled.filter((n) => counts(c, pod, n.node)),
            state,
          );
    const self = c.selector.matches(pod.metadata.labels ?? {}) ? 1 : 0;
    return { ...c, domains, min: size < c.minDomains ? 0 : min, self };
  });
  return ({ node }: NodeInfo): readonly Reason[] | null => {
    for (const c of prepared) {
      const value = node.metadata.labels?.[c.topologyKey];
      if (value === undefined) return UNLABELLED;
      if ((c.domains.get(value) ?? 0) + c.self - c.min > c.maxSkew) return SKEWED;
    }
    return null;
  };
}

/** Pods around a node when every node counts: the sums are kept for all pods of the kind. */
function everywhere(c: Constraint, state: ClusterState, judged: readonly NodeInfo[]) {
  const sums = state.counts.domains(c.query, c.topologyKey);
  const domainOf = (n: NodeInfo): string => n.node.metadata.labels?.[c.topologyKey] ?? '';
  return { weight: Math.log(new Set(judged.map(domainOf)).size + 2), at: (n: NodeInfo) => sums.get(domainOf(n)) ?? 0 };
}

/** Lower raw scores are better: matching pods around a node, weighted by how many domains share them. */
class SpreadScore {
  readonly #constraints: readonly { c: Constraint; weight: number; at: (node: NodeInfo) => number }[];
  /** Explicit constraints need their labels; for those of the system, some are enough. */
  readonly #skipped: (node: NodeInfo) => boolean;

  constructor(
    pod: Stored<Pod>,
    state: ClusterState,
    constraints: readonly Constraint[],
    { feasible, strict }: { feasible: readonly NodeInfo[]; strict: boolean },
  ) {
    this.#skipped = (node) => strict && !hasAll(node.node, constraints);
    // With one constraint, a node without its label is in none of the sums.
    const several = strict && constraints.length > 1;
    const judged = feasible.filter((n) => !this.#skipped(n));
    this.#constraints = constraints.map((c) => {
      const found = state.counts.of(c.query);
      if (c.topologyKey === HOSTNAME) {
        return { c, weight: Math.log(judged.length + 2), at: (n: NodeInfo) => found.get(n.name) ?? 0 };
      }
      if (!several && countsEverywhere(c, pod)) return { c, ...everywhere(c, state, judged) };
      const domains = new Map<string, number>();
      for (const n of judged) domains.set(n.node.metadata.labels?.[c.topologyKey] ?? '', 0);
      // Only nodes with matching pods can add anything.
      for (const [name, count] of found) {
        const node = state.node(name)?.node;
        const value = node?.metadata.labels?.[c.topologyKey];
        const before = value === undefined ? undefined : domains.get(value);
        if (!node || value === undefined || before === undefined || !counts(c, pod, node)) continue;
        if (several && !hasAll(node, constraints)) continue;
        domains.set(value, before + count);
      }
      const at = (n: NodeInfo): number => domains.get(n.node.metadata.labels?.[c.topologyKey] ?? '') ?? 0;
      return { c, weight: Math.log(domains.size + 2), at };
    });
  }

  of(node: NodeInfo): number {
    let sum = 0;
    for (const { c, weight, at } of this.#constraints) {
      if (c.topologyKey in (node.node.metadata.labels ?? {})) sum += at(node) * weight + (c.maxSkew - 1);
    }
    return Math.round(sum);
  }

  normalize(scores: number[], feasible: readonly NodeInfo[]): void {
    let max = 0;
    let min = Number.POSITIVE_INFINITY;
    for (let i = 0; i < scores.length; i++) {
      if (this.#skipped(feasible[i] as NodeInfo)) continue;
      max = Math.max(max, scores[i] ?? 0);
      min = Math.min(min, scores[i] ?? 0);
    }
    for (let i = 0; i < scores.length; i++) {
      if (this.#skipped(feasible[i] as NodeInfo)) scores[i] = 0;
      else scores[i] = max === 0 ? MAX_SCORE : (MAX_SCORE * (max + min - (scores[i] ?? 0))) / max;
    }
  }
}

const isExplicit = (pod: Pod): boolean => (pod.spec?.topologySpreadConstraints ?? []).length > 0;

const counted = (waiting: Stored<Pod>, pod: Stored<Pod>): boolean =>
  waiting.metadata.namespace === pod.metadata.namespace &&
  // Default constraints: whom they mean is known only to the state.
  (!isExplicit(waiting) ||
    constraintsOf(waiting, 'DoNotSchedule').some((c) => c.selector.matches(pod.metadata.labels ?? {})));

/** Even use of zones, hosts and other domains by pods of a kind ("Pod Topology Spread Constraints"). */
export const spreading = ({ defaultingType, constraints }: SpreadArgs): Plugin => ({
  name: 'PodTopologySpread',
  weight: 2,
  wakesOn: {
    'node-added': ifNode((waiting, node) => hasAll(node, constraintsOf(waiting, 'DoNotSchedule'))),
    // With it may go a domain that kept the minimum low.
    'node-removed': ifNode((waiting, node) => hasAll(node, constraintsOf(waiting, 'DoNotSchedule'))),
    'node-labels': true,
    'node-taints': true,
    'pod-bound': ifPod(counted),
    'pod-gone': ifPod(counted),
    'pod-labels': ifPod((waiting, pod, before) => counted(waiting, pod) || counted(waiting, before ?? pod)),
  },
  prepare(pod, state) {
    const explicit = isExplicit(pod);
    const { hard, soft } = explicit
      ? { hard: constraintsOf(pod, 'DoNotSchedule'), soft: constraintsOf(pod, 'ScheduleAnyway') }
      : defaultConstraints(pod, state, constraints);
    const strict = explicit || defaultingType === 'List';
    if (hard.length + soft.length === 0) return null;
    let score: SpreadScore | undefined;
    return {
      ...(hard.length > 0 ? { filter: spreadFilter(pod, state, hard) } : {}),
      ...(soft.length > 0
        ? {
            weigh(feasible) {
              score = new SpreadScore(pod, state, soft, { feasible, strict });
              return true;
            },
            score: (node) => score?.of(node) ?? 0,
            normalize: (scores, feasible) => score?.normalize(scores, feasible),
          }
        : {}),
    };
  },
});

export const podTopologySpread = spreading(DEFAULT_ARGS.PodTopologySpread);
