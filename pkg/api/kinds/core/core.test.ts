import { expect, test } from 'vitest';
import type { Kind } from '../../kind.ts';
import type { KubeObject } from '../../meta/objectmeta.ts';
import { Leases } from '../coordination/lease.ts';
import { EndpointSlices } from '../discovery/endpointslice.ts';
import { type BadInput, created, describeKinds, row, spoiled, texts, updated } from '../fixtures.ts';
import { ConfigMaps } from './configmap.ts';
import { EndpointsResource } from './endpoints.ts';
import { type Event, Events } from './event.ts';
import { Namespaces } from './namespace.ts';
import { Nodes } from './node/node.ts';
import { Secrets } from './secret.ts';

const REQUIRED = 'FieldValueRequired';
const INVALID = 'FieldValueInvalid';
const DUPLICATE = 'FieldValueDuplicate';
const UNSUPPORTED = 'FieldValueNotSupported';
const LONG = 'FieldValueTooLong';
const PORTS = 'must be between 1 and 65535, inclusive';
const metadata = { name: 'x', namespace: 'default' };
const now = Date.parse('2026-01-01T01:00:00Z');
const big = 'x'.repeat(1024 * 1024 + 1);
const base64 = (s: string): string => Buffer.from(s).toString('base64');

const endpoints = { metadata, subsets: [{ addresses: [{ ip: '10.0.0.1' }], ports: [{ port: 80 }] }] };
const slice = { metadata, addressType: 'IPv4', endpoints: [{ addresses: ['10.0.0.1'] }], ports: [{ port: 80 }] };
const event = { metadata, involvedObject: { kind: 'Pod', name: 'p', namespace: 'default' }, reason: 'R' };

const cases: [string, Kind<KubeObject>, object, BadInput[]][] = [
  [
    'Endpoints',
    EndpointsResource as unknown as Kind,
    endpoints,
    [
      [{ 'subsets[0].addresses': [] }, REQUIRED, 'subsets[0]', 'must specify `addresses` or `notReadyAddresses`'],
      [{ 'subsets[0].addresses[0].ip': '10' }, INVALID, 'subsets[0].addresses[0].ip', 'must be a valid IP address'],
      [
        { 'subsets[0].addresses[0].ip': '169.254.1.1' },
        INVALID,
        'subsets[0].addresses[0].ip',
        'may not be in the link-local range',
      ],
      [
        { 'subsets[0].addresses[0].nodeName': 'a b' },
        INVALID,
        'subsets[0].addresses[0].nodeName',
        'RFC 1123 subdomain',
      ],
      [
        { 'subsets[0].ports[0].appProtocol': '' },
        INVALID,
        'subsets[0].ports[0].appProtocol',
        'name part must be non-empty',
      ],
      [{ 'subsets[0].ports[0].port': 0 }, INVALID, 'subsets[0].ports[0].port', PORTS],
      [{ 'subsets[0].ports[1]': { name: 'a', port: 1 } }, REQUIRED, 'subsets[0].ports[0].name', 'Required value'],
    ],
  ],
  [
    'EndpointSlice',
    EndpointSlices as unknown as Kind,
    slice,
    [
      [{ addressType: 'MAC' }, UNSUPPORTED, 'addressType', '"FQDN", "IPv4", "IPv6"'],
      [{ addressType: '' }, REQUIRED, 'addressType', 'Required value'],
      [{ 'endpoints[0].addresses': [] }, REQUIRED, 'endpoints[0].addresses', 'must contain at least 1 address'],
      [{ 'endpoints[0].addresses': ['fd00::1'] }, INVALID, 'endpoints[0].addresses[0]', 'must be a valid IPv4 address'],
      [{ 'ports[0].port': 0 }, INVALID, 'ports[0].port', PORTS],
      [{ 'ports[1]': { port: 81 } }, DUPLICATE, 'ports[1].name', '""'],
      [
        { endpoints: Array.from({ length: 1001 }, () => ({ addresses: ['10.0.0.1'] })) },
        'FieldValueTooMany',
        'endpoints',
        '1001: must have at most 1000 items',
      ],
    ],
  ],
  [
    'ConfigMap',
    ConfigMaps as unknown as Kind,
    { metadata, data: { a: '1' } },
    [
      [{ data: { 'a/b': '1' } }, INVALID, 'data[a/b]', 'a valid config key must consist of'],
      [{ data: { '..': '1' } }, INVALID, 'data[..]', "must not be '..'"],
      [{ binaryData: { a: '' } }, INVALID, 'data[a]', 'duplicate of key present in binaryData'],
      [{ data: { a: big } }, LONG, '', 'may not be more than 1048576 bytes'],
      [{ binaryData: { b: base64(big) } }, LONG, '', 'may not be more than 1048576 bytes'],
    ],
  ],
  [
    'Secret',
    Secrets as unknown as Kind,
    { metadata, data: { a: 'MQ==' } },
    [
      [{ data: { 'a b': '' } }, INVALID, 'data[a b]', 'a valid config key must consist of'],
      [{ stringData: { 'a b': '' } }, INVALID, 'data[a b]', 'a valid config key must consist of'],
      [{ data: { a: base64(big) } }, LONG, 'data', 'may not be more than 1048576 bytes'],
      [{ type: 'kubernetes.io/tls' }, REQUIRED, 'data[tls.crt]', 'Required value'],
      [{ type: 'kubernetes.io/tls' }, REQUIRED, 'data[tls.key]', 'Required value'],
      [{ type: 'kubernetes.io/ssh-auth' }, REQUIRED, 'data[ssh-privatekey]', 'Required value'],
      [{ type: 'kubernetes.io/basic-auth' }, REQUIRED, 'data[username]', 'Required value'],
      [{ type: 'kubernetes.io/dockerconfigjson' }, REQUIRED, 'data[.dockerconfigjson]', 'Required value'],
      [
        { type: 'kubernetes.io/dockerconfigjson', data: { '.dockerconfigjson': base64('{') } },
        INVALID,
        'data[.dockerconfigjson]',
        '<secret contents redacted>',
      ],
      [
        { type: 'kubernetes.io/service-account-token' },
        REQUIRED,
        'metadata.annotations[kubernetes.io/service-account.name]',
        'Required value',
      ],
    ],
  ],
  [
    'Namespace',
    Namespaces as unknown as Kind,
    { metadata: { name: 'n' } },
    [
      [
        { 'spec.finalizers': ['me'] },
        INVALID,
        'spec.finalizers',
        'name is neither a standard finalizer name nor is it fully qualified',
      ],
    ],
  ],
  [
    'Node',
    Nodes as unknown as Kind,
    { metadata: { name: 'n' }, spec: { taints: [{ key: 'k', effect: 'NoSchedule' }] } },
    [
      [{ 'spec.taints[0].effect': '' }, REQUIRED, 'spec.taints[0].effect', 'Required value'],
      [{ 'spec.taints[0].effect': 'Never' }, UNSUPPORTED, 'spec.taints[0].effect', '"NoExecute"'],
      [{ 'spec.taints[0].key': '' }, INVALID, 'spec.taints[0].key', 'name part must be non-empty'],
      [
        { 'spec.taints[1]': { key: 'k', effect: 'NoSchedule', value: 'v' } },
        DUPLICATE,
        'spec.taints[1]',
        'taints must be unique by key and effect pair',
      ],
      [
        { 'spec.podCIDRs': ['10.0.0.0/24', '10.0.1.0/24'] },
        INVALID,
        'spec.podCIDRs',
        'may specify no more than one CIDR for each IP family',
      ],
      [{ 'spec.podCIDR': '10.0.0.0', 'spec.podCIDRs': ['10.0.0.0/24'] }, INVALID, 'spec.podCIDRs[0]', '"10.0.0.0"'],
      [{ 'spec.podCIDRs': ['10.0.0.0'] }, INVALID, 'spec.podCIDRs[0]', 'must be a valid CIDR value'],
    ],
  ],
  [
    'Event',
    Events as unknown as Kind,
    event,
    [
      [
        { 'involvedObject.namespace': 'other' },
        INVALID,
        'involvedObject.namespace',
        '"other": does not match event.namespace',
      ],
      [
        { 'involvedObject.namespace': undefined, 'metadata.namespace': 'kube-system' },
        INVALID,
        'involvedObject.namespace',
        'does not match event.namespace',
      ],
      [{ eventTime: '2026-01-01T00:00:00.000000Z' }, REQUIRED, 'reportingController', 'Required value'],
      [{ eventTime: '2026-01-01T00:00:00.000000Z' }, REQUIRED, 'action', 'Required value'],
    ],
  ],
  [
    'Lease',
    Leases as unknown as Kind,
    { metadata, spec: { holderIdentity: 'me', leaseDurationSeconds: 15 } },
    [
      [{ 'spec.leaseDurationSeconds': 0 }, INVALID, 'spec.leaseDurationSeconds', 'must be greater than 0'],
      [{ 'spec.leaseTransitions': -1 }, INVALID, 'spec.leaseTransitions', 'must be greater than or equal to 0'],
    ],
  ],
];

describeKinds(cases);

test('string data of a secret are merged', () => {
  const { object } = created(Secrets, { metadata, data: { a: 'MQ==' }, stringData: { a: '2', b: '3' } });
  expect(object).toEqual({ metadata, type: 'Opaque', data: { a: 'Mg==', b: 'Mw==' } });
});

test.each([
  [
    'ConfigMap',
    ConfigMaps as unknown as Kind,
    { metadata, immutable: true, data: { a: '1' } },
    { 'data.a': '2' },
    'data',
  ],
  ['ConfigMap', ConfigMaps as unknown as Kind, { metadata, immutable: true }, { immutable: false }, 'immutable'],
  ['Secret', Secrets as unknown as Kind, { metadata, immutable: true, data: { a: 'MQ==' } }, { 'data.a': '' }, 'data'],
])('an immutable %s stays as it is', (_, kind, object, changes, field) => {
  const old = created(kind, object).object;
  const { problems } = updated(kind, old, (o) => Object.assign(o, spoiled(o, changes)));
  expect(texts(problems)).toEqual([
    `FieldValueForbidden ${field}: Forbidden: field is immutable when \`immutable\` is set`,
  ]);
});

test('the type of a secret cannot be changed', () => {
  const old = created(Secrets, { metadata }).object;
  const { problems } = updated(Secrets, old, (o) => {
    o.type = 'x';
  });
  expect(texts(problems)).toEqual(['FieldValueInvalid type: Invalid value: "x": field is immutable']);
});

test('a namespace is labelled with its name and held by its finalizer', () => {
  const { object } = created(Namespaces, { metadata: { name: 'n' } });
  expect(object).toEqual({
    metadata: { name: 'n', labels: { 'kubernetes.io/metadata.name': 'n' } },
    spec: { finalizers: ['kubernetes'] },
    status: { phase: 'Active' },
  });
  const { object: after } = updated(Namespaces, object, (o) => {
    o.spec = { finalizers: [] };
  });
  expect(after.spec).toEqual({ finalizers: ['kubernetes'] });
});

test.each([
  [[], {}, 'Unknown', '<none>'],
  [
    [{ type: 'Ready', status: 'True' }],
    { 'node-role.kubernetes.io/worker': '', 'kubernetes.io/role': 'db' },
    'Ready',
    'db,worker',
  ],
  [[{ type: 'Ready', status: 'Unknown' }], {}, 'NotReady', '<none>'],
] as const)('table of a node with %j %j', (conditions, labels, status, roles) => {
  const node = { metadata: { name: 'n', labels: { ...labels } }, status: { conditions: [...conditions] } };
  expect(row(Nodes, node, now)).toMatchObject({ Status: status, Roles: roles, 'Internal-IP': '<none>' });
  expect(row(Nodes, { ...node, spec: { unschedulable: true } }, now).Status).toBe(`${status},SchedulingDisabled`);
});

test.each<[Partial<Event>, Record<string, unknown>]>([
  [
    {
      count: 4,
      firstTimestamp: '2026-01-01T00:00:00Z',
      lastTimestamp: '2026-01-01T00:59:00Z',
      source: { component: 'c', host: 'h' },
    },
    { 'Last Seen': '60s', 'First Seen': '60m', Count: 4, Object: 'pod/p', Source: 'c, h' },
  ],
  [
    { eventTime: '2026-01-01T00:30:00.000000Z', reportingComponent: 'c', reportingInstance: 'i' },
    { 'Last Seen': '30m', 'First Seen': '30m', Count: 1, Source: 'c, i' },
  ],
  [
    { series: { count: 7, lastObservedTime: '2026-01-01T00:58:00.000000Z' }, eventTime: '2026-01-01T00:30:00.000000Z' },
    { 'Last Seen': '2m', Count: 7 },
  ],
])('table of event %j', (over, want) => {
  expect(row(Events, { ...(event as unknown as Event), ...over }, now)).toMatchObject(want);
});

test('tables of endpoints', () => {
  const ips = ['10.0.0.1', '10.0.0.2', '10.0.0.3', '10.0.0.4'];
  const e = { metadata, subsets: [{ addresses: ips.map((ip) => ({ ip })), ports: [{ port: 80 }] }] };
  expect(row(EndpointsResource, e, now).Endpoints).toBe('10.0.0.1:80,10.0.0.2:80,10.0.0.3:80 + 1 more...');
  expect(row(EndpointsResource, { metadata }, now).Endpoints).toBe('<none>');
  const s = { metadata, addressType: 'IPv4' as const, endpoints: [{ addresses: ['10.0.0.1'] }], ports: [{ port: 80 }] };
  expect(row(EndpointSlices, s, now)).toMatchObject({ Endpoints: '10.0.0.1', Ports: '80' });
  expect(row(EndpointSlices, { ...s, endpoints: [], ports: [] }, now)).toMatchObject({
    Endpoints: '<unset>',
    Ports: '<unset>',
  });
});

test('field selectors of events', () => {
  expect(Object.keys(Events.fields).sort()).toEqual([
    'involvedObject.apiVersion',
    'involvedObject.fieldPath',
    'involvedObject.kind',
    'involvedObject.name',
    'involvedObject.namespace',
    'involvedObject.resourceVersion',
    'involvedObject.uid',
    'reason',
    'reportingComponent',
    'source',
    'type',
  ]);
  expect(Events.fields['involvedObject.name']?.(event as unknown as Event)).toBe('p');
});

test('the older of the fields of a pod network wins', () => {
  const spec = { podCIDR: '10.0.0.0/24', podCIDRs: ['10.0.1.0/24', 'fd00::/64'] };
  const { object } = created(Nodes, { metadata: { name: 'n' }, spec });
  expect(object.spec).toMatchObject({ podCIDR: '10.0.0.0/24', podCIDRs: ['10.0.0.0/24'] });
});
