import { arr, f, objectsIn, oneOf, req, str, type TypeOf } from '../../schema/schema.ts';
import { embed } from '../embed.ts';

const obj = objectsIn('io.k8s.api.admissionregistration.v1');

export const Rule = obj('Rule', 'Which resources.', {
  apiGroups: f(1, arr(str), 'API groups; * means all.'),
  apiVersions: f(2, arr(str), 'API versions; * means all.'),
  resources: f(3, arr(str), 'Resources, `name/sub`; * means all.'),
  scope: f(4, oneOf('*', 'Cluster', 'Namespaced'), 'Cluster, Namespaced or *.', { ptr: true, default: '*' }),
});
export type Rule = TypeOf<typeof Rule>;

export const RuleWithOperations = obj('RuleWithOperations', 'Which operations on which resources.', {
  operations: f(1, arr(str), 'Operations; * means all.'),
  ...embed(2, Rule),
});
export type RuleWithOperations = TypeOf<typeof RuleWithOperations>;

export const NamedRuleWithOperations = obj(
  'NamedRuleWithOperations',
  'Which operations on which objects.',
  {
    resourceNames: f(1, arr(str), 'Names of the objects; empty means all.'),
    ...embed(2, RuleWithOperations),
  },
  { structType: 'atomic' },
);
export type NamedRuleWithOperations = TypeOf<typeof NamedRuleWithOperations>;

export const MatchCondition = obj('MatchCondition', 'An expression that must be true.', {
  name: req(1, str, 'Its name.'),
  expression: req(2, str, 'The expression, CEL.'),
});
export type MatchCondition = TypeOf<typeof MatchCondition>;
