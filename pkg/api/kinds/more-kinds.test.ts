import { expect, test } from 'vitest';
import type { Kind } from '../kind.ts';
import { ValidatingWebhookConfigurations } from './admissionregistration/validatingwebhook.ts';
import { CustomResourceDefinitions } from './apiextensions/customresourcedefinition.ts';
import { HorizontalPodAutoscalers } from './autoscaling/horizontalpodautoscaler.ts';
import { ReplicationControllers } from './core/replicationcontroller.ts';
import { PersistentVolumeClaims } from './core/volume/claim.ts';
import { PersistentVolumes } from './core/volume/volume.ts';
import { type BadInput, created, describeKinds, type KindCase, row, spoiled, texts, updated } from './fixtures.ts';
import { Ingresses } from './networking/ingress.ts';
import { IngressClasses } from './networking/ingressclass.ts';
import { NetworkPolicies } from './networking/networkpolicy.ts';
import { PodDisruptionBudgets } from './policy/poddisruptionbudget.ts';
import { PriorityClasses } from './scheduling/priorityclass.ts';
import { StorageClasses } from './storage/storageclass.ts';

const REQUIRED = 'FieldValueRequired';
const INVALID = 'FieldValueInvalid';
const FORBIDDEN = 'FieldValueForbidden';
const DUPLICATE = 'FieldValueDuplicate';
const UNSUPPORTED = 'FieldValueNotSupported';
const metadata = { name: 'x', namespace: 'default' };

const claim = { metadata, spec: { accessModes: ['ReadWriteOnce'], resources: { requests: { storage: '1Gi' } } } };
const volume = {
  metadata: { name: 'x' },
  spec: { accessModes: ['ReadWriteOnce'], capacity: { storage: '1Gi' }, hostPath: { path: '/x' } },
};
const path = { path: '/', pathType: 'Prefix', backend: { service: { name: 's', port: { number: 80 } } } };
const ingress = { metadata, spec: { rules: [{ host: 'a.example.com', http: { paths: [path] } }] } };
const P = 'spec.rules[0].http.paths[0]';
const to = (resource: object) => ({ [`${P}.backend`]: { resource } });
const driven = (csi: object) => ({
  'spec.hostPath': undefined,
  'spec.csi': { driver: 'a.b', volumeHandle: 'h', ...csi },
});
const SECRET = 'spec.csi.nodePublishSecretRef';
const topologies = (...terms: object[]) => ({
  allowedTopologies: terms.map((e) => ({ matchLabelExpressions: [e].flat() })),
});
const TOPOLOGY = 'allowedTopologies[0].matchLabelExpressions';
const webhook = {
  name: 'a.b.c',
  sideEffects: 'None',
  admissionReviewVersions: ['v1'],
  clientConfig: { url: 'https://x/y' },
};
const crd = {
  metadata: { name: 'things.example.com' },
  spec: {
    group: 'example.com',
    scope: 'Namespaced',
    names: { plural: 'things', kind: 'Thing' },
    versions: [{ name: 'v1', served: true, storage: true, schema: { openAPIV3Schema: { type: 'object' } } }],
  },
};
const hpa = { metadata, spec: { scaleTargetRef: { kind: 'Deployment', name: 'd' }, maxReplicas: 3 } };
const template = { metadata: { labels: { a: 'b' } }, spec: { containers: [{ name: 'c', image: 'x' }] } };

const cases: readonly KindCase[] = [
  [
    'PersistentVolumeClaim',
    PersistentVolumeClaims as unknown as Kind,
    claim,
    [
      [{ 'spec.accessModes': [] }, REQUIRED, 'spec.accessModes', 'at least 1 access mode is required'],
      [{ 'spec.accessModes': ['Write'] }, UNSUPPORTED, 'spec.accessModes', '"ReadOnlyMany"'],
      [
        { 'spec.accessModes': ['ReadWriteOnce', 'ReadWriteOncePod'] },
        FORBIDDEN,
        'spec.accessModes',
        'may not use ReadWriteOncePod with other access modes',
      ],
      [{ 'spec.resources': {} }, REQUIRED, 'spec.resources[storage]', 'Required value'],
      [{ 'spec.resources.requests.storage': '0' }, INVALID, 'spec.resources[storage]', 'must be greater than zero'],
      [{ 'spec.volumeMode': 'Tape' }, UNSUPPORTED, 'spec.volumeMode', '"Block", "Filesystem"'],
    ],
  ],
  [
    'PersistentVolume',
    PersistentVolumes as unknown as Kind,
    volume,
    [
      [{ 'spec.capacity': {} }, REQUIRED, 'spec.capacity', 'Required value'],
      [{ 'spec.capacity': { cpu: '1' } }, UNSUPPORTED, 'spec.capacity', '"storage"'],
      [{ 'spec.hostPath.type': 'Tape' }, UNSUPPORTED, 'spec.hostPath.type', '"BlockDevice"'],
      [
        { 'spec.hostPath': undefined, 'spec.local': { path: '../x' } },
        INVALID,
        'spec.local.path',
        "must not contain '..'",
      ],
      [{ 'spec.nodeAffinity': {} }, REQUIRED, 'spec.nodeAffinity.required', 'must specify required node constraints'],
      [driven({ driver: '' }), REQUIRED, 'spec.csi.driver', 'Required value'],
      [driven({ driver: 'a b' }), INVALID, 'spec.csi.driver', 'RFC 1123 subdomain'],
      [driven({ nodePublishSecretRef: {} }), REQUIRED, `${SECRET}.name`, 'Required value'],
      [driven({ nodePublishSecretRef: { name: 'a b' } }), INVALID, `${SECRET}.name`, 'RFC 1123 subdomain'],
      [driven({ nodePublishSecretRef: { name: 'a' } }), REQUIRED, `${SECRET}.namespace`, 'Required value'],
      [driven({ nodePublishSecretRef: { namespace: 'a.b' } }), INVALID, `${SECRET}.namespace`, 'RFC 1123 label'],
      [{ 'spec.hostPath': undefined }, REQUIRED, 'spec', 'must specify a volume type'],
      [{ 'spec.nfs': { server: 's', path: '/' } }, FORBIDDEN, 'spec.nfs', 'may not specify more than 1 volume type'],
      [
        { 'spec.hostPath': undefined, 'spec.local': { path: '/x' } },
        REQUIRED,
        'spec.nodeAffinity',
        'Local volume requires node affinity',
      ],
      [
        { 'spec.persistentVolumeReclaimPolicy': 'Burn' },
        UNSUPPORTED,
        'spec.persistentVolumeReclaimPolicy',
        '"Delete", "Recycle", "Retain"',
      ],
    ],
  ],
  [
    'Ingress',
    Ingresses as unknown as Kind,
    ingress,
    [
      [{ 'spec.rules': [] }, INVALID, 'spec', 'either `defaultBackend` or `rules` must be specified'],
      [{ 'spec.rules[0].host': '1.2.3.4' }, INVALID, 'spec.rules[0].host', 'must be a DNS name, not an IP address'],
      [
        { 'spec.rules[0].host': 'a.*.b' },
        INVALID,
        'spec.rules[0].host',
        "a wildcard DNS-1123 subdomain must start with '*.'",
      ],
      [{ 'spec.rules[0].http.paths': [] }, REQUIRED, 'spec.rules[0].http.paths', 'Required value'],
      [{ [`${P}.pathType`]: undefined }, REQUIRED, `${P}.pathType`, 'pathType must be specified'],
      [{ [`${P}.pathType`]: 'Regex' }, UNSUPPORTED, `${P}.pathType`, '"Exact", "ImplementationSpecific", "Prefix"'],
      [{ [`${P}.path`]: 'x' }, INVALID, `${P}.path`, 'must be an absolute path'],
      [{ [`${P}.path`]: '/a//b' }, INVALID, `${P}.path`, "must not contain '//'"],
      [{ [`${P}.backend`]: {} }, INVALID, `${P}.backend`, '"": resource or service backend is required'],
      [{ 'spec.ingressClassName': '' }, INVALID, 'spec.ingressClassName', 'RFC 1123 subdomain'],
      [{ 'spec.tls': [{ hosts: ['A b'] }] }, INVALID, 'spec.tls[0].hosts[0]', 'RFC 1123 subdomain'],
      [{ 'spec.rules[0].host': '1.2.3.4' }, INVALID, 'spec.rules[0].host', 'must be a DNS name, not an IP address'],
      [{ [`${P}.pathType`]: '' }, UNSUPPORTED, `${P}.pathType`, '"Exact"'],
      [{ [`${P}.pathType`]: undefined }, REQUIRED, `${P}.pathType`, 'pathType must be specified'],
      [to({ apiGroup: 'a b', kind: 'K', name: 'n' }), INVALID, `${P}.backend.resource.apiGroup`, 'RFC 1123 subdomain'],
      [to({ kind: 'a/b', name: 'n' }), INVALID, `${P}.backend.resource.kind`, "may not contain '/'"],
      [to({ kind: 'K', name: '..' }), INVALID, `${P}.backend.resource.name`, "may not be '..'"],
      [to({ kind: 'K', name: '' }), REQUIRED, `${P}.backend.resource.name`, 'name is required'],
      [{ [`${P}.backend.service.port`]: {} }, REQUIRED, `${P}.backend`, 'port name or number is required'],
      [
        { [`${P}.backend.service.port.name`]: 'http' },
        INVALID,
        `${P}.backend`,
        'cannot set both port name & port number',
      ],
    ],
  ],
  [
    'IngressClass',
    IngressClasses as unknown as Kind,
    { metadata: { name: 'x' }, spec: { controller: 'acme.io/foo' } },
    [
      [
        { 'spec.controller': 'foo' },
        INVALID,
        'spec.controller',
        'must be a domain-prefixed path (such as "acme.io/foo")',
      ],
    ],
  ],
  [
    'NetworkPolicy',
    NetworkPolicies as unknown as Kind,
    { metadata, spec: { podSelector: {}, ingress: [{ from: [{ podSelector: {} }], ports: [{ port: 80 }] }] } },
    [
      [{ 'spec.ingress[0].from[0]': {} }, REQUIRED, 'spec.ingress[0].from[0]', 'must specify a peer'],
      [
        { 'spec.ingress[0].from[0].ipBlock': { cidr: '10.0.0.0/8' } },
        FORBIDDEN,
        'spec.ingress[0].from[0]',
        'may not specify both ipBlock and another peer',
      ],
      [
        { 'spec.ingress[0].from[0]': { ipBlock: { cidr: '10' } } },
        INVALID,
        'spec.ingress[0].from[0].ipBlock.cidr',
        'must be a valid CIDR value',
      ],
      [
        { 'spec.ingress[0].ports[0].port': 0 },
        INVALID,
        'spec.ingress[0].ports[0].port',
        'must be between 1 and 65535, inclusive',
      ],
      [
        { 'spec.ingress[0].ports[0].endPort': 79 },
        INVALID,
        'spec.ingress[0].ports[0].endPort',
        'must be greater than or equal to `port`',
      ],
      [
        { 'spec.ingress[0].ports[0].endPort': 70_000 },
        INVALID,
        'spec.ingress[0].ports[0].endPort',
        'must be between 1 and 65535, inclusive',
      ],
      ...['10.0.0.0/8', '11.0.0.0/16', 'fd00::/64'].map(
        (except): BadInput => [
          { 'spec.ingress[0].from[0]': { ipBlock: { cidr: '10.0.0.0/8', except: ['10.1.0.0/16', except] } } },
          INVALID,
          'spec.ingress[0].from[0].ipBlock.except[1]',
          'must be a strict subset of `cidr`',
        ],
      ),
      [{ 'spec.policyTypes': ['Sideways'] }, UNSUPPORTED, 'spec.policyTypes[0]', '"Egress", "Ingress"'],
    ],
  ],
  [
    'PodDisruptionBudget',
    PodDisruptionBudgets as unknown as Kind,
    { metadata, spec: { minAvailable: 1, selector: {} } },
    [
      [{ 'spec.maxUnavailable': 1 }, INVALID, 'spec', 'minAvailable and maxUnavailable cannot be both set'],
      [{ 'spec.minAvailable': -1 }, INVALID, 'spec.minAvailable', 'must be greater than or equal to 0'],
      [{ 'spec.minAvailable': '200%' }, INVALID, 'spec.minAvailable', 'must not be greater than 100%'],
    ],
  ],
  [
    'PriorityClass',
    PriorityClasses as unknown as Kind,
    { metadata: { name: 'x' }, value: 10 },
    [
      [
        { 'metadata.name': 'system-x' },
        FORBIDDEN,
        'metadata.name',
        "priority class names with 'system-' prefix are reserved for system use only",
      ],
      [{ value: 1_000_000_001 }, FORBIDDEN, 'value', 'maximum allowed value of a user defined priority is 1000000000'],
    ],
  ],
  [
    'StorageClass',
    StorageClasses as unknown as Kind,
    { metadata: { name: 'x' }, provisioner: 'a/b' },
    [
      [{ volumeBindingMode: '' }, UNSUPPORTED, 'volumeBindingMode', '"Immediate"'],
      [topologies({ key: 'a b', values: ['b'] }), INVALID, `${TOPOLOGY}[0].key`, 'name part must consist of'],
      [topologies({ key: 'a', values: [] }), REQUIRED, `${TOPOLOGY}[0].values`, 'Required value'],
      [topologies({ key: 'a', values: ['b', 'b'] }), DUPLICATE, `${TOPOLOGY}[0].values[1]`, '"b"'],
      [topologies([1, 2].map(() => ({ key: 'a', values: ['b'] }))), DUPLICATE, `${TOPOLOGY}[1].key`, '"a"'],
      [
        topologies({ key: 'a', values: ['b', 'c'] }, { key: 'a', values: ['c', 'b'] }),
        DUPLICATE,
        'allowedTopologies[1].matchLabelExpressions',
        '""',
      ],
      [{ allowedTopologies: [{}] }, DUPLICATE, TOPOLOGY, '""'],
      [{ provisioner: '' }, REQUIRED, 'provisioner', 'Required value'],
      [{ volumeBindingMode: 'Late' }, UNSUPPORTED, 'volumeBindingMode', '"Immediate", "WaitForFirstConsumer"'],
    ],
  ],
  [
    'ReplicationController',
    ReplicationControllers as unknown as Kind,
    { metadata, spec: { template } },
    [
      [
        { 'spec.selector': { a: 'c' } },
        INVALID,
        'spec.template.metadata.labels',
        '`selector` does not match template `labels`',
      ],
      [{ 'spec.template': undefined }, REQUIRED, 'spec.template', 'Required value'],
    ],
  ],
  [
    'ValidatingWebhookConfiguration',
    ValidatingWebhookConfigurations as unknown as Kind,
    { metadata: { name: 'x' }, webhooks: [webhook] },
    [
      [
        { 'webhooks[0].name': 'a' },
        INVALID,
        'webhooks[0].name',
        'should be a domain with at least three segments separated by dots',
      ],
      [{ 'webhooks[0].sideEffects': 'Some' }, UNSUPPORTED, 'webhooks[0].sideEffects', '"None", "NoneOnDryRun"'],
      [
        { 'webhooks[0].clientConfig': {} },
        REQUIRED,
        'webhooks[0].clientConfig',
        'exactly one of url or service is required',
      ],
      [
        { 'webhooks[0].clientConfig.url': 'http://x' },
        INVALID,
        'webhooks[0].clientConfig.url',
        "'https' is the only allowed URL scheme",
      ],
      [
        { 'webhooks[0].timeoutSeconds': 31 },
        INVALID,
        'webhooks[0].timeoutSeconds',
        'the timeout value must be between 1 and 30 seconds',
      ],
      [
        { 'webhooks[0].admissionReviewVersions': ['v9'] },
        INVALID,
        'webhooks[0].admissionReviewVersions',
        'must include at least one of v1, v1beta1',
      ],
    ],
  ],
];

describeKinds(cases);

test('a claim can be bound and grown, not otherwise changed', () => {
  const old = created(PersistentVolumeClaims, claim).object;
  const change = (from: typeof old, changes: Record<string, unknown>) =>
    texts(updated(PersistentVolumeClaims, from, (o) => Object.assign(o, spoiled(o, changes))).problems);
  expect(change(old, { 'spec.volumeName': 'v', 'spec.storageClassName': 's' })).toEqual([]);
  expect(change(old, { 'spec.accessModes': ['ReadWriteMany'] })[0]).toContain(
    'FieldValueForbidden spec: Forbidden: spec is immutable after creation',
  );
  const bound = spoiled(old, {
    'spec.volumeName': 'v',
    'status.phase': 'Bound',
    'status.capacity': { storage: '1Gi' },
  });
  expect(change(bound, { 'spec.resources.requests.storage': '2Gi' })).toEqual([]);
  expect(change(bound, { 'spec.resources.requests.storage': '1Mi' })[0]).toContain(
    'field can not be less than status.capacity',
  );
});

test('a storage version once used is remembered', () => {
  const old = created(CustomResourceDefinitions, crd).object;
  expect(old.status?.storedVersions).toEqual(['v1']);
  expect(old.spec.names).toMatchObject({ singular: 'thing', listKind: 'ThingList' });
  const v2 = { ...crd.spec.versions[0], name: 'v2' };
  const { object } = updated(CustomResourceDefinitions, old, (o) => {
    o.spec.versions = [
      { ...(o.spec.versions[0] as (typeof o.spec.versions)[0]), storage: false },
      v2 as (typeof o.spec.versions)[0],
    ];
  });
  expect(object.status?.storedVersions).toEqual(['v1', 'v2']);
});

test('tables', () => {
  expect(row(PersistentVolumeClaims, created(PersistentVolumeClaims, claim).object, 0)).toMatchObject({
    Status: 'Pending',
    Capacity: '',
    VolumeAttributesClass: '<unset>',
    VolumeMode: 'Filesystem',
  });
  expect(row(PersistentVolumes, created(PersistentVolumes, volume).object, 0)).toMatchObject({
    Capacity: '1Gi',
    'Access Modes': 'RWO',
    'Reclaim Policy': 'Retain',
    Claim: '',
  });
  expect(row(Ingresses, created(Ingresses, ingress).object, 0)).toMatchObject({
    Class: '<none>',
    Hosts: 'a.example.com',
    Ports: '80',
  });
  expect(row(HorizontalPodAutoscalers, created(HorizontalPodAutoscalers, hpa).object, 0)).toMatchObject({
    Reference: 'Deployment/d',
    Targets: 'cpu: <unknown>/80%',
    MinPods: '1',
  });
});
