import { arr, f, map, objectsIn, oneOf, req, str, type TypeOf } from '../schema/schema.ts';

const obj = objectsIn('io.k8s.apimachinery.pkg.apis.meta.v1');

export const LabelSelectorRequirement = obj('LabelSelectorRequirement', 'One condition on a label.', {
  key: req(1, str, 'Label key the condition looks at.'),
  operator: req(2, oneOf('In', 'NotIn', 'Exists', 'DoesNotExist'), 'How the value is compared.'),
  values: f(3, arr(str), 'Values to compare with: non-empty for In and NotIn, empty otherwise.'),
});
export type LabelSelectorRequirement = TypeOf<typeof LabelSelectorRequirement>;

export const LabelSelector = obj(
  'LabelSelector',
  'Selects objects by their labels; an empty selector selects everything, a missing one nothing.',
  {
    matchLabels: f(1, map(str), 'Labels that must have exactly these values.'),
    matchExpressions: f(2, arr(LabelSelectorRequirement), 'Conditions that must all hold as well.'),
  },
  { structType: 'atomic' },
);
export type LabelSelector = TypeOf<typeof LabelSelector>;

export const FieldSelectorRequirement = obj('FieldSelectorRequirement', 'One condition on a field.', {
  key: req(1, str, 'Field the condition looks at.'),
  operator: req(2, oneOf('In', 'NotIn', 'Exists', 'DoesNotExist'), 'How the value is compared.'),
  values: f(3, arr(str), 'Values to compare with: non-empty for In and NotIn, empty otherwise.'),
});
export type FieldSelectorRequirement = TypeOf<typeof FieldSelectorRequirement>;
