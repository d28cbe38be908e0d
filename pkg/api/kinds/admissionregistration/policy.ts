import { compilePolicy } from '../../expressions/policy.ts';
import { defineKind, topLevel } from '../../kind.ts';
import { Condition } from '../../meta/condition.ts';
import { sameJson } from '../../meta/equal.ts';
import { duplicate, type FieldError, invalid, notSupported, required } from '../../meta/fielderrors.ts';
import { dns1035Label, dnsSubdomain, qualifiedName } from '../../meta/names.ts';
import { arr, f, int64, mapList, objectsIn, oneOf, req, str, type TypeOf } from '../../schema/schema.ts';
import { invalidFor, oneOfOptional } from '../check/check.ts';
import { ageColumn, column, nameColumn, numberColumn, UNSET } from '../print/columns.ts';
import { MatchResources } from './match-resources.ts';
import { validateMatchResources } from './rule-validation.ts';
import { MatchCondition } from './rules.ts';
import { validateConditions } from './webhook-validation.ts';

const PKG = 'io.k8s.api.admissionregistration.v1';
const obj = objectsIn(PKG);

export const ParamKind = obj(
  'ParamKind',
  "Kind of a policy's parameters.",
  {
    apiVersion: f(1, str, 'API version of the kind.'),
    kind: f(2, str, 'The kind.'),
  },
  { structType: 'atomic' },
);
export type ParamKind = TypeOf<typeof ParamKind>;

export const Validation = obj('Validation', 'An expression objects must satisfy.', {
  expression: req(1, str, 'The expression, CEL.'),
  message: f(2, str, 'What is said when it is false.'),
  reason: f(3, str, 'Reason of the refusal.', { ptr: true }),
  messageExpression: f(4, str, 'An expression for the message.'),
});
export type Validation = TypeOf<typeof Validation>;

export const AuditAnnotation = obj('AuditAnnotation', 'An entry for the audit log.', {
  key: req(1, str, 'Its key.'),
  valueExpression: req(2, str, 'An expression for its value.'),
});
export type AuditAnnotation = TypeOf<typeof AuditAnnotation>;

export const Variable = obj(
  'Variable',
  'A name for an expression.',
  {
    name: req(1, str, 'The name.'),
    expression: req(2, str, 'The expression, CEL.'),
  },
  { structType: 'atomic' },
);
export type Variable = TypeOf<typeof Variable>;

export const ValidatingAdmissionPolicySpec = obj('ValidatingAdmissionPolicySpec', 'What a policy demands.', {
  paramKind: f(1, ParamKind, 'Kind of its parameters.'),
  matchConstraints: f(2, MatchResources, 'Requests it is about.'),
  validations: f(3, arr(Validation), 'Expressions objects must satisfy.'),
  failurePolicy: f(4, oneOf('Fail', 'Ignore'), 'What is done when an expression cannot be evaluated.', {
    ptr: true,
    default: 'Fail',
  }),
  auditAnnotations: f(5, arr(AuditAnnotation), 'Entries for the audit log.'),
  matchConditions: f(6, mapList(MatchCondition, 'name'), 'Expressions that must be true for it to apply.'),
  variables: f(7, mapList(Variable, 'name'), 'Names for expressions.'),
});
export type ValidatingAdmissionPolicySpec = TypeOf<typeof ValidatingAdmissionPolicySpec>;

export const ExpressionWarning = obj('ExpressionWarning', 'A doubt about an expression.', {
  fieldRef: req(2, str, 'Where the expression is.'),
  warning: req(3, str, 'The doubt.'),
});
export type ExpressionWarning = TypeOf<typeof ExpressionWarning>;

export const TypeChecking = obj('TypeChecking', 'What type checking found.', {
  expressionWarnings: f(1, arr(ExpressionWarning), 'The doubts.'),
});
export type TypeChecking = TypeOf<typeof TypeChecking>;

export const ValidatingAdmissionPolicyStatus = obj('ValidatingAdmissionPolicyStatus', 'State of a policy.', {
  observedGeneration: f(1, int64, 'Generation this status was computed for.'),
  typeChecking: f(2, TypeChecking, 'What type checking found.'),
  conditions: f(3, arr(Condition, { listType: 'map', mapKeys: ['type'] }), 'Aspects of its state.'),
});
export type ValidatingAdmissionPolicyStatus = TypeOf<typeof ValidatingAdmissionPolicyStatus>;

export const ValidatingAdmissionPolicySchema = topLevel(
  PKG,
  'ValidatingAdmissionPolicy',
  'Expressions that refuse requests.',
  {
    spec: f(2, ValidatingAdmissionPolicySpec, 'What it demands.'),
    status: f(3, ValidatingAdmissionPolicyStatus, 'Its state.'),
  },
);
export type ValidatingAdmissionPolicy = TypeOf<typeof ValidatingAdmissionPolicySchema>;

const REASONS = ['Forbidden', 'Invalid', 'RequestEntityTooLarge', 'Unauthorized'];
const MAX_ANNOTATIONS = 20;
const NAME = /^[a-zA-Z_][a-zA-Z0-9_]*$/;

/** Names, keys and reasons; that expressions compile is another question. */
function validateParts(o: ValidatingAdmissionPolicy): FieldError[] {
  const { validations, variables, auditAnnotations } = o.spec ?? {};
  const found: FieldError[] = [];
  for (const [i, v] of (validations ?? []).entries()) {
    const at = `spec.validations[${i}]`;
    if (!v.expression?.trim()) found.push(required(`${at}.expression`, 'expression is not specified'));
    if (v.reason !== undefined && !REASONS.includes(v.reason))
      found.push(notSupported(`${at}.reason`, v.reason, REASONS));
    if (v.message !== undefined && v.message !== '' && v.message.trim() === '') {
      found.push(invalid(`${at}.message`, v.message, 'message must be non-empty if specified'));
    } else if (v.message?.trim().includes('\n')) {
      found.push(invalid(`${at}.message`, v.message, 'message must not contain line breaks'));
    }
    if (v.messageExpression && !v.messageExpression.trim()) {
      found.push(invalid(`${at}.messageExpression`, v.messageExpression, 'must be non-empty if specified'));
    }
  }
  const names = new Set<string>();
  for (const [i, v] of (variables ?? []).entries()) {
    const at = `spec.variables[${i}]`;
    if (!v.name) found.push(required(`${at}.name`, 'name is not specified'));
    else if (!NAME.test(v.name)) found.push(invalid(`${at}.name`, v.name, 'name is not a valid CEL identifier'));
    if (names.has(v.name)) found.push(duplicate(`${at}.name`, v.name));
    names.add(v.name);
    if (!v.expression?.trim()) found.push(required(`${at}.expression`, 'expression is not specified'));
  }
  const keys = new Set<string>();
  if ((auditAnnotations?.length ?? 0) > MAX_ANNOTATIONS) {
    const why = `must not have more than ${MAX_ANNOTATIONS} auditAnnotations`;
    found.push(invalid('spec.auditAnnotations', auditAnnotations, why));
  }
  for (const [i, a] of (auditAnnotations ?? []).entries()) {
    const at = `spec.auditAnnotations[${i}]`;
    if (!a.key) found.push(required(`${at}.key`));
    else found.push(...invalidFor(`${at}.key`, a.key, qualifiedName(`${o.metadata?.name ?? 'x'}/${a.key}`)));
    if (keys.has(a.key)) found.push(duplicate(`${at}.key`, a.key));
    keys.add(a.key);
    if (!a.valueExpression?.trim()) found.push(required(`${at}.valueExpression`, 'valueExpression is not specified'));
  }
  return found;
}

function validateParamKind(path: string, { apiVersion = '', kind = '' }: ParamKind): FieldError[] {
  const parts = apiVersion.split('/');
  const version = parts.at(-1) ?? '';
  const at = `${path}.apiVersion`;
  const found: FieldError[] = [];
  const say = (value: string, wrong: readonly string[]): void => {
    if (wrong.length > 0) found.push(invalid(at, value, wrong.join(',')));
  };
  if (!apiVersion) found.push(required(at));
  else if (parts.length > 2) say(apiVersion, [`unexpected GroupVersion string: ${apiVersion}`]);
  else {
    const group = parts.length > 1 ? (parts[0] ?? '') : '';
    if (group) say(group, dnsSubdomain(group));
    say(version, version ? dns1035Label(version) : ['version must be specified']);
  }
  if (!kind) return [...found, required(`${path}.kind`)];
  const wrong = dns1035Label(kind.toLowerCase());
  const why = `may have mixed case, but should otherwise match: ${wrong.join(',')}`;
  return wrong.length > 0 ? [...found, invalid(`${path}.kind`, kind, why)] : found;
}

const CONDITIONS = 'spec.matchConditions';

/** Conditions that are as they were may stay wrong: rules that came later must not keep anybody from updating the rest. */
const keepsConditions = ({ spec }: ValidatingAdmissionPolicy, old?: ValidatingAdmissionPolicy): boolean =>
  old !== undefined &&
  sameJson(spec?.paramKind, old.spec?.paramKind) &&
  sameJson(spec?.matchConditions ?? [], old.spec?.matchConditions ?? []);

function validatePolicy(o: ValidatingAdmissionPolicy, old?: ValidatingAdmissionPolicy): FieldError[] {
  const { spec } = o;
  const found: FieldError[] = [];
  if (!spec?.validations?.length && !spec?.auditAnnotations?.length) {
    found.push(required('spec.validations', 'validations or auditAnnotations must contain at least one item'));
    found.push(required('spec.auditAnnotations', 'validations or auditAnnotations must contain at least one item'));
  }
  found.push(...validateParts(o));
  const constraints = spec?.matchConstraints;
  if (!constraints) found.push(required('spec.matchConstraints'));
  else {
    found.push(...validateMatchResources('spec.matchConstraints', constraints));
    if (!constraints.resourceRules?.length) found.push(required('spec.matchConstraints.resourceRules'));
  }
  if (spec?.paramKind) found.push(...validateParamKind('spec.paramKind', spec.paramKind));
  const lax = keepsConditions(o, old);
  const problems = (spec ? compilePolicy(spec).problems : []).filter((p) => !lax || !p.field.startsWith(CONDITIONS));
  return [
    ...found,
    ...problems.map((p) => invalid(p.field, p.expression, p.why)),
    ...(lax ? [] : validateConditions(CONDITIONS, spec?.matchConditions)),
    ...oneOfOptional('spec.failurePolicy', spec?.failurePolicy, ['Fail', 'Ignore']),
  ];
}

export const ValidatingAdmissionPolicies = defineKind<ValidatingAdmissionPolicy>({
  group: 'admissionregistration.k8s.io',
  version: 'v1',
  kind: 'ValidatingAdmissionPolicy',
  plural: 'validatingadmissionpolicies',
  needsVersion: true,
  statusKeepsMeta: true,
  categories: ['api-extensions'],
  namespaced: false,
  hasStatus: true,
  schema: ValidatingAdmissionPolicySchema,
  prepareCreate: (o) => {
    o.status = {};
  },
  validate: validatePolicy,
  columns: [
    nameColumn,
    numberColumn('Validations', 'Number of expressions.', (o) => (o.spec?.validations ?? []).length),
    column('ParamKind', 'Kind of its parameters.', (o) =>
      o.spec?.paramKind ? `${o.spec.paramKind.apiVersion}/${o.spec.paramKind.kind}` : UNSET,
    ),
    ageColumn,
  ],
});
