import { describe, expect, test } from 'vitest';
import { type BadInput, created, includesProblem, row, spoiled, texts, updated } from '../../fixtures.ts';
import { Services } from './service.ts';

const REQUIRED = 'FieldValueRequired';
const INVALID = 'FieldValueInvalid';
const FORBIDDEN = 'FieldValueForbidden';
const DUPLICATE = 'FieldValueDuplicate';
const UNSUPPORTED = 'FieldValueNotSupported';
const PORTS = 'must be between 1 and 65535, inclusive';
const now = Date.parse('2026-01-01T01:00:00Z');

const service = {
  metadata: { name: 'x', namespace: 'default' },
  spec: { selector: { a: 'b' }, ports: [{ port: 80 }] },
};

const bad: BadInput[] = [
  [{ 'spec.ports': [] }, REQUIRED, 'spec.ports', 'Required value'],
  [{ 'spec.type': 'Fast' }, UNSUPPORTED, 'spec.type', '"ClusterIP", "ExternalName", "LoadBalancer", "NodePort"'],
  [{ 'spec.ports[0].port': 0 }, INVALID, 'spec.ports[0].port', `0: ${PORTS}`],
  [{ 'spec.ports[0].port': 65_536 }, INVALID, 'spec.ports[0].port', PORTS],
  [{ 'spec.ports[0].protocol': 'ICMP' }, UNSUPPORTED, 'spec.ports[0].protocol', '"SCTP", "TCP", "UDP"'],
  [{ 'spec.ports[0].targetPort': 70_000 }, INVALID, 'spec.ports[0].targetPort', PORTS],
  [{ 'spec.ports[0].targetPort': 'a--b' }, INVALID, 'spec.ports[0].targetPort', 'must not contain consecutive hyphens'],
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
  [{ 'spec.ports[0].appProtocol': '' }, INVALID, 'spec.ports[0].appProtocol', 'name part must be non-empty'],
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
  [{ 'spec.clusterIP': 'fe80::1%eth0' }, INVALID, 'spec.clusterIPs[0]', 'must be a valid IP address'],
  [{ 'spec.clusterIPs': ['10.0.0.1'] }, INVALID, 'spec.clusterIPs', 'must be empty when `clusterIP` is not specified'],
  [
    { 'spec.clusterIP': '10.0.0.1', 'spec.clusterIPs': ['10.0.0.2'] },
    INVALID,
    'spec.clusterIPs',
    '["10.0.0.2"]: first value must match `clusterIP`',
  ],
  [
    { 'spec.clusterIP': 'None', 'spec.clusterIPs': ['None', '10.0.0.2'] },
    INVALID,
    'spec.clusterIPs',
    "'None' must be the first and only value",
  ],
  [
    { 'spec.clusterIP': '10.0.0.1', 'spec.clusterIPs': ['10.0.0.1', '10.0.0.2'] },
    INVALID,
    'spec.clusterIPs',
    'may specify no more than one IP for each IP family',
  ],
  [
    { 'spec.clusterIP': '10.0.0.1', 'spec.clusterIPs': ['10.0.0.1', 'fd00::1', 'fd00::2'] },
    INVALID,
    'spec.clusterIPs',
    'may only hold up to 2 values',
  ],
  [
    { 'spec.clusterIP': 'fd00::1', 'spec.ipFamilies': ['IPv4'] },
    INVALID,
    'spec.clusterIPs[0]',
    '"fd00::1": expected an IPv4 value as indicated by `ipFamilies[0]`',
  ],
  [{ 'spec.ipFamilies': ['IPv4', 'IPv4'] }, DUPLICATE, 'spec.ipFamilies[1]', '"IPv4"'],
  [{ 'spec.ipFamilies': ['IPv5'] }, UNSUPPORTED, 'spec.ipFamilies[0]', '"IPv4", "IPv6"'],
  [{ 'spec.ipFamilyPolicy': 'Both' }, UNSUPPORTED, 'spec.ipFamilyPolicy', '"PreferDualStack", "RequireDualStack"'],
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
  [{ 'spec.type': 'LoadBalancer', 'spec.loadBalancerClass': 'a b' }, INVALID, 'spec.loadBalancerClass', 'name part'],
  [
    { 'spec.type': 'LoadBalancer', 'spec.healthCheckNodePort': 30_007 },
    INVALID,
    'spec.healthCheckNodePort',
    "may only be set when `type` is 'LoadBalancer' and `externalTrafficPolicy` is 'Local'",
  ],
  [
    { 'spec.allocateLoadBalancerNodePorts': true },
    FORBIDDEN,
    'spec.allocateLoadBalancerNodePorts',
    "may only be used when `type` is 'LoadBalancer'",
  ],
];

test('a good service has no problems', () => {
  expect(texts(created(Services, service).problems)).toEqual([]);
});

test.each(bad)('%j: %s %s', (...input) => {
  const { problems } = created(Services, spoiled(service, input[0]));
  expect(includesProblem(problems, input), texts(problems).join('\n')).toBe(true);
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
      ports: [{ port: 80, protocol: 'TCP', targetPort: 80 }],
    });
    expect(stored({ 'spec.type': 'LoadBalancer' }).spec).toMatchObject({
      externalTrafficPolicy: 'Cluster',
      allocateLoadBalancerNodePorts: true,
    });
    expect(stored({ 'spec.sessionAffinity': 'ClientIP' }).spec?.sessionAffinityConfig).toEqual({
      clientIP: { timeoutSeconds: 10_800 },
    });
    expect(stored({ 'spec.clusterIP': 'None' }).spec).toMatchObject({ clusterIPs: ['None'] });
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

  const DUAL = { clusterIP: '10.96.0.7', clusterIPs: ['10.96.0.7', 'fd00::7'], ipFamilies: ['IPv4', 'IPv6'] };
  const dual = () => stored({ spec: { ...service.spec, ...DUAL, ipFamilyPolicy: 'PreferDualStack' } });

  test('of two addresses both, and their families, stay when they are left out', () => {
    const left = { clusterIP: undefined, clusterIPs: undefined, ipFamilies: undefined, ipFamilyPolicy: undefined };
    const old = dual();
    const { object, problems } = updated(Services, old, (o) => {
      for (const k of Object.keys(left)) delete (o.spec as Record<string, unknown>)[k];
    });
    expect(texts(problems)).toEqual([]);
    expect(object.spec).toEqual(old.spec);
  });

  test.each<[string, Record<string, unknown>, string[]]>([
    ['both stay, the policy changes', { 'spec.ipFamilyPolicy': 'SingleStack' }, []],
    ['the second goes', { 'spec.ipFamilyPolicy': 'SingleStack', 'spec.clusterIPs': ['10.96.0.7'] }, []],
    [
      'the second goes without a word',
      { 'spec.clusterIPs': ['10.96.0.7'], 'spec.ipFamilies': ['IPv4'] },
      [
        `spec.ipFamilyPolicy: Invalid value: "PreferDualStack": must be set to 'SingleStack' when releasing the secondary clusterIP`,
        `spec.ipFamilyPolicy: Invalid value: "PreferDualStack": must be set to 'SingleStack' when releasing the secondary ipFamily`,
      ],
    ],
    [
      'another second one',
      { 'spec.clusterIPs': ['10.96.0.7', 'fd00::8'] },
      ['spec.clusterIPs[1]: Invalid value: ["10.96.0.7","fd00::8"]: may not change once set'],
    ],
    [
      'other families',
      { 'spec.ipFamilies': ['IPv6', 'IPv4'] },
      [
        'spec.ipFamilies[0]: Invalid value: ["IPv6","IPv4"]: may not change once set',
        'spec.clusterIPs[0]: Invalid value: "10.96.0.7": expected an IPv6 value as indicated by `ipFamilies[0]`',
        'spec.clusterIPs[1]: Invalid value: "fd00::7": expected an IPv4 value as indicated by `ipFamilies[1]`',
      ],
    ],
  ])('of two addresses %s', (_, changes, want) => {
    expect(texts(change(dual(), changes).problems).map((t) => t.replace(/^\S+ /, ''))).toEqual(want);
  });

  test('the port of the health checks cannot be changed, but goes with what needs it', () => {
    const local = { 'spec.type': 'LoadBalancer', 'spec.externalTrafficPolicy': 'Local' };
    const old = stored({ ...local, 'spec.healthCheckNodePort': 30_007 });
    expect(texts(change(old, { 'spec.healthCheckNodePort': 30_008 }).problems)).toEqual([
      'FieldValueInvalid spec.healthCheckNodePort: Invalid value: 30008: field is immutable',
    ]);
    const { object, problems } = change(old, { 'spec.externalTrafficPolicy': 'Cluster' });
    expect(texts(problems)).toEqual([]);
    expect(object.spec).not.toHaveProperty('healthCheckNodePort');
  });

  test('a second address may come', () => {
    const old = stored({ 'spec.clusterIP': '10.96.0.7', 'spec.ipFamilies': ['IPv4'] });
    const more = { 'spec.clusterIPs': ['10.96.0.7', 'fd00::7'], 'spec.ipFamilies': ['IPv4', 'IPv6'] };
    expect(texts(change(old, more).problems)).toEqual([]);
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
