import { defineKind, topLevel } from '../../kind.ts';
import { LabelSelector } from '../../meta/labelselector.ts';
import { arr, f, objectsIn, oneOf, str, type TypeOf } from '../../schema/schema.ts';
import { MatchResources } from './match-resources.ts';

const PKG = 'io.k8s.api.admissionregistration.v1';
const obj = objectsIn(PKG);

export const ParamRef = obj(
  'ParamRef',
  'The parameters of a policy.',
  {
    name: f(1, str, 'Name of the object.'),
    namespace: f(2, str, 'Namespace of the object.'),
    selector: f(3, LabelSelector, 'Selects objects by label.'),
    parameterNotFoundAction: f(4, oneOf('Allow', 'Deny'), 'What is done when there is none.', { ptr: true }),
  },
  { structType: 'atomic' },
);
export type ParamRef = TypeOf<typeof ParamRef>;

export const ValidatingAdmissionPolicyBindingSpec = obj(
  'ValidatingAdmissionPolicyBindingSpec',
  'Where a policy holds.',
  {
    policyName: f(1, str, 'The policy.'),
    paramRef: f(2, ParamRef, 'Its parameters.'),
    matchResources: f(3, MatchResources, "Requests it is about, within the policy's."),
    validationActions: f(
      4,
      arr(oneOf('Audit', 'Deny', 'Warn'), { listType: 'set' }),
      'What is done when an expression is false.',
    ),
  },
);
export type ValidatingAdmissionPolicyBindingSpec = TypeOf<typeof ValidatingAdmissionPolicyBindingSpec>;

export const ValidatingAdmissionPolicyBindingSchema = topLevel(
  PKG,
  'ValidatingAdmissionPolicyBinding',
  'Puts a policy into force.',
  {
    spec: f(2, ValidatingAdmissionPolicyBindingSpec, 'Where it holds.'),
  },
);
export type ValidatingAdmissionPolicyBinding = TypeOf<typeof ValidatingAdmissionPolicyBindingSchema>;

export const ValidatingAdmissionPolicyBindings = defineKind<ValidatingAdmissionPolicyBinding>({
  group: 'admissionregistration.k8s.io',
  version: 'v1',
  kind: 'ValidatingAdmissionPolicyBinding',
  plural: 'validatingadmissionpolicybindings',
  namespaced: false,
  hasGeneration: true,
  schema: ValidatingAdmissionPolicyBindingSchema,
});
