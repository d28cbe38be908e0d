import { arr, f, objectsIn, oneOf, req, str, type TypeOf } from '../../schema/schema.ts';

const obj = objectsIn('io.k8s.api.core.v1');

export const NodeSelectorRequirement = obj('NodeSelectorRequirement', 'One condition on a node label or field.', {
  key: req(1, str, 'Label key or field the condition looks at.'),
  operator: req(2, oneOf('In', 'NotIn', 'Exists', 'DoesNotExist', 'Gt', 'Lt'), 'How the value is compared.'),
  values: f(
    3,
    arr(str),
    'Values to compare with: non-empty for In and NotIn, empty for Exists and DoesNotExist, one integer for Gt and Lt.',
  ),
});
export type NodeSelectorRequirement = TypeOf<typeof NodeSelectorRequirement>;

export const NodeSelectorTerm = obj(
  'NodeSelectorTerm',
  'Conditions that must all hold; a term without any matches no node.',
  {
    matchExpressions: f(1, arr(NodeSelectorRequirement), 'Conditions on node labels.'),
    matchFields: f(2, arr(NodeSelectorRequirement), 'Conditions on node fields (metadata.name).'),
  },
  { structType: 'atomic' },
);
export type NodeSelectorTerm = TypeOf<typeof NodeSelectorTerm>;

export const NodeSelector = obj(
  'NodeSelector',
  'Terms of which at least one must match.',
  {
    nodeSelectorTerms: req(1, arr(NodeSelectorTerm), 'The alternatives.'),
  },
  { structType: 'atomic' },
);
export type NodeSelector = TypeOf<typeof NodeSelector>;

export const TopologySelectorLabelRequirement = obj(
  'TopologySelectorLabelRequirement',
  'A label and the values it may have.',
  {
    key: req(1, str, 'Label key.'),
    values: req(2, arr(str), 'Allowed values.'),
  },
);
export type TopologySelectorLabelRequirement = TypeOf<typeof TopologySelectorLabelRequirement>;

export const TopologySelectorTerm = obj(
  'TopologySelectorTerm',
  'Topology labels that must all match.',
  {
    matchLabelExpressions: f(1, arr(TopologySelectorLabelRequirement), 'The label conditions.'),
  },
  { structType: 'atomic' },
);
export type TopologySelectorTerm = TypeOf<typeof TopologySelectorTerm>;
