import { LabelSelector } from '../../meta/labelselector.ts';
import { arr, f, objectsIn, oneOf, type TypeOf } from '../../schema/schema.ts';
import { NamedRuleWithOperations } from './rules.ts';

const obj = objectsIn('io.k8s.api.admissionregistration.v1');

export const MatchResources = obj(
  'MatchResources',
  'Which requests a policy is about.',
  {
    namespaceSelector: f(1, LabelSelector, 'Namespaces it is about.', { default: {} }),
    objectSelector: f(2, LabelSelector, 'Objects it is about.', { default: {} }),
    resourceRules: f(3, arr(NamedRuleWithOperations), 'Operations and resources it is about.'),
    excludeResourceRules: f(4, arr(NamedRuleWithOperations), 'Operations and resources left out.'),
    matchPolicy: f(7, oneOf('Equivalent', 'Exact'), 'Whether rules match equivalent requests.', {
      ptr: true,
      default: 'Equivalent',
    }),
  },
  { structType: 'atomic' },
);
export type MatchResources = TypeOf<typeof MatchResources>;
