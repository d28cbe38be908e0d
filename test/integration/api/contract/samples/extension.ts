import { GARBAGE, hook, type Sample, webhooks } from './shared.ts';

const ROOT = 'spec.versions[0].schema.openAPIV3Schema';
/** Where Kubernetes' internal form of a definition has what all its versions share. */
const SHARED = 'spec.validation.openAPIV3Schema';
const LIST = { type: 'array', 'x-kubernetes-list-type': 'map', 'x-kubernetes-list-map-keys': ['k'] };

/** What extends and guards the API. */
export const EXTENSION: Readonly<Record<string, Sample>> = {
  'certificatesigningrequests.certificates.k8s.io': {
    good: { spec: { signerName: 'example.com/x', usages: ['client auth'], request: '' } },
    bad: [
      ['spec.request', 'AA==', 'spec.request'],
      ['spec.request', Buffer.from(GARBAGE).toString('base64'), 'spec.request'],
      ['spec.usages', [], 'spec.usages'],
      ['spec.signerName', 'x', 'spec.signerName'],
      ['spec.signerName', 'kubernetes.io/legacy-unknown', 'spec.signerName'],
      ['spec.usages', ['client auth', 'client auth'], 'spec.usages[1]'],
    ],
  },
  'mutatingwebhookconfigurations.admissionregistration.k8s.io': webhooks('mutating'),
  'validatingwebhookconfigurations.admissionregistration.k8s.io': webhooks('validating'),
  'validatingadmissionpolicies.admissionregistration.k8s.io': {
    good: {
      spec: {
        failurePolicy: 'Ignore',
        matchConstraints: { resourceRules: hook.rules },
        validations: [{ expression: 'true' }],
      },
    },
    bad: [
      ['spec.validations', [], 'spec.validations'],
      ['spec.failurePolicy', 'Shrug', 'spec.failurePolicy'],
      ['spec.matchConstraints', undefined, 'spec.matchConstraints'],
    ],
  },
  'validatingadmissionpolicybindings.admissionregistration.k8s.io': {
    good: { spec: { policyName: 'p', validationActions: ['Deny'] } },
    bad: [
      ['spec.policyName', '', 'spec.policyName'],
      ['spec.validationActions', [], 'spec.validationActions'],
      ['spec.validationActions', ['Deny', 'Warn'], 'spec.validationActions'],
    ],
  },
  'customresourcedefinitions.apiextensions.k8s.io': {
    good: {
      metadata: { name: 'things.contract.example' },
      spec: {
        group: 'contract.example',
        scope: 'Namespaced',
        names: { plural: 'things', kind: 'Thing' },
        versions: [{ name: 'v1', served: true, storage: true, schema: { openAPIV3Schema: { type: 'object' } } }],
      },
    },
    bad: [
      ['spec.scope', 'Galaxy', 'spec.scope'],
      ['spec.versions', [], 'spec.versions'],
      ['spec.versions[0].storage', false, 'spec.versions'],
      ['spec.names.kind', 'No_Good', 'spec.names.kind'],
      ['spec.names.plural', 'others', 'metadata.name'],
      [`${ROOT}.properties`, { n: null }, `${SHARED}.properties[n].type`],
      [`${ROOT}.properties`, { l: { type: 'array', items: 'x' } }, `${SHARED}.properties[l].items`],
      [
        `${ROOT}.properties`,
        { l: { ...LIST, items: { type: 'object' } } },
        `${SHARED}.properties[l].x-kubernetes-list-map-keys`,
      ],
      [
        'spec.versions[0].additionalPrinterColumns',
        [{ name: 'A', type: 'string', jsonPath: 'a' }],
        'spec.additionalPrinterColumns[0].JSONPath',
      ],
    ],
  },
  'apiservices.apiregistration.k8s.io': {
    good: {
      metadata: { name: 'v1.contract.test' },
      spec: {
        group: 'contract.test',
        version: 'v1',
        groupPriorityMinimum: 1,
        versionPriority: 1,
        service: { namespace: 'default', name: 'none' },
      },
    },
    bad: [
      ['spec.version', 'v2', 'metadata.name'],
      ['spec.groupPriorityMinimum', 0, 'spec.groupPriorityMinimum'],
      ['spec.versionPriority', 1001, 'spec.versionPriority'],
      ['spec.service.name', '', 'spec.service.name'],
    ],
  },
  'flowschemas.flowcontrol.apiserver.k8s.io': {
    good: { spec: { priorityLevelConfiguration: { name: 'global-default' }, matchingPrecedence: 9000 } },
    bad: [
      ['spec.matchingPrecedence', 10_001, 'spec.matchingPrecedence'],
      ['spec.priorityLevelConfiguration.name', '', 'spec.priorityLevelConfiguration.name'],
      ['spec.rules', [{ subjects: [{ kind: 'User' }], nonResourceRules: [] }], 'spec.rules[0].subjects[0].user'],
      [
        'spec.rules',
        [
          {
            subjects: [{ kind: 'User', user: { name: 'a' } }],
            resourceRules: [{ verbs: ['*'], apiGroups: ['*'], resources: ['*'] }],
          },
        ],
        'spec.rules[0].resourceRules[0].namespaces',
      ],
    ],
  },
  'prioritylevelconfigurations.flowcontrol.apiserver.k8s.io': {
    good: { spec: { type: 'Limited', limited: { nominalConcurrencyShares: 5, limitResponse: { type: 'Reject' } } } },
    bad: [
      ['spec.type', 'Loose', 'spec.type'],
      ['spec.limited.limitResponse.type', 'Shrug', 'spec.limited.limitResponse.type'],
      ['spec.limited.nominalConcurrencyShares', -1, 'spec.limited.nominalConcurrencyShares'],
      ['spec.limited.lendablePercent', 101, 'spec.limited.lendablePercent'],
      ['spec.limited.borrowingLimitPercent', -1, 'spec.limited.borrowingLimitPercent'],
      [
        'spec.limited.limitResponse',
        { type: 'Queue', queuing: { queues: 2, handSize: 3, queueLengthLimit: 5 } },
        'spec.limited.limitResponse.queuing.handSize',
      ],
    ],
  },
};
