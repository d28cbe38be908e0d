import { expect, test } from 'vitest';
import type { Kind } from '../kind.ts';
import { HorizontalPodAutoscalers } from './autoscaling/horizontalpodautoscaler.ts';
import { ConfigMaps } from './core/configmap.ts';
import { LimitRanges } from './core/limitrange.ts';
import { Secrets } from './core/secret.ts';
import { EndpointSlices } from './discovery/endpointslice.ts';
import { created, describeKinds, type KindCase, spoiled, texts, updated } from './fixtures.ts';
import { IngressClasses } from './networking/ingressclass.ts';
import { NetworkPolicies } from './networking/networkpolicy.ts';
import { RuntimeClasses } from './node/runtimeclass.ts';
import { PriorityClasses } from './scheduling/priorityclass.ts';
import { CSIDrivers } from './storage/csidriver.ts';
import { CSINodes } from './storage/csinode.ts';
import { CSIStorageCapacities } from './storage/csistoragecapacity.ts';
import { VolumeAttachments } from './storage/volumeattachment.ts';

const REQUIRED = 'FieldValueRequired';
const INVALID = 'FieldValueInvalid';
const FORBIDDEN = 'FieldValueForbidden';
const DUPLICATE = 'FieldValueDuplicate';
const TOO_MANY = 'FieldValueTooMany';
const TOO_LONG = 'FieldValueTooLong';
const metadata = { name: 'x', namespace: 'default' };
const base64 = (text: string): string => Buffer.from(text).toString('base64');
const many = <T>(count: number, of: (i: number) => T): T[] => Array.from({ length: count }, (_, i) => of(i));

const driver = { name: 'd.example.com', nodeID: 'n', topologyKeys: ['zone'], allocatable: { count: 3 } };
const node = { metadata, spec: { drivers: [driver] } };
const attachment = {
  metadata,
  spec: { attacher: 'a.example.com', nodeName: 'n', source: { persistentVolumeName: 'v' } },
};
const inline = { csi: { driver: 'd.example.com', volumeHandle: 'h' }, accessModes: ['ReadWriteOnce'] };
const INLINE = 'spec.source.inlineVolumeSpec';
const withInline = (over: object) => ({ 'spec.source': { inlineVolumeSpec: { ...inline, ...over } } });
const slice = {
  metadata,
  addressType: 'IPv4',
  endpoints: [{ addresses: ['10.0.0.1'], hints: { forZones: [{ name: 'a' }] } }],
  ports: [{ name: 'http', port: 80, appProtocol: 'kubernetes.io/h2c' }],
};
const E0 = 'endpoints[0]';
const parameters = { kind: 'K', name: 'n', scope: 'Cluster' };
const range = { metadata, spec: { limits: [{ type: 'Container', min: { cpu: '1' }, max: { cpu: '4' } }] } };
const L = 'spec.limits[0]';
const docker = { metadata, type: 'kubernetes.io/dockerconfigjson', data: { '.dockerconfigjson': base64('{}') } };
const hpa = { metadata, spec: { scaleTargetRef: { kind: 'Deployment', name: 'd' }, maxReplicas: 3 } };
const P = 'spec.ingress[0].ports[0]';

const TOKEN = 'spec.tokenRequests[0]';

const cases: readonly KindCase[] = [
  [
    'CSINode',
    CSINodes as unknown as Kind,
    node,
    [
      [{ 'spec.drivers[0].name': '' }, REQUIRED, 'spec.drivers[0].name', 'Required value'],
      [{ 'spec.drivers[0].name': 'a_b' }, INVALID, 'spec.drivers[0].name', 'RFC 1123 subdomain'],
      [{ 'spec.drivers[0].name': 'a'.repeat(64) }, TOO_LONG, 'spec.drivers[0].name', 'more than 63 bytes'],
      [
        { 'spec.drivers[0].nodeID': 'n'.repeat(193) },
        INVALID,
        'spec.drivers[0].nodeID',
        'must be 192 characters or less',
      ],
      [
        { 'spec.drivers[0].allocatable.count': -1 },
        INVALID,
        'spec.drivers[0].allocatable.count',
        'must be greater than or equal to 0',
      ],
      [{ 'spec.drivers[0].topologyKeys': ['a', 'a'] }, DUPLICATE, 'spec.drivers[0]', '"a"'],
      [{ 'spec.drivers[0].topologyKeys': ['a b'] }, INVALID, 'spec.drivers[0]', 'name part must consist of'],
      [{ 'spec.drivers': [driver, driver] }, DUPLICATE, 'spec.drivers[1].name', 'd.example.com'],
    ],
  ],
  [
    'CSIDriver',
    CSIDrivers as unknown as Kind,
    { metadata: { name: 'd.example.com' }, spec: { tokenRequests: [{ audience: 'a', expirationSeconds: 600 }] } },
    [
      [{ [`${TOKEN}.expirationSeconds`]: 599 }, INVALID, `${TOKEN}.expirationSeconds`, 'less than 10 minutes'],
      [{ [`${TOKEN}.expirationSeconds`]: 2 ** 32 + 1 }, INVALID, `${TOKEN}.expirationSeconds`, 'larger than 2^32'],
      [{ 'spec.tokenRequests[1]': { audience: 'a' } }, DUPLICATE, 'spec.tokenRequests[1].audience', '"a"'],
    ],
  ],
  [
    'CSIStorageCapacity',
    CSIStorageCapacities as unknown as Kind,
    { metadata, storageClassName: 's', capacity: '1Gi', maximumVolumeSize: '0' },
    [
      [{ storageClassName: '' }, INVALID, 'storageClassName', 'RFC 1123 subdomain'],
      [{ capacity: '-1' }, INVALID, 'capacity', 'must be greater than or equal to 0'],
      [{ maximumVolumeSize: '-1' }, INVALID, 'maximumVolumeSize', 'must be greater than or equal to 0'],
    ],
  ],
  [
    'VolumeAttachment',
    VolumeAttachments as unknown as Kind,
    attachment,
    [
      [{ 'spec.attacher': 'a b' }, INVALID, 'spec.attacher', 'RFC 1123 subdomain'],
      [{ 'spec.nodeName': 'A' }, INVALID, 'spec.nodeName', 'RFC 1123 subdomain'],
      [{ 'spec.source': {} }, REQUIRED, 'spec.source', 'must specify exactly one of'],
      [{ 'spec.source.inlineVolumeSpec': inline }, FORBIDDEN, 'spec.source', 'must specify exactly one of'],
      [
        { 'spec.source.persistentVolumeName': '' },
        REQUIRED,
        'spec.source.persistentVolumeName',
        'must specify non empty persistentVolumeName',
      ],
      [{ 'spec.source.persistentVolumeName': 'A' }, INVALID, 'spec.source.persistentVolumeName', 'RFC 1123'],
      [
        withInline({ csi: undefined }),
        REQUIRED,
        `${INLINE}.csi`,
        'has to be specified in the context of inline volumes',
      ],
      [withInline({ claimRef: {} }), FORBIDDEN, `${INLINE}.claimRef`, 'may not be specified in the context'],
      [withInline({ capacity: { storage: '1' } }), FORBIDDEN, `${INLINE}.capacity`, 'may not be specified'],
      [withInline({ storageClassName: 's' }), FORBIDDEN, `${INLINE}.storageClassName`, 'may not be specified'],
      [withInline({ accessModes: [] }), REQUIRED, `${INLINE}.accessModes`, 'Required value'],
      [withInline({ volumeMode: 'Block' }), FORBIDDEN, `${INLINE}.volumeMode`, 'other than Filesystem'],
    ],
  ],
  [
    'EndpointSlice',
    EndpointSlices as unknown as Kind,
    slice,
    [
      [
        { [`${E0}.hints`]: { forZones: many(9, (i) => ({ name: `z${i}` })) } },
        TOO_MANY,
        `${E0}.hints.forZones`,
        'Too many: 9: must have at most 8 items',
      ],
      [{ [`${E0}.hints.forZones[1]`]: { name: 'a' } }, DUPLICATE, `${E0}.hints.forZones[1].name`, '"a"'],
      [{ [`${E0}.hints.forZones[0].name`]: 'a b' }, INVALID, `${E0}.hints.forZones[0].name`, 'a valid label'],
      [{ [`${E0}.hostname`]: '' }, INVALID, `${E0}.hostname`, 'RFC 1123 label'],
      [{ [`${E0}.nodeName`]: '' }, INVALID, `${E0}.nodeName`, 'RFC 1123 subdomain'],
      [{ [`${E0}.addresses`]: many(101, (i) => `10.0.1.${i}`) }, TOO_MANY, `${E0}.addresses`, 'at most 100 items'],
      [{ [`${E0}.addresses`]: ['127.0.0.1'] }, INVALID, `${E0}.addresses[0]`, 'loopback'],
      [{ addressType: 'FQDN', [`${E0}.addresses`]: [''] }, REQUIRED, `${E0}.addresses[0]`, 'Required value'],
      [{ addressType: 'FQDN', [`${E0}.addresses`]: ['a'] }, INVALID, `${E0}.addresses[0]`, 'at least two segments'],
      [{ addressType: 'FQDN', [`${E0}.addresses`]: ['a..b'] }, INVALID, `${E0}.addresses[0]`, 'RFC 1123 subdomain'],
      [{ 'ports[0].appProtocol': 'a b' }, INVALID, 'ports[0].appProtocol', 'name part must consist of'],
      [{ 'ports[1]': { name: 'http' } }, DUPLICATE, 'ports[1].name', '"http"'],
    ],
  ],
  [
    'RuntimeClass',
    RuntimeClasses as unknown as Kind,
    { metadata, handler: 'h', overhead: { podFixed: { cpu: '1' } } },
    [
      [
        { scheduling: { tolerations: [{ operator: 'Exists' }, { operator: 'Exists' }] } },
        DUPLICATE,
        'scheduling.tolerations[1]',
        '"Exists"',
      ],
      [{ 'overhead.podFixed.cpu': '-1' }, INVALID, 'overhead.limits[cpu]', 'must be greater than or equal to 0'],
      [{ 'overhead.podFixed': { 'hugepages-2Mi': '2Mi' } }, FORBIDDEN, 'overhead', 'HugePages require cpu or memory'],
    ],
  ],
  [
    'PriorityClass',
    PriorityClasses as unknown as Kind,
    { metadata: { name: 'system-node-critical' }, value: 2_000_001_000 },
    [
      [
        { value: 7 },
        FORBIDDEN,
        'metadata.name',
        'for system use only. error: value of system-node-critical PriorityClass must be 2000001000',
      ],
      [{ globalDefault: true }, FORBIDDEN, 'metadata.name', 'PriorityClass must be false'],
      [
        { 'metadata.name': 'system-x' },
        FORBIDDEN,
        'metadata.name',
        'error: system-x is not a known system priority class',
      ],
      [{ preemptionPolicy: '' }, REQUIRED, 'preemptionPolicy', 'Required value'],
    ],
  ],
  [
    'IngressClass',
    IngressClasses as unknown as Kind,
    { metadata, spec: { controller: 'example.com/x', parameters: { ...parameters, apiGroup: 'a.b' } } },
    [
      [{ 'spec.controller': '' }, REQUIRED, 'spec.controller', 'Required value'],
      [{ 'spec.controller': 'a_b/c' }, INVALID, 'spec.controller', '"a_b": a lowercase RFC 1123 subdomain'],
      [{ 'spec.controller': 'a.b/c d' }, INVALID, 'spec.controller', '"c d": Invalid path (regex used for validation'],
      [{ 'spec.parameters.kind': '' }, REQUIRED, 'spec.parameters.kind', 'kind is required'],
      [{ 'spec.parameters.name': 'a/b' }, INVALID, 'spec.parameters.name', "may not contain '/'"],
      [{ 'spec.parameters.apiGroup': '' }, INVALID, 'spec.parameters.apiGroup', 'RFC 1123 subdomain'],
      [{ 'spec.parameters.namespace': '' }, FORBIDDEN, 'spec.parameters.namespace', "is set to 'Cluster'"],
      [
        { 'spec.parameters': { ...parameters, scope: 'Namespace', namespace: 'A' } },
        INVALID,
        'spec.parameters.namespace',
        'RFC 1123 label',
      ],
    ],
  ],
  [
    'NetworkPolicy',
    NetworkPolicies as unknown as Kind,
    { metadata, spec: { podSelector: {}, ingress: [{ ports: [{ port: 80, endPort: 90 }] }] } },
    [
      [{ [`${P}.port`]: undefined }, INVALID, `${P}.endPort`, '90: may not be specified when `port` is not specified'],
      [{ [`${P}.port`]: 'http' }, INVALID, `${P}.endPort`, 'may not be specified when `port` is non-numeric'],
      [{ [`${P}.endPort`]: 70 }, INVALID, `${P}.endPort`, '80: must be greater than or equal to `port`'],
    ],
  ],
  [
    'LimitRange',
    LimitRanges as unknown as Kind,
    range,
    [
      [{ [`${L}.type`]: 'Thing' }, INVALID, `${L}.type`, 'must be a standard limit type or fully qualified'],
      [{ [`${L}.type`]: '' }, INVALID, `${L}.type`, 'name part must be non-empty'],
      [
        { [`${L}.defaultRequest`]: { cpu: '100m' } },
        INVALID,
        `${L}.defaultRequest[cpu]`,
        'min value 1 is greater than',
      ],
      [{ [`${L}.default`]: { cpu: '500m' } }, INVALID, `${L}.default[cpu]`, '"1": min value 1 is greater than default'],
      [{ [`${L}.default`]: { cpu: '5' } }, INVALID, `${L}.default[cpu]`, '"4": default value 5 is greater than max'],
      [{ [`${L}.maxLimitRequestRatio`]: { cpu: '500m' } }, INVALID, `${L}.maxLimitRequestRatio[cpu]`, 'is less than 1'],
      [
        { [`${L}.maxLimitRequestRatio`]: { cpu: '5' } },
        INVALID,
        `${L}.maxLimitRequestRatio[cpu]`,
        'ratio 5 is greater than max/min = 4.000000',
      ],
      [
        { [`${L}.default`]: { 'x.io/gpu': '2' }, [`${L}.defaultRequest`]: { 'x.io/gpu': '1' } },
        INVALID,
        `${L}.defaultRequest[x.io/gpu]`,
        'default value 2 must equal to defaultRequest value 1 in x.io/gpu',
      ],
    ],
  ],
  [
    'ConfigMap',
    ConfigMaps as unknown as Kind,
    { metadata, data: { a: 'x' }, binaryData: { b: 'eA==' } },
    [
      [{ 'binaryData.a': 'eA==' }, INVALID, 'binaryData[a]', 'duplicate of key present in data'],
      [{ 'binaryData.a': 'eA==' }, INVALID, 'data[a]', 'duplicate of key present in binaryData'],
    ],
  ],
  [
    'Secret',
    Secrets as unknown as Kind,
    docker,
    [
      [{ data: { '.dockerconfigjson': base64('[]') } }, INVALID, 'data[.dockerconfigjson]', 'cannot unmarshal array'],
      [{ data: { '.dockerconfigjson': base64('1') } }, INVALID, 'data[.dockerconfigjson]', 'cannot unmarshal number'],
    ],
  ],
  [
    'HorizontalPodAutoscaler',
    HorizontalPodAutoscalers as unknown as Kind,
    hpa,
    [[{ 'spec.scaleTargetRef.name': 'a/b' }, INVALID, 'spec.scaleTargetRef.name', "may not contain '/'"]],
  ],
];
describeKinds(cases);

test.each<[string, Kind, object, Record<string, unknown>]>([
  ['drivers with capitals', CSINodes as never, node, { 'spec.drivers[0].name': 'D.Example.com' }],
  ['an inline volume', VolumeAttachments as never, attachment, withInline({})],
  [
    'a domain name with its dot',
    EndpointSlices as never,
    slice,
    { addressType: 'FQDN', [`${E0}.addresses`]: ['a.b.'] },
  ],
  ['a docker config that is null', Secrets as never, docker, { data: { '.dockerconfigjson': base64('null') } }],
  [
    'a ratio beside bounds of nothing',
    LimitRanges as never,
    range,
    { [`${L}.min.cpu`]: '0', [`${L}.max.cpu`]: '0', [`${L}.maxLimitRequestRatio`]: { cpu: '2' } },
  ],
  ['hints without a name', EndpointSlices as never, slice, { [`${E0}.hints.forZones`]: [{}] }],
  ['limits of types of others', LimitRanges as never, range, { [`${L}.type`]: 'x.io/thing' }],
])('taken: %s', (_what, kind, good, changes) => {
  expect(texts(created(kind, spoiled(good, changes)).problems)).toEqual([]);
});

test('of the topology that v1beta1 wrote, there is not too much', () => {
  const deprecatedTopology = Object.fromEntries(many(17, (i) => [`k${i}`, 'v']));
  const wide = spoiled(created(EndpointSlices, slice).object, { [`${E0}.deprecatedTopology`]: deprecatedTopology });
  expect(texts(EndpointSlices.validate?.(wide) ?? []).join()).toMatch(/TooMany endpoints\[0\]\.deprecatedTopology/);
});

test('what a driver says of a node stays; drivers come and go', () => {
  const old = created(CSINodes, node).object;
  const change = (changes: Record<string, unknown>) =>
    texts(updated(CSINodes, old, (o) => Object.assign(o, spoiled(o, changes))).problems);
  expect(change({ 'spec.drivers[1]': { ...driver, name: 'e.example.com' } })).toEqual([]);
  expect(change({ 'spec.drivers': [] })).toEqual([]);
  // To let it change is a feature that v1.33 has switched off (MutableCSINodeAllocatableCount).
  expect(change({ 'spec.drivers[0].allocatable.count': 4 })).toEqual([
    expect.stringMatching(/^FieldValueInvalid CSINodeDriver: Invalid value: {.*"count":4.*}: field is immutable$/),
  ]);
});

test('of an attachment errors and metadata have their size', () => {
  const { object } = created(VolumeAttachments, attachment);
  const refused = (status: object) =>
    texts(VolumeAttachments.validateStatus?.(spoiled(object, { status }), object) ?? []);
  expect(refused({ attached: true, attachError: { message: 'x'.repeat(1024) } })).toEqual([]);
  expect(refused({ attached: true, detachError: { message: 'x'.repeat(1025) } })).toEqual([
    'FieldValueTooLong status.detachError.message: Too long: may not be more than 1024 bytes',
  ]);
  expect(refused({ attached: true, attachmentMetadata: { a: 'x'.repeat(1 << 18) } })).toEqual([
    'FieldValueTooLong status.attachmentMetadata: Too long: may not be more than 262144 bytes',
  ]);
});

test('of a priority class its value stays; that of the system may be described anew', () => {
  const old = created(PriorityClasses, { metadata: { name: 'system-other' }, value: 1 }).object;
  const change = (changes: Record<string, unknown>) =>
    texts(updated(PriorityClasses, old, (o) => Object.assign(o, spoiled(o, changes))).problems);
  expect(change({ description: 'x' })).toEqual([]);
  expect(change({ value: 2 })).toEqual(['FieldValueForbidden Value: Forbidden: may not be changed in an update.']);
});
