import { describe, expect, test } from 'vitest';
import type { Kind } from '../../kind.ts';
import type { KubeObject } from '../../meta/objectmeta.ts';
import { Leases } from '../coordination/lease.ts';
import { EndpointSlices } from '../discovery/endpointslice.ts';
import { type BadInput, created, includesProblem, row, spoiled, texts, updated } from '../fixtures.ts';
import { ConfigMaps } from './configmap.ts';
import { EndpointsResource } from './endpoints.ts';
import { type Event, Events } from './event.ts';
import { Namespaces } from './namespace.ts';
import { Nodes } from './node/node.ts';
import { Secrets } from './secret.ts';
import { Services } from './service/service.ts';

const REQUIRED = 'FieldValueRequired';
const INVALID = 'FieldValueInvalid';
const FORBIDDEN = 'FieldValueForbidden';
const DUPLICATE = 'FieldValueDuplicate';
const UNSUPPORTED = 'FieldValueNotSupported';
const LONG = 'FieldValueTooLong';
const PORTS = 'must be between 1 and 65535, inclusive';
const metadata = { name: 'x', namespace: 'default' };
const now = Date.parse('2026-01-01T01:00:00Z');
const big = 'x'.repeat(1024 * 1024 + 1);
const base64 = (s: string): string => Buffer.from(s).toString('base64');

const service = { metadata, spec: { selector: { a: 'b' }, ports: [{ port: 80 }] } };
const endpoints = { metadata, subsets: [{ addresses: [{ ip: '10.0.0.1' }], ports: [{ port: 80 }] }] };
const slice = { metadata, addressType: 'IPv4', endpoints: [{ addresses: ['10.0.0.1'] }], ports: [{ port: 80 }] };
const event = { metadata, involvedObject: { kind: 'Pod', name: 'p', namespace: 'default' }, reason: 'R' };

const cases: [string, Kind<KubeObject>, object, BadInput[]][] = [
  [
    'Service',
    Services as unknown as Kind,
    service,
    [
      [{ 'spec.ports': [] }, REQUIRED, 'spec.ports', 'Required value'],
      [{ 'spec.type': 'Fast' }, UNSUPPORTED, 'spec.type', '"ClusterIP", "ExternalName", "LoadBalancer", "NodePort"'],
      [{ 'spec.ports[0].port': 0 }, INVALID, 'spec.ports[0].port', `0: ${PORTS}`],
      [{ 'spec.ports[0].port': 65_536 }, INVALID, 'spec.ports[0].port', PORTS],
      [{ 'spec.ports[0].protocol': 'ICMP' }, UNSUPPORTED, 'spec.ports[0].protocol', '"SCTP", "TCP", "UDP"'],
      [{ 'spec.ports[0].targetPort': 70_000 }, INVALID, 'spec.ports[0].targetPort', PORTS],
      [
        { 'spec.ports[0].targetPort': 'a--b' },
        INVALID,
        'spec.ports[0].targetPort',
        'must not contain consecutive hyphens',
      ],
      [
        { 'spec.ports[0].nodePort': 30_000 },
        FORBIDDEN,
        'spec.ports[0].nodePort',
        "may not be used when `type` is 'ClusterIP'",
      ],
      [{ 'spec.ports[1]': { port: 81 } }, REQUIRED, 'spec.ports[0].name', 'Required value'],
      [
        {
          'spec.ports': [
            { name: 'a', port: 1 },
            { name: 'a', port: 2 },
          ],
        },
        DUPLICATE,
        'spec.ports[1].name',
        '"a"',
      ],
      [
        {
          'spec.ports': [
            { name: 'a', port: 1 },
            { name: 'b', port: 1 },
          ],
        },
        DUPLICATE,
        'spec.ports[1]',
        '"port":1',
      ],
      [{ 'spec.ports[0].name': 'Web' }, INVALID, 'spec.ports[0].name', 'RFC 1123 label'],
      [
        {
          'spec.type': 'NodePort',
          'spec.ports': [
            { name: 'a', port: 1, nodePort: 30_001 },
            { name: 'b', port: 2, nodePort: 30_001 },
          ],
        },
        DUPLICATE,
        'spec.ports[1].nodePort',
        '30001',
      ],
      [{ 'spec.selector': { a: '!' } }, INVALID, 'spec.selector', 'a valid label must be'],
      [{ 'spec.sessionAffinity': 'Cookie' }, UNSUPPORTED, 'spec.sessionAffinity', '"ClientIP", "None"'],
      [
        { 'spec.sessionAffinity': 'ClientIP', 'spec.sessionAffinityConfig': { clientIP: { timeoutSeconds: 90_000 } } },
        INVALID,
        'spec.sessionAffinityConfig.clientIP.timeoutSeconds',
        'must be greater than 0 and less than 86400',
      ],
      [
        { 'spec.type': 'NodePort', 'spec.clusterIP': 'None' },
        INVALID,
        'spec.clusterIPs[0]',
        "may not be set to 'None' for NodePort services",
      ],
      [
        { 'spec.type': 'LoadBalancer', 'spec.ports[0].port': 10_250 },
        INVALID,
        'spec.ports[0]',
        'may not expose port 10250 externally since it is used by kubelet',
      ],
      [{ 'spec.type': 'ExternalName' }, REQUIRED, 'spec.externalName', 'Required value'],
      [{ 'spec.type': 'ExternalName', 'spec.externalName': 'a_b' }, INVALID, 'spec.externalName', 'RFC 1123 subdomain'],
      [
        { 'spec.type': 'ExternalName', 'spec.externalName': 'a.b', 'spec.clusterIP': '10.96.0.9' },
        FORBIDDEN,
        'spec.clusterIPs',
        'may not be set for ExternalName services',
      ],
      [{ 'spec.clusterIP': '10.0.0' }, INVALID, 'spec.clusterIPs[0]', 'must be a valid IP address'],
      [{ 'spec.externalIPs': ['127.0.0.1'] }, INVALID, 'spec.externalIPs[0]', 'may not be in the loopback range'],
      [{ 'spec.externalIPs': ['x'] }, INVALID, 'spec.externalIPs[0]', 'must be a valid IP address'],
      [
        { 'spec.externalTrafficPolicy': 'Local' },
        INVALID,
        'spec.externalTrafficPolicy',
        'may only be set for externally-accessible services',
      ],
      [
        { 'spec.type': 'NodePort', 'spec.externalTrafficPolicy': 'Near' },
        UNSUPPORTED,
        'spec.externalTrafficPolicy',
        '"Cluster", "Local"',
      ],
      [{ 'spec.internalTrafficPolicy': 'Near' }, UNSUPPORTED, 'spec.internalTrafficPolicy', '"Cluster", "Local"'],
      [
        { 'spec.loadBalancerSourceRanges': ['10.0.0.0/8'] },
        FORBIDDEN,
        'spec.loadBalancerSourceRanges',
        "may only be used when `type` is 'LoadBalancer'",
      ],
      [
        { 'spec.type': 'LoadBalancer', 'spec.loadBalancerSourceRanges': ['10.0.0.0/33'] },
        INVALID,
        'spec.loadBalancerSourceRanges[0]',
        'must be a valid CIDR value',
      ],
      [
        { 'spec.allocateLoadBalancerNodePorts': true },
        FORBIDDEN,
        'spec.allocateLoadBalancerNodePorts',
        "may only be used when `type` is 'LoadBalancer'",
      ],
    ],
  ],
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

describe.each(cases)('%s', (_, kind, good, bad) => {
  test('good', () => {
    expect(texts(created(kind, good).problems)).toEqual([]);
  });
  test.each(bad)('%j: %s %s', (...input) => {
    const { problems } = created(kind, spoiled(good, input[0]));
    expect(includesProblem(problems, input), texts(problems).join('\n')).toBe(true);
  });
});

describe('services', () => {
  const stored = (changes: Record<string, unknown>) => created(Services, spoiled(service, changes)).object;
  const change = (old: ReturnType<typeof stored>, changes: Record<string, unknown>) =>
    updated(Services, old, (o) => Object.assign(o, spoiled(o, changes)));

  test('defaults', () => {
    expect(stored({}).spec).toEqual({
      type: 'ClusterIP',
      selector: { a: 'b' },
      sessionAffinity: 'None',
      internalTrafficPolicy: 'Cluster',
      ipFamilies: ['IPv4'],
      ipFamilyPolicy: 'SingleStack',
      ports: [{ port: 80, protocol: 'TCP', targetPort: 80 }],
    });
    expect(stored({ 'spec.type': 'LoadBalancer' }).spec).toMatchObject({
      externalTrafficPolicy: 'Cluster',
      allocateLoadBalancerNodePorts: true,
    });
    expect(stored({ 'spec.sessionAffinity': 'ClientIP' }).spec?.sessionAffinityConfig).toEqual({
      clientIP: { timeoutSeconds: 10_800 },
    });
    expect(stored({ 'spec.clusterIP': 'None', 'spec.selector': undefined }).spec).toMatchObject({
      clusterIPs: ['None'],
      ipFamilies: ['IPv4', 'IPv6'],
      ipFamilyPolicy: 'RequireDualStack',
    });
  });

  test('an update keeps what was allocated', () => {
    const old = stored({ 'spec.type': 'NodePort', 'spec.clusterIP': '10.96.0.7', 'spec.ports[0].nodePort': 30_080 });
    const { object, problems } = change(old, {
      'spec.clusterIP': undefined,
      'spec.clusterIPs': undefined,
      'spec.ports': [{ port: 80, targetPort: 8080 }],
    });
    expect(texts(problems)).toEqual([]);
    expect(object.spec).toMatchObject({ clusterIP: '10.96.0.7', clusterIPs: ['10.96.0.7'] });
    expect(object.spec?.ports).toEqual([{ port: 80, protocol: 'TCP', targetPort: 8080, nodePort: 30_080 }]);
  });

  test('the cluster IP cannot be changed', () => {
    const old = stored({ 'spec.clusterIP': '10.96.0.7' });
    expect(texts(change(old, { 'spec.clusterIP': '10.96.0.8' }).problems)).toEqual([
      'FieldValueInvalid spec.clusterIPs[0]: Invalid value: ["10.96.0.8"]: may not change once set',
    ]);
  });

  test('a change of type drops what only the old one has', () => {
    const old = stored({ 'spec.type': 'NodePort', 'spec.clusterIP': '10.96.0.7', 'spec.ports[0].nodePort': 30_080 });
    const { object, problems } = change(old, { 'spec.type': 'ClusterIP' });
    expect(texts(problems)).toEqual([]);
    expect(object.spec?.ports?.[0]).not.toHaveProperty('nodePort');
    expect(object.spec).not.toHaveProperty('externalTrafficPolicy');
    const external = change(old, { 'spec.type': 'ExternalName', 'spec.externalName': 'a.b' });
    expect(texts(external.problems)).toEqual([]);
    expect(external.object.spec).not.toHaveProperty('clusterIP');
  });

  test.each<[Record<string, unknown>, string, string]>([
    [{}, '<none>', '80/TCP'],
    [{ 'spec.externalIPs': ['1.2.3.4', '1.2.3.5'] }, '1.2.3.4,1.2.3.5', '80/TCP'],
    [{ 'spec.type': 'NodePort', 'spec.ports[0].nodePort': 30_080 }, '<none>', '80:30080/TCP'],
    [{ 'spec.type': 'LoadBalancer' }, '<pending>', '80/TCP'],
    [{ 'spec.type': 'ExternalName', 'spec.externalName': 'a.b', 'spec.ports': [] }, 'a.b', '<none>'],
  ])('table of %j', (changes, external, ports) => {
    expect(row(Services, stored(changes), now)).toMatchObject({ 'External-IP': external, 'Port(s)': ports });
  });
});

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
