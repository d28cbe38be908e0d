import { LabelSelector } from '../../../meta/labelselector.ts';
import { arr, f, int32, int64, objectsIn, oneOf, req, str, type TypeOf } from '../../../schema/schema.ts';
import { NodeSelector, NodeSelectorTerm } from '../selectors.ts';
import { NodeInclusionPolicy, TaintEffect } from '../values.ts';

const obj = objectsIn('io.k8s.api.core.v1');

export const PreferredSchedulingTerm = obj('PreferredSchedulingTerm', 'A node preference and what it is worth.', {
  weight: req(1, int32, 'Worth from 1 to 100.'),
  preference: req(2, NodeSelectorTerm, 'The preferred nodes.'),
});
export type PreferredSchedulingTerm = TypeOf<typeof PreferredSchedulingTerm>;

export const NodeAffinity = obj('NodeAffinity', 'Which nodes a pod may or would rather run on.', {
  requiredDuringSchedulingIgnoredDuringExecution: f(1, NodeSelector, 'Nodes that do not match are out.'),
  preferredDuringSchedulingIgnoredDuringExecution: f(
    2,
    arr(PreferredSchedulingTerm),
    'Nodes that match are preferred.',
  ),
});
export type NodeAffinity = TypeOf<typeof NodeAffinity>;

export const PodAffinityTerm = obj(
  'PodAffinityTerm',
  'A set of pods, and the topology within which nearness is judged.',
  {
    labelSelector: f(1, LabelSelector, 'Pods meant, by label.'),
    namespaces: f(2, arr(str), "Namespaces of those pods; with namespaceSelector empty, the pod's own."),
    topologyKey: req(3, str, 'Node label whose equal values count as the same place.'),
    namespaceSelector: f(4, LabelSelector, 'Namespaces of those pods, by label.'),
    matchLabelKeys: f(5, arr(str), 'Labels of the new pod whose values the others must share.'),
    mismatchLabelKeys: f(6, arr(str), 'Labels of the new pod whose values the others must not share.'),
  },
);
export type PodAffinityTerm = TypeOf<typeof PodAffinityTerm>;

export const WeightedPodAffinityTerm = obj(
  'WeightedPodAffinityTerm',
  'A pod affinity preference and what it is worth.',
  {
    weight: req(1, int32, 'Worth from 1 to 100.'),
    podAffinityTerm: req(2, PodAffinityTerm, 'The preference.'),
  },
);
export type WeightedPodAffinityTerm = TypeOf<typeof WeightedPodAffinityTerm>;

export const PodAffinity = obj('PodAffinity', 'Pods to be near to.', {
  requiredDuringSchedulingIgnoredDuringExecution: f(1, arr(PodAffinityTerm), 'Must be near all of these.'),
  preferredDuringSchedulingIgnoredDuringExecution: f(2, arr(WeightedPodAffinityTerm), 'Would rather be near these.'),
});
export type PodAffinity = TypeOf<typeof PodAffinity>;

export const PodAntiAffinity = obj('PodAntiAffinity', 'Pods to keep away from.', {
  requiredDuringSchedulingIgnoredDuringExecution: f(1, arr(PodAffinityTerm), 'Must not be near any of these.'),
  preferredDuringSchedulingIgnoredDuringExecution: f(
    2,
    arr(WeightedPodAffinityTerm),
    'Would rather not be near these.',
  ),
});
export type PodAntiAffinity = TypeOf<typeof PodAntiAffinity>;

export const Affinity = obj('Affinity', 'Scheduling constraints by node and by other pods.', {
  nodeAffinity: f(1, NodeAffinity, 'Constraints on the node.'),
  podAffinity: f(2, PodAffinity, 'Pods to be near to.'),
  podAntiAffinity: f(3, PodAntiAffinity, 'Pods to keep away from.'),
});
export type Affinity = TypeOf<typeof Affinity>;

export const Toleration = obj('Toleration', 'A taint the pod puts up with.', {
  key: f(1, str, 'Taint key; empty with operator Exists means every taint.'),
  operator: f(2, oneOf('Exists', 'Equal'), 'How the value is compared; Equal by default.'),
  value: f(3, str, 'Taint value, with operator Equal.'),
  effect: f(4, TaintEffect, 'Taint effect; empty means every effect.'),
  tolerationSeconds: f(5, int64, 'How long a NoExecute taint is put up with; absent means for ever.', { ptr: true }),
});
export type Toleration = TypeOf<typeof Toleration>;

export const TopologySpreadConstraint = obj(
  'TopologySpreadConstraint',
  'How evenly matching pods spread over a topology.',
  {
    maxSkew: req(1, int32, 'Largest allowed difference between two domains.'),
    topologyKey: req(2, str, 'Node label whose values are the domains.'),
    whenUnsatisfiable: req(
      3,
      oneOf('DoNotSchedule', 'ScheduleAnyway'),
      'What to do with a pod that would break the constraint.',
    ),
    labelSelector: f(4, LabelSelector, 'Pods that are counted.'),
    minDomains: f(5, int32, 'Fewer domains than this count as an empty one.', { ptr: true }),
    nodeAffinityPolicy: f(6, NodeInclusionPolicy, 'Whether nodes excluded by node affinity count.', { ptr: true }),
    nodeTaintsPolicy: f(7, NodeInclusionPolicy, 'Whether nodes with untolerated taints count.', { ptr: true }),
    matchLabelKeys: f(8, arr(str), 'Labels of the new pod that counted pods must share.'),
  },
);
export type TopologySpreadConstraint = TypeOf<typeof TopologySpreadConstraint>;
