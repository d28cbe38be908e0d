import type { Pod } from '#api/kinds/index.ts';
import { compileLabelSelector, type Labels, type Selector } from '#api/meta/labels.ts';
import type { Stored } from '#api/meta/objectmeta.ts';
import { type LabelOf, NodeSums } from './node-sums.ts';

type PodSpec = NonNullable<Pod['spec']>;
type PodAffinity = NonNullable<NonNullable<PodSpec['affinity']>['podAffinity']>;
type TermSpec = NonNullable<PodAffinity['requiredDuringSchedulingIgnoredDuringExecution']>[number];

/** A pod affinity term, ready for use. */
export interface AffinityTerm {
  readonly key: string;
  readonly topologyKey: string;
  readonly namespaces: readonly string[];
  /** Further namespaces, by their labels. */
  readonly namespaceSelector: Selector | undefined;
  readonly selector: Selector;
}

export interface WeightedTerm {
  readonly term: AffinityTerm;
  readonly weight: number;
}

/** What a pod says about others. */
export interface AffinityTerms {
  readonly affinity: readonly AffinityTerm[];
  readonly antiAffinity: readonly AffinityTerm[];
  /** Preferences; anti-affinity has negative weights. */
  readonly preferred: readonly WeightedTerm[];
}

function compile(spec: TermSpec, pod: Stored<Pod>): AffinityTerm {
  // The API server has written into it what matchLabelKeys and mismatchLabelKeys say.
  const selector = compileLabelSelector(spec.labelSelector);
  const own = (spec.namespaces ?? []).length === 0 && !spec.namespaceSelector;
  const namespaces = own ? [pod.metadata.namespace ?? ''] : [...(spec.namespaces ?? [])].sort();
  const namespaceSelector = spec.namespaceSelector ? compileLabelSelector(spec.namespaceSelector) : undefined;
  const meant = spec.labelSelector ? selector.requirements : null;
  const key = JSON.stringify([spec.topologyKey, namespaces, namespaceSelector?.requirements ?? null, meant]);
  return { key, topologyKey: spec.topologyKey, namespaces, namespaceSelector, selector };
}

const NONE: AffinityTerms = { affinity: [], antiAffinity: [], preferred: [] };
const compiled = new WeakMap<Pod, AffinityTerms>();

/** Compiled once per pod object. */
export function affinityTerms(pod: Stored<Pod>): AffinityTerms {
  const { podAffinity: near, podAntiAffinity: far } = pod.spec?.affinity ?? {};
  if (!near && !far) return NONE;
  let terms = compiled.get(pod);
  if (terms) return terms;
  const all = (specs: readonly TermSpec[] | undefined): AffinityTerm[] => (specs ?? []).map((s) => compile(s, pod));
  const weighted = (half: PodAffinity | undefined, sign: 1 | -1): WeightedTerm[] =>
    (half?.preferredDuringSchedulingIgnoredDuringExecution ?? []).map((p) => ({
      term: compile(p.podAffinityTerm, pod),
      weight: sign * p.weight,
    }));
  terms = {
    affinity: all(near?.requiredDuringSchedulingIgnoredDuringExecution),
    antiAffinity: all(far?.requiredDuringSchedulingIgnoredDuringExecution),
    preferred: [...weighted(near, 1), ...weighted(far, -1)],
  };
  compiled.set(pod, terms);
  return terms;
}

/** Whether the term means this pod. `labelsOf` tells the labels of a namespace. */
export function meansPod(term: AffinityTerm, pod: Stored<Pod>, labelsOf: (namespace: string) => Labels): boolean {
  const { namespace = '', labels = {} } = pod.metadata;
  const there = term.namespaces.includes(namespace) || term.namespaceSelector?.matches(labelsOf(namespace));
  return there === true && term.selector.matches(labels);
}

/** Terms of placed pods, like ones together. */
export interface TermGroup {
  readonly term: AffinityTerm;
  /** 'anti': must keep away. 'required': must be near. A number: what nearness is worth. */
  readonly worth: 'anti' | 'required' | number;
  /** How many pods with this term are where. */
  readonly pods: NodeSums;
}

function* groupsOf(pod: Stored<Pod>): Generator<Omit<TermGroup, 'pods'>> {
  const { affinity, antiAffinity, preferred } = affinityTerms(pod);
  for (const term of antiAffinity) yield { term, worth: 'anti' };
  for (const term of affinity) yield { term, worth: 'required' };
  for (const { term, weight } of preferred) yield { term, worth: weight };
}

/**
 * The affinity terms of all placed pods, grouped: the pods of one Deployment share theirs, so there are far fewer groups
 * than pods. Groups that name their namespaces are found by namespace.
 */
export class PlacedTerms {
  readonly #groups = new Map<string, TermGroup>();
  readonly #byNamespace = new Map<string, Set<TermGroup>>();
  readonly #selecting = new Set<TermGroup>();
  readonly #labelOf: LabelOf;

  /** @param labelOf tells the labels of nodes; `nodesChanged` is called when it tells others */
  constructor(labelOf: LabelOf) {
    this.#labelOf = labelOf;
  }

  nodesChanged(): void {
    for (const { pods } of this.#groups.values()) pods.nodesChanged();
  }

  added(pod: Stored<Pod>, node: string): void {
    for (const g of groupsOf(pod)) this.#group(g).pods.add(node, 1);
  }

  removed(pod: Stored<Pod>, node: string): void {
    for (const g of groupsOf(pod)) {
      const group = this.#group(g);
      group.pods.add(node, -1);
      if (group.pods.counts.size === 0) this.#drop(group);
    }
  }

  /** Groups whose term means this pod. */
  *meaning(pod: Stored<Pod>, labelsOf: (namespace: string) => Labels): Generator<TermGroup> {
    if (this.#groups.size === 0) return;
    const named = this.#byNamespace.get(pod.metadata.namespace ?? '') ?? [];
    for (const g of named) if (meansPod(g.term, pod, labelsOf)) yield g;
    for (const g of this.#selecting) if (meansPod(g.term, pod, labelsOf)) yield g;
  }

  #group(g: Omit<TermGroup, 'pods'>): TermGroup {
    const key = `${g.worth} ${g.term.key}`;
    let group = this.#groups.get(key);
    if (group) return group;
    group = { ...g, pods: new NodeSums(this.#labelOf) };
    this.#groups.set(key, group);
    if (g.term.namespaceSelector) this.#selecting.add(group);
    else {
      for (const ns of g.term.namespaces) {
        const set = this.#byNamespace.get(ns) ?? new Set<TermGroup>();
        this.#byNamespace.set(ns, set.add(group));
      }
    }
    return group;
  }

  #drop(group: TermGroup): void {
    this.#groups.delete(`${group.worth} ${group.term.key}`);
    this.#selecting.delete(group);
    for (const ns of group.term.namespaces) {
      const set = this.#byNamespace.get(ns);
      set?.delete(group);
      if (set?.size === 0) this.#byNamespace.delete(ns);
    }
  }
}
