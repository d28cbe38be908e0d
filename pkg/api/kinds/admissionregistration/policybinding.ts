import { defineKind, topLevel } from '../../kind.ts';
import { duplicate, type FieldError, invalid, required } from '../../meta/fielderrors.ts';
import { LabelSelector } from '../../meta/labelselector.ts';
import { dnsSubdomain } from '../../meta/names.ts';
import { arr, f, objectsIn, oneOf, str, type TypeOf } from '../../schema/schema.ts';
import { invalidFor, oneOfRequired } from '../check/check.ts';
import { ageColumn, column, nameColumn, UNSET } from '../print/columns.ts';
import { selectorText } from '../print/workload.ts';
import { MatchResources } from './match-resources.ts';
import { validateMatchResources } from './rule-validation.ts';
import { eitherNameOrSelector } from './webhook-validation.ts';

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

function validateBinding(o: ValidatingAdmissionPolicyBinding): FieldError[] {
  const { spec } = o;
  const found: FieldError[] = [];
  if (!spec?.policyName) found.push(required('spec.policyName'));
  else found.push(...invalidFor('spec.policyName', spec.policyName, dnsSubdomain(spec.policyName)));
  if (spec?.paramRef) {
    found.push(
      ...eitherNameOrSelector('spec.paramRef', spec.paramRef.name, spec.paramRef.selector),
      ...oneOfRequired('spec.paramRef.parameterNotFoundAction', spec.paramRef.parameterNotFoundAction, [
        'Allow',
        'Deny',
      ]),
    );
  }
  // The path is spelt as Kubernetes spells it.
  if (spec?.matchResources) found.push(...validateMatchResources('spec.matchResouces', spec.matchResources));
  const actions = spec?.validationActions ?? [];
  if (actions.length === 0) {
    return [...found, required('spec.validationActions', 'at least one validation action is required')];
  }
  for (const [i, a] of actions.entries()) {
    found.push(...oneOfRequired(`spec.validationActions[${i}]`, a, ['Audit', 'Deny', 'Warn']));
    if (actions.indexOf(a) !== i) found.push(duplicate(`spec.validationActions[${i}]`, a));
  }
  if (actions.includes('Deny') && actions.includes('Warn')) {
    const why =
      'must not contain both Deny and Warn (repeating the same validation failure information in the API response and headers serves no purpose)';
    found.push(invalid('spec.validationActions', actions, why));
  }
  return found;
}

export const ValidatingAdmissionPolicyBindings = defineKind<ValidatingAdmissionPolicyBinding>({
  group: 'admissionregistration.k8s.io',
  version: 'v1',
  kind: 'ValidatingAdmissionPolicyBinding',
  plural: 'validatingadmissionpolicybindings',
  needsVersion: true,
  categories: ['api-extensions'],
  namespaced: false,
  hasGeneration: true,
  schema: ValidatingAdmissionPolicyBindingSchema,
  validate: validateBinding,
  columns: [
    nameColumn,
    column('PolicyName', 'The policy.', (o) => o.spec?.policyName ?? ''),
    column('ParamRef', 'Its parameters.', (o) => {
      const ref = o.spec?.paramRef;
      if (!ref) return UNSET;
      return ref.name ? `${ref.namespace ? `${ref.namespace}/` : '*/'}${ref.name}` : selectorText(ref.selector);
    }),
    ageColumn,
  ],
});
