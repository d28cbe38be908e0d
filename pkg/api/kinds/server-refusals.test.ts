import { expect, test } from 'vitest';
import type { Kind } from '../kind.ts';
import { ValidatingAdmissionPolicies } from './admissionregistration/policy.ts';
import { ValidatingAdmissionPolicyBindings } from './admissionregistration/policybinding.ts';
import { ValidatingWebhookConfigurations } from './admissionregistration/validatingwebhook.ts';
import { APIServices } from './apiregistration/apiservice.ts';
import { CertificateSigningRequests } from './certificates/certificatesigningrequest.ts';
import { type BadInput, created, describeKinds, includesProblem, type KindCase, spoiled, texts } from './fixtures.ts';
import { FlowSchemas } from './flowcontrol/flowschema.ts';
import { PriorityLevelConfigurations } from './flowcontrol/prioritylevel.ts';

/** Kinds that tell the server itself what to do. */
const REQUIRED = 'FieldValueRequired';
const INVALID = 'FieldValueInvalid';
const FORBIDDEN = 'FieldValueForbidden';
const UNSUPPORTED = 'FieldValueNotSupported';
const DUPLICATE = 'FieldValueDuplicate';
const TOO_MANY = 'FieldValueTooMany';
const metadata = { name: 'x' };

const flow = {
  metadata,
  spec: {
    priorityLevelConfiguration: { name: 'p' },
    rules: [
      {
        subjects: [{ kind: 'User', user: { name: 'u' } }],
        resourceRules: [{ verbs: ['get'], apiGroups: ['*'], resources: ['*'], namespaces: ['a'] }],
        nonResourceRules: [{ verbs: ['*'], nonResourceURLs: ['/', '/healthz/*'] }],
      },
    ],
  },
};
const S = 'spec.rules[0].subjects[0]';
const R = 'spec.rules[0].resourceRules[0]';
const N = 'spec.rules[0].nonResourceRules[0]';
const account = { namespace: 'n', name: 'a' };
const Q = 'spec.limited.limitResponse.queuing';
const level = {
  metadata,
  spec: {
    type: 'Limited',
    limited: { limitResponse: { type: 'Queue', queuing: { queues: 64, handSize: 8, queueLengthLimit: 50 } } },
  },
};
const api = {
  metadata: { name: 'v1.a.io' },
  spec: {
    group: 'a.io',
    version: 'v1',
    groupPriorityMinimum: 10,
    versionPriority: 10,
    service: { name: 's', namespace: 'n' },
  },
};
const rule = { operations: ['CREATE'], apiGroups: [''], apiVersions: ['v1'], resources: ['pods'] };
const webhook = {
  name: 'a.b.c',
  sideEffects: 'None',
  admissionReviewVersions: ['v1'],
  clientConfig: { service: { name: 's', namespace: 'n', path: '/a/b' } },
  rules: [rule],
};
const W = 'webhooks[0]';
const policy = {
  metadata,
  spec: { validations: [{ expression: 'true' }], matchConstraints: { resourceRules: [rule] } },
};
const M = 'spec.matchConstraints';
const binding = { metadata, spec: { policyName: 'p', validationActions: ['Deny'] } };

const cases: readonly KindCase[] = [
  [
    'FlowSchema',
    FlowSchemas as unknown as Kind,
    flow,
    [
      [{ 'spec.rules[0].subjects[0]': {} }, UNSUPPORTED, 'spec.rules[0].subjects[0].kind', '"Group", "ServiceAccount"'],
      [{ spec: undefined }, REQUIRED, 'spec.priorityLevelConfiguration.name', 'must reference a priority level'],
      [{ 'spec.distinguisherMethod': {} }, UNSUPPORTED, 'spec.distinguisherMethod.type', '"ByNamespace", "ByUser"'],
      [{ 'spec.matchingPrecedence': 1 }, INVALID, 'spec.matchingPrecedence', "only the schema named 'exempt' may have"],
      [
        { 'spec.priorityLevelConfiguration.name': 'A' },
        INVALID,
        'spec.priorityLevelConfiguration.name',
        'RFC 1123 subdomain',
      ],
      [{ [S]: { kind: 'Robot' } }, UNSUPPORTED, `${S}.kind`, '"Group", "ServiceAccount", "User"'],
      [{ [`${S}.group`]: { name: 'g' } }, FORBIDDEN, `${S}.group`, "forbidden when subject kind is not 'Group'"],
      [
        { [S]: { kind: 'ServiceAccount', serviceAccount: { name: 'a' } } },
        REQUIRED,
        `${S}.serviceAccount.namespace`,
        'must specify namespace for service account',
      ],
      [
        { [S]: { kind: 'ServiceAccount', serviceAccount: { ...account, name: 'A' } } },
        INVALID,
        `${S}.serviceAccount.name`,
        'RFC 1123',
      ],
      [
        { [`${R}.verbs`]: ['bind'] },
        UNSUPPORTED,
        `${R}.verbs`,
        'Unsupported value: ["bind"]: supported values: "create"',
      ],
      [{ [`${R}.verbs`]: ['*', 'get'] }, INVALID, `${R}.verbs`, "if '*' is present, must not specify other verbs"],
      [{ [`${R}.apiGroups`]: ['*', 'a'] }, INVALID, `${R}.apiGroups`, 'must not specify other api groups'],
      [{ [`${R}.resources`]: ['*', 'a'] }, INVALID, `${R}.resources`, 'must not specify other resources'],
      [{ [`${R}.namespaces`]: ['*', 'a'] }, INVALID, `${R}.namespaces`, 'must not specify other namespaces'],
      [{ [`${R}.namespaces`]: ['A'] }, INVALID, `${R}.namespaces[0]`, 'RFC 1123 label'],
      [{ [`${N}.nonResourceURLs`]: ['*', '/'] }, INVALID, `${N}.nonResourceURLs`, 'other non-resource URLs'],
      [{ [`${N}.nonResourceURLs`]: ['x'] }, INVALID, `${N}.nonResourceURLs[0]`, 'must start with slash'],
      [{ [`${N}.nonResourceURLs`]: ['/a b'] }, INVALID, `${N}.nonResourceURLs[0]`, 'must not contain white-space'],
      [{ [`${N}.nonResourceURLs`]: ['/a//b'] }, INVALID, `${N}.nonResourceURLs[0]`, 'must not contain double slash'],
      [{ [`${N}.nonResourceURLs`]: ['/*/a'] }, INVALID, `${N}.nonResourceURLs[0]`, 'can only do suffix matching'],
    ],
  ],
  [
    'PriorityLevelConfiguration',
    PriorityLevelConfigurations as unknown as Kind,
    level,
    [
      [{ 'spec.type': 'Exempt' }, INVALID, 'spec.type', "type must be 'Exempt' if and only if name is 'exempt'"],
      [{ 'metadata.name': 'exempt' }, INVALID, 'spec.type', "type must be 'Exempt' if and only if name is 'exempt'"],
      [{ [`${Q}.queues`]: 10_000_001 }, INVALID, `${Q}.queues`, 'must not be greater than 10000000'],
      [
        { [`${Q}.handSize`]: 11 },
        INVALID,
        `${Q}.handSize`,
        'required entropy bits of deckSize 64 and handSize 11 should not be greater than 60',
      ],
    ],
  ],
  [
    'APIService',
    APIServices as unknown as Kind,
    api,
    [
      [{ 'spec.service.port': 70_000 }, INVALID, 'spec.service.port', 'port is not valid: must be between 1 and 65535'],
      [{ 'spec.group': '' }, INVALID, 'metadata.name', 'must be `spec.version'],
      [
        { 'spec.group': '', 'spec.version': 'v2' },
        REQUIRED,
        'spec.group',
        'only v1 may have an empty group and it better be legacy kube',
      ],
      [{ 'spec.group': 'A' }, INVALID, 'spec.group', 'RFC 1123 subdomain'],
      [
        { 'spec.service': undefined, 'spec.caBundle': 'eHl6' },
        INVALID,
        'spec.caBundle',
        '"3 bytes": local APIServices may not have a caBundle',
      ],
    ],
  ],
  [
    'ValidatingWebhookConfiguration',
    ValidatingWebhookConfigurations as unknown as Kind,
    { metadata, webhooks: [webhook] },
    [
      [{ [`${W}.sideEffects`]: undefined }, REQUIRED, `${W}.sideEffects`, 'must specify one of None, NoneOnDryRun'],
      [{ [`${W}.admissionReviewVersions[1]`]: 'v1' }, INVALID, `${W}.admissionReviewVersions[1]`, 'duplicate version'],
      [{ [`${W}.admissionReviewVersions[1]`]: 'V 1' }, INVALID, `${W}.admissionReviewVersions[1]`, 'DNS-1035 label'],
      [{ [`${W}.clientConfig`]: { url: 'http://x' } }, INVALID, `${W}.clientConfig.url`, `"http": 'https' is the only`],
      [
        { [`${W}.clientConfig`]: { url: 'https://' } },
        INVALID,
        `${W}.clientConfig.url`,
        'host must be specified; desired',
      ],
      [
        { [`${W}.clientConfig`]: { url: 'https://u:p@x' } },
        INVALID,
        `${W}.clientConfig.url`,
        'user information is not',
      ],
      [{ [`${W}.clientConfig`]: { url: 'https://x/#f' } }, INVALID, `${W}.clientConfig.url`, '"f": fragments are not'],
      [
        { [`${W}.clientConfig`]: { url: 'https://x?q=1' } },
        INVALID,
        `${W}.clientConfig.url`,
        '"q=1": query parameters',
      ],
      [
        { [`${W}.clientConfig.service.name`]: '' },
        REQUIRED,
        `${W}.clientConfig.service.name`,
        'service name is required',
      ],
      [{ [`${W}.clientConfig.service.port`]: 0 }, INVALID, `${W}.clientConfig.service.port`, 'port is not valid: '],
      [{ [`${W}.clientConfig.service.path`]: 'a' }, INVALID, `${W}.clientConfig.service.path`, "must start with a '/'"],
      [
        { [`${W}.clientConfig.service.path`]: '//' },
        INVALID,
        `${W}.clientConfig.service.path`,
        'segment[0] may not be',
      ],
      [
        { [`${W}.clientConfig.service.path`]: '/a/_' },
        INVALID,
        `${W}.clientConfig.service.path`,
        'segment[1]: a lowercase',
      ],
      [{ [`${W}.rules[0].apiVersions`]: [''] }, REQUIRED, `${W}.rules[0].apiVersions[0]`, 'Required value'],
      [{ [`${W}.rules[0].resources`]: [''] }, REQUIRED, `${W}.rules[0].resources[0]`, 'Required value'],
      [{ [`${W}.rules[0].resources`]: ['*/*', 'a'] }, INVALID, `${W}.rules[0].resources`, "if '*/*' is present"],
      [{ [`${W}.rules[0].resources`]: ['*', 'a'] }, INVALID, `${W}.rules[0].resources`, 'without subresources'],
      [{ [`${W}.rules[0].resources`]: ['a/*', 'a/b'] }, INVALID, `${W}.rules[0].resources[1]`, "if 'a/*' is present"],
      [{ [`${W}.rules[0].resources`]: ['*/b', 'a/b'] }, INVALID, `${W}.rules[0].resources[1]`, "if '*/b' is present"],
      [
        { [`${W}.matchConditions`]: Array.from({ length: 65 }, (_, i) => ({ name: `n${i}`, expression: 'true' })) },
        TOO_MANY,
        `${W}.matchConditions`,
        'Too many: 65: must have at most 64 items',
      ],
    ],
  ],
  [
    'ValidatingAdmissionPolicy',
    ValidatingAdmissionPolicies as unknown as Kind,
    policy,
    [
      [{ 'spec.validations': [] }, REQUIRED, 'spec.validations', 'must contain at least one item'],
      [{ 'spec.validations[0].messageExpression': ' ' }, INVALID, 'spec.validations[0].messageExpression', 'non-empty'],
      [{ [`${M}.matchPolicy`]: 'Loose' }, UNSUPPORTED, `${M}.matchPolicy`, '"Equivalent", "Exact"'],
      [
        { [`${M}.resourceRules[0].resourceNames`]: ['a', 'a'] },
        DUPLICATE,
        `${M}.resourceRules[0].resourceNames[1]`,
        '"a"',
      ],
      [{ [`${M}.excludeResourceRules`]: [{}] }, REQUIRED, `${M}.excludeResourceRules[0].operations`, 'Required value'],
      [
        { 'spec.paramKind': { apiVersion: 'a/b/c', kind: 'K' } },
        INVALID,
        'spec.paramKind.apiVersion',
        'unexpected Group',
      ],
      [{ 'spec.paramKind': { apiVersion: 'a/', kind: 'K' } }, INVALID, 'spec.paramKind.apiVersion', 'version must be'],
      [{ 'spec.paramKind': { apiVersion: 'v1', kind: 'K_' } }, INVALID, 'spec.paramKind.kind', 'may have mixed case'],
      [
        { 'spec.auditAnnotations': Array.from({ length: 21 }, (_, i) => ({ key: `k${i}`, valueExpression: "''" })) },
        INVALID,
        'spec.auditAnnotations',
        'must not have more than 20 auditAnnotations',
      ],
    ],
  ],
  [
    'ValidatingAdmissionPolicyBinding',
    ValidatingAdmissionPolicyBindings as unknown as Kind,
    binding,
    [
      [{ 'spec.policyName': 'A' }, INVALID, 'spec.policyName', 'RFC 1123 subdomain'],
      [{ 'spec.validationActions': [] }, REQUIRED, 'spec.validationActions', 'at least one validation action'],
      [{ 'spec.matchResources': { matchPolicy: 'Loose' } }, UNSUPPORTED, 'spec.matchResouces.matchPolicy', '"Exact"'],
      [
        { 'spec.paramRef': { name: 'a', selector: {}, parameterNotFoundAction: 'Deny' } },
        FORBIDDEN,
        'spec.paramRef.selector',
        'name and selector are mutually exclusive',
      ],
      [
        { 'spec.paramRef': { name: 'a/b', parameterNotFoundAction: 'Deny' } },
        INVALID,
        'spec.paramRef.name',
        "may not contain '/'",
      ],
    ],
  ],
];
describeKinds(cases);

test.each<[string, Kind, object, Record<string, unknown>]>([
  [
    'all service accounts',
    FlowSchemas as never,
    flow,
    { [S]: { kind: 'ServiceAccount', serviceAccount: { ...account, name: '*' } } },
  ],
  [
    'requests without a namespace',
    FlowSchemas as never,
    flow,
    { [`${R}.namespaces`]: [], [`${R}.clusterScope`]: true },
  ],
  ['a hand of ten', PriorityLevelConfigurations as never, level, { [`${Q}.handSize`]: 10 }],
  [
    'the root as a path',
    ValidatingWebhookConfigurations as never,
    { webhooks: [webhook] },
    { [`${W}.clientConfig.service.path`]: '' },
  ],
  [
    'a host alone',
    ValidatingWebhookConfigurations as never,
    { webhooks: [webhook] },
    { [`${W}.clientConfig`]: { url: 'https://x:1' } },
  ],
  [
    'lines without a message',
    ValidatingAdmissionPolicies as never,
    policy,
    { 'spec.validations[0].expression': 'true\n&& true' },
  ],
])('taken: %s', (_what, kind, good, changes) => {
  expect(texts(created(kind, spoiled(good, changes)).problems)).toEqual([]);
});

test.each<[string, string]>([
  ['a', "must be a fully qualified domain and path of the form 'example.com/signer-name'"],
  ['a.b/c/d', "must be a fully qualified domain and path of the form 'example.com/signer-name'"],
  ['a/b', '"a": should be a domain with at least two segments separated by dots'],
  ['a_.b/c', '"a_.b": validating label "a_": a lowercase RFC 1123 label'],
  ['a.b/C', '"C": validating label "C": a lowercase RFC 1123 subdomain'],
])('no signer is called %s', (signerName, message) => {
  const { problems } = created(CertificateSigningRequests, { metadata, spec: { signerName, usages: ['any'] } });
  const wanted: BadInput = [{}, INVALID, 'spec.signerName', message];
  expect(includesProblem(problems, wanted), texts(problems).join('\n')).toBe(true);
});

test('a certificate request may have any name of a path, and says what it is for', () => {
  const { problems } = created(CertificateSigningRequests, { metadata, spec: {} });
  expect(texts(problems)).toEqual(
    expect.arrayContaining([
      'FieldValueRequired spec.usages: Required value: usages must be provided',
      'FieldValueRequired spec.signerName: Required value: signerName must be provided',
    ]),
  );
  expect(CertificateSigningRequests.nameRule).toBe('pathSegment');
});
