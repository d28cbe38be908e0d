import type { Node, Pod } from '#api/kinds/index.ts';
import type { Stored } from '#api/meta/objectmeta.ts';
import { ifNode, ifPod } from '../framework/events.ts';
import { MAX_SCORE, type Plugin, type Prepared, type Reason } from '../framework/plugin.ts';
import { type AffinityTerm, affinityTerms, meansPod } from '../snapshot/affinity-terms.ts';
import type { ClusterState } from '../snapshot/cluster-state.ts';
import type { NodeInfo } from '../snapshot/node-info.ts';
import type { PodQuery } from '../snapshot/pod-counts.ts';
import { DEFAULT_ARGS, type PluginArgs } from './args.ts';

const NOT_NEAR: readonly Reason[] = [{ text: "node(s) didn't match pod affinity rules", unresolvable: true }];
const TOO_NEAR: readonly Reason[] = [{ text: "node(s) didn't match pod anti-affinity rules" }];
const UNWELCOME: readonly Reason[] = [{ text: "node(s) didn't satisfy existing pods anti-affinity rules" }];

type Sums = ReadonlyMap<string, number>;

/** Sums by topology: label key → label value → sum. */
class Topology {
  readonly #sums = new Map<string, { sums: Sums; worth: number }>();

  /** What is kept elsewhere is looked at and not copied, unless there is more for the same key. */
  count(topologyKey: string, sums: Sums, worth = 1): void {
    if (sums.size === 0) return;
    const known = this.#sums.get(topologyKey);
    if (!known) {
      this.#sums.set(topologyKey, { sums, worth });
      return;
    }
    const total = new Map<string, number>();
    for (const part of [known, { sums, worth }])
      for (const [value, n] of part.sums) total.set(value, (total.get(value) ?? 0) + n * part.worth);
    this.#sums.set(topologyKey, { sums: total, worth: 1 });
  }

  /** Sum over all keys. */
  total(node: NodeInfo): number {
    let sum = 0;
    for (const [key, part] of this.#sums) sum += at(node, key, part.sums) * part.worth;
    return sum;
  }

  get empty(): boolean {
    return this.#sums.size === 0;
  }

  /** Whether anything was counted where the node is, by any key. */
  has(node: NodeInfo): boolean {
    for (const [key, { sums }] of this.#sums) if (at(node, key, sums) > 0) return true;
    return false;
  }
}

function at(node: NodeInfo, topologyKey: string, sums: Sums): number {
  const value = node.node.metadata.labels?.[topologyKey];
  return value === undefined ? 0 : (sums.get(value) ?? 0);
}

/** The pods that every one of the terms means. */
function query(state: ClusterState, terms: readonly AffinityTerm[]): PodQuery {
  const labelsOf = state.namespaceLabels;
  const everywhere = terms.some((t) => t.namespaceSelector?.requirements.length === 0);
  const namespaces = new Set<string>();
  for (const t of terms) {
    for (const ns of t.namespaces) namespaces.add(ns);
    if (t.namespaceSelector && !everywhere)
      for (const ns of state.namespacesWith(t.namespaceSelector)) namespaces.add(ns);
  }
  const list = everywhere ? null : [...namespaces].sort();
  return {
    // With the namespaces in the key, one whose labels change makes a new question.
    key: `affinity ${JSON.stringify(list)} ${terms.map((t) => t.key).join(' ')}`,
    namespaces: list,
    matches: (pod) => terms.every((t) => meansPod(t, pod, labelsOf)),
  };
}

type Filter = NonNullable<Prepared['filter']>;

function nearFilter(pod: Stored<Pod>, state: ClusterState, terms: readonly AffinityTerm[]): Filter | null {
  if (terms.length === 0) return null;
  const meant = query(state, terms);
  const wanted = terms.map((t) => ({ key: t.topologyKey, sums: state.counts.domains(meant, t.topologyKey) }));
  // The first pod of a group that wants to be together has nobody to go to.
  const first = wanted.every((w) => w.sums.size === 0) && terms.every((t) => meansPod(t, pod, state.namespaceLabels));
  return (node) => {
    const labels = node.node.metadata.labels ?? {};
    const near = wanted.every((w) => w.key in labels && (first || at(node, w.key, w.sums) > 0));
    return near ? null : NOT_NEAR;
  };
}

function farFilter(state: ClusterState, terms: readonly AffinityTerm[]): Filter | null {
  if (terms.length === 0) return null;
  const topology = new Topology();
  for (const t of terms) topology.count(t.topologyKey, state.counts.domains(query(state, [t]), t.topologyKey));
  return topology.empty ? null : (node) => (topology.has(node) ? TOO_NEAR : null);
}

function welcomeFilter(pod: Stored<Pod>, state: ClusterState): Filter | null {
  const topology = new Topology();
  for (const { worth, term, pods } of state.terms.meaning(pod, state.namespaceLabels)) {
    if (worth === 'anti') topology.count(term.topologyKey, pods.domains(term.topologyKey));
  }
  return topology.empty ? null : (node) => (topology.has(node) ? UNWELCOME : null);
}

/** What nearness to the pods there is worth, by the pod's wishes and by theirs. */
function wishes(pod: Stored<Pod>, state: ClusterState, required: number): Topology {
  const topology = new Topology();
  for (const { term, weight } of affinityTerms(pod).preferred) {
    topology.count(term.topologyKey, state.counts.domains(query(state, [term]), term.topologyKey), weight);
  }
  for (const g of state.terms.meaning(pod, state.namespaceLabels)) {
    const worth = g.worth === 'required' ? required : g.worth;
    if (worth !== 'anti' && worth !== 0) topology.count(g.term.topologyKey, g.pods.domains(g.term.topologyKey), worth);
  }
  return topology;
}

const means = (terms: readonly AffinityTerm[], pod: Stored<Pod>): boolean =>
  // Labels of namespaces are not at hand here: a term that selects namespaces may mean any.
  terms.some((t) => t.namespaceSelector !== undefined || meansPod(t, pod, () => ({})));

/** Whether the pod, with its new labels, is wanted near or no longer unwanted. */
const relabelled = (waiting: Stored<Pod>, pod: Stored<Pod>, before: Stored<Pod>): boolean =>
  means(affinityTerms(waiting).affinity, pod) ||
  means(affinityTerms(waiting).antiAffinity, before) ||
  means(affinityTerms(before).antiAffinity, waiting);

/** A node without the labels of all required terms cannot be near anybody. */
const hasPlaces = (waiting: Stored<Pod>, node: Stored<Node>): boolean =>
  affinityTerms(waiting).affinity.every((t) => t.topologyKey in (node.metadata.labels ?? {}));

/** Nearness to and distance from other pods, required and preferred ("Assigning Pods to Nodes"). */
export const interPodAffinityWith = ({
  hardPodAffinityWeight,
  ignorePreferredTermsOfExistingPods: onlyOwn,
}: PluginArgs['InterPodAffinity']): Plugin => ({
  name: 'InterPodAffinity',
  weight: 2,
  wakesOn: {
    'node-added': ifNode(hasPlaces),
    'node-labels': ifNode(hasPlaces),
    'namespace-labels': true,
    'pod-bound': ifPod((waiting, pod) => means(affinityTerms(waiting).affinity, pod)),
    'pod-labels': ifPod((waiting, pod, before) => relabelled(waiting, pod, before ?? pod)),
    'pod-gone': ifPod(
      (waiting, pod) =>
        means(affinityTerms(waiting).antiAffinity, pod) || means(affinityTerms(pod).antiAffinity, waiting),
    ),
  },
  prepare(pod, state) {
    const terms = affinityTerms(pod);
    const filters = [
      nearFilter(pod, state, terms.affinity),
      farFilter(state, terms.antiAffinity),
      welcomeFilter(pod, state),
    ].filter((f) => f !== null);
    let topology: Topology | undefined;
    const scores = !onlyOwn || terms.preferred.length > 0;
    if (!scores && filters.length === 0) return null;
    return {
      ...(filters.length > 0
        ? {
            filter(node) {
              for (const f of filters) {
                const reasons = f(node);
                if (reasons) return reasons;
              }
              return null;
            },
          }
        : {}),
      weigh() {
        topology = scores ? wishes(pod, state, hardPodAffinityWeight) : undefined;
        return topology !== undefined && !topology.empty;
      },
      score: (node) => topology?.total(node) ?? 0,
      normalize(scores) {
        const min = scores.reduce((m, s) => Math.min(m, s), Number.POSITIVE_INFINITY);
        const range = scores.reduce((m, s) => Math.max(m, s), Number.NEGATIVE_INFINITY) - min;
        for (const [i, s] of scores.entries()) scores[i] = range > 0 ? ((s - min) * MAX_SCORE) / range : 0;
      },
    };
  },
});

export const interPodAffinity = interPodAffinityWith(DEFAULT_ARGS.InterPodAffinity);
