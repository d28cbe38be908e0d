import { defineKind, topLevel } from '../../kind.ts';
import { type FieldError, invalid, required } from '../../meta/fielderrors.ts';
import { dnsSubdomain } from '../../meta/names.ts';
import { arr, bool, f, int32, mapList, objectsIn, oneOf, req, str, type TypeOf, time } from '../../schema/schema.ts';
import { invalidFor, oneOfOptional } from '../check/check.ts';
import { validateConditionTypes } from '../check/status-validation.ts';
import { ageColumn, column, NONE, nameColumn } from '../print/columns.ts';
import { validateFlowRule } from './flow-rule-validation.ts';
import { validateMandatoryFlow } from './mandatory.ts';

const PKG = 'io.k8s.api.flowcontrol.v1';
const obj = objectsIn(PKG);

export const UserSubject = obj('UserSubject', 'A user.', {
  name: req(1, str, 'Name of the user; * means all.'),
});
export type UserSubject = TypeOf<typeof UserSubject>;

export const GroupSubject = obj('GroupSubject', 'A group.', {
  name: req(1, str, 'Name of the group; * means all.'),
});
export type GroupSubject = TypeOf<typeof GroupSubject>;

export const ServiceAccountSubject = obj('ServiceAccountSubject', 'A service account.', {
  namespace: req(1, str, 'Its namespace.'),
  name: req(2, str, 'Its name; * means all.'),
});
export type ServiceAccountSubject = TypeOf<typeof ServiceAccountSubject>;

export const FlowSubject = obj('Subject', 'Who makes a request.', {
  kind: req(1, oneOf('Group', 'ServiceAccount', 'User'), 'Which field is set.'),
  user: f(2, UserSubject, 'A user.'),
  group: f(3, GroupSubject, 'A group.'),
  serviceAccount: f(4, ServiceAccountSubject, 'A service account.'),
});
export type FlowSubject = TypeOf<typeof FlowSubject>;

export const ResourcePolicyRule = obj('ResourcePolicyRule', 'Requests for resources.', {
  verbs: req(1, arr(str, { listType: 'set' }), 'Verbs; * means all.'),
  apiGroups: req(2, arr(str, { listType: 'set' }), 'API groups; * means all.'),
  resources: req(3, arr(str, { listType: 'set' }), 'Resources; * means all.'),
  clusterScope: f(4, bool, 'Requests without a namespace match.'),
  namespaces: req(5, arr(str, { listType: 'set' }), 'Namespaces; * means all.'),
});
export type ResourcePolicyRule = TypeOf<typeof ResourcePolicyRule>;

export const NonResourcePolicyRule = obj('NonResourcePolicyRule', 'Requests for paths.', {
  verbs: req(1, arr(str, { listType: 'set' }), 'Verbs; * means all.'),
  nonResourceURLs: req(6, arr(str, { listType: 'set' }), 'Paths; * means all.'),
});
export type NonResourcePolicyRule = TypeOf<typeof NonResourcePolicyRule>;

export const PolicyRulesWithSubjects = obj('PolicyRulesWithSubjects', 'Requests of some subjects.', {
  subjects: req(1, arr(FlowSubject), 'The subjects.'),
  resourceRules: f(2, arr(ResourcePolicyRule), 'Requests for resources.'),
  nonResourceRules: f(3, arr(NonResourcePolicyRule), 'Requests for paths.'),
});
export type PolicyRulesWithSubjects = TypeOf<typeof PolicyRulesWithSubjects>;

export const FlowDistinguisherMethod = obj('FlowDistinguisherMethod', 'What tells flows apart.', {
  type: req(1, oneOf('ByNamespace', 'ByUser'), 'By user or by namespace.'),
});
export type FlowDistinguisherMethod = TypeOf<typeof FlowDistinguisherMethod>;

export const PriorityLevelConfigurationReference = obj(
  'PriorityLevelConfigurationReference',
  'Names a priority level.',
  {
    name: req(1, str, 'Its name.'),
  },
);
export type PriorityLevelConfigurationReference = TypeOf<typeof PriorityLevelConfigurationReference>;

const DEFAULT_PRECEDENCE = 1000;

export const FlowSchemaSpec = obj('FlowSchemaSpec', 'Which requests belong to a flow.', {
  priorityLevelConfiguration: req(1, PriorityLevelConfigurationReference, 'Priority level of the requests.'),
  matchingPrecedence: req(2, int32, 'The lowest number that matches wins.', { default: DEFAULT_PRECEDENCE }),
  distinguisherMethod: f(3, FlowDistinguisherMethod, 'What tells flows apart.'),
  rules: f(4, arr(PolicyRulesWithSubjects), 'Which requests.'),
});
export type FlowSchemaSpec = TypeOf<typeof FlowSchemaSpec>;

export const FlowSchemaCondition = obj('FlowSchemaCondition', "One aspect of a flow schema's state.", {
  type: f(1, str, 'Which aspect.'),
  status: f(2, str, 'True, False or Unknown.'),
  lastTransitionTime: f(3, time, 'When the status last changed.'),
  reason: f(4, str, 'Short reason, in CamelCase.'),
  message: f(5, str, 'Explanation for people.'),
});
export type FlowSchemaCondition = TypeOf<typeof FlowSchemaCondition>;

export const FlowSchemaStatus = obj('FlowSchemaStatus', 'State of a flow schema.', {
  conditions: f(1, mapList(FlowSchemaCondition, 'type'), 'Aspects of its state.'),
});
export type FlowSchemaStatus = TypeOf<typeof FlowSchemaStatus>;

export const FlowSchemaSchema = topLevel(PKG, 'FlowSchema', 'Sorts requests into flows.', {
  spec: f(2, FlowSchemaSpec, 'Which requests.'),
  status: f(3, FlowSchemaStatus, 'Its state.'),
});
export type FlowSchema = TypeOf<typeof FlowSchemaSchema>;

const MAX_PRECEDENCE = 10_000;
const EXEMPT = 'exempt';

function validateFlowSchema(o: FlowSchema): FieldError[] {
  const { spec } = o;
  const found: FieldError[] = [];
  const precedence = spec?.matchingPrecedence ?? DEFAULT_PRECEDENCE;
  if (precedence <= 0) found.push(invalid('spec.matchingPrecedence', precedence, 'must be a positive value'));
  if (precedence > MAX_PRECEDENCE) {
    found.push(invalid('spec.matchingPrecedence', precedence, `must not be greater than ${MAX_PRECEDENCE}`));
  }
  if (precedence === 1 && o.metadata?.name !== EXEMPT) {
    const why = "only the schema named 'exempt' may have matchingPrecedence 1";
    found.push(invalid('spec.matchingPrecedence', precedence, why));
  }
  const level = spec?.priorityLevelConfiguration?.name;
  const at = 'spec.priorityLevelConfiguration.name';
  if (!level) found.push(required(at, 'must reference a priority level'));
  else found.push(...invalidFor(at, level, dnsSubdomain(level)));
  const method = spec?.distinguisherMethod;
  if (method)
    found.push(...oneOfOptional('spec.distinguisherMethod.type', method.type ?? '', ['ByNamespace', 'ByUser']));
  found.push(...(spec?.rules ?? []).flatMap((r, i) => validateFlowRule(r, `spec.rules[${i}]`)));
  return [...found, ...validateMandatoryFlow(o)];
}

function missingLevel(o: FlowSchema): string {
  const c = o.status?.conditions?.find((x) => x.type === 'Dangling');
  return c?.status === 'True' || c?.status === 'False' ? c.status : '?';
}

export const FlowSchemas = defineKind<FlowSchema>({
  group: 'flowcontrol.apiserver.k8s.io',
  version: 'v1',
  kind: 'FlowSchema',
  plural: 'flowschemas',
  namespaced: false,
  hasStatus: true,
  schema: FlowSchemaSchema,
  defaults: ({ spec }) => {
    if (spec) spec.matchingPrecedence ||= DEFAULT_PRECEDENCE;
  },
  prepareCreate: (o) => {
    o.status = {};
  },
  validate: validateFlowSchema,
  validateStatus: ({ status }) => validateConditionTypes(status?.conditions),
  columns: [
    nameColumn,
    column('PriorityLevel', 'Priority level of the requests.', (o) => o.spec?.priorityLevelConfiguration?.name ?? ''),
    column('MatchingPrecedence', 'The lowest that matches wins.', (o) => o.spec?.matchingPrecedence ?? 0),
    column('DistinguisherMethod', 'What tells flows apart.', (o) => o.spec?.distinguisherMethod?.type ?? NONE),
    ageColumn,
    column('MissingPL', 'Whether the priority level is missing.', missingLevel),
  ],
});
