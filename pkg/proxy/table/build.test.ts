import { describe, expect, test } from 'vitest';
import type { EndpointSlice, Service } from '#api/kinds/index.ts';
import { announcedBy, healthCheckOf, isProxied, servicePorts } from './build.ts';

const service = (spec: object = {}, status: object = {}): Service =>
  ({
    metadata: { name: 'web', namespace: 'ns' },
    spec: { type: 'ClusterIP', clusterIP: '10.96.0.7', ports: [{ name: 'http', port: 80 }], ...spec },
    status,
  }) as unknown as Service;
const at = (ip: string, conditions?: object, nodeName = 'n2'): object => ({ addresses: [ip], conditions, nodeName });
const slice = (endpoints: object[], more: object = {}): EndpointSlice =>
  ({
    addressType: 'IPv4',
    ports: [{ name: 'http', port: 8080 }],
    endpoints,
    ...more,
  }) as unknown as EndpointSlice;
const ready = { ready: true, serving: true, terminating: false };
const starting = { ready: false, serving: false, terminating: false };
const ending = { ready: false, serving: true, terminating: true };
const ended = { ready: false, serving: false, terminating: true };

const PLACE = { node: 'n1', family: 'IPv4' } as const;

const only = (s: Service, slices: EndpointSlice[]) => {
  const [row] = servicePorts(s, slices, PLACE);
  if (!row) throw new Error('no row');
  return row;
};
const shown = (endpoints: readonly { ip: string; port: number; local: boolean }[]): string =>
  endpoints.map((e) => `${e.ip}:${e.port}${e.local ? ' local' : ''}`).join(', ');

describe('endpoints', () => {
  test.each<[string, EndpointSlice[], string]>([
    ['none', [], ''],
    ['sorted', [slice([at('10.0.0.2', ready), at('10.0.0.1', ready, 'n1')])], '10.0.0.1:8080 local, 10.0.0.2:8080'],
    ['unknown readiness is ready', [slice([at('10.0.0.1')])], '10.0.0.1:8080'],
    [
      'only ready ones',
      [slice([at('10.0.0.1', starting), at('10.0.0.2', ready), at('10.0.0.3', ending)])],
      '10.0.0.2:8080',
    ],
    [
      'those that end but serve, as a last resort',
      [slice([at('10.0.0.1', starting), at('10.0.0.3', ending), at('10.0.0.4', ended)])],
      '10.0.0.3:8080',
    ],
    [
      'of all slices, each once',
      [slice([at('10.0.0.1', ready)]), slice([at('10.0.0.1', ready), at('10.0.0.2', ready)])],
      '10.0.0.1:8080, 10.0.0.2:8080',
    ],
    ['the better news wins', [slice([at('10.0.0.1', ready)]), slice([at('10.0.0.1', ended)])], '10.0.0.1:8080'],
    ['no other address family', [slice([at('fd00::1', ready)], { addressType: 'IPv6' })], ''],
    ['no other port', [slice([at('10.0.0.1', ready)], { ports: [{ name: 'admin', port: 1 }] })], ''],
    [
      'slices with different target ports',
      [slice([at('10.0.0.1', ready)]), slice([at('10.0.0.1', ready)], { ports: [{ name: 'http', port: 8081 }] })],
      '10.0.0.1:8080, 10.0.0.1:8081',
    ],
  ])('%s', (_, slices, expected) => {
    const row = only(service(), slices);
    expect(shown(row.internal)).toBe(expected);
    expect(shown(row.external)).toBe(expected);
  });
});

const hinted = (ip: string, zone: string | undefined, conditions: object = ready): object => ({
  ...at(ip, conditions),
  ...(zone ? { hints: { forZones: [{ name: zone }] } } : {}),
});
test.each<[string, object[], string | undefined, string]>([
  ['the hints name this zone', [hinted('10.0.0.1', 'a'), hinted('10.0.0.2', 'b')], 'a', '10.0.0.1:8080'],
  ['no hint is for this zone', [hinted('10.0.0.1', 'b'), hinted('10.0.0.2', 'b')], 'a', '10.0.0.1:8080, 10.0.0.2:8080'],
  ['one has no hint', [hinted('10.0.0.1', 'a'), hinted('10.0.0.2', undefined)], 'a', '10.0.0.1:8080, 10.0.0.2:8080'],
  [
    'this node has no zone',
    [hinted('10.0.0.1', 'a'), hinted('10.0.0.2', 'b')],
    undefined,
    '10.0.0.1:8080, 10.0.0.2:8080',
  ],
  [
    'who is not ready needs no hint',
    [hinted('10.0.0.1', 'a'), hinted('10.0.0.2', undefined, starting)],
    'a',
    '10.0.0.1:8080',
  ],
])('zones: %s', (_, endpoints, zone, expected) => {
  const [row] = servicePorts(service(), [slice(endpoints)], { ...PLACE, zone });
  expect([shown(row?.internal ?? []), shown(row?.external ?? []), shown(row?.cluster ?? [])]).toEqual([
    expected,
    expected,
    expected,
  ]);
});

test.each<[string, object, string, string]>([
  ['Cluster', {}, '10.0.0.1:8080 local, 10.0.0.2:8080', '10.0.0.1:8080 local, 10.0.0.2:8080'],
  ['external Local', { externalTrafficPolicy: 'Local' }, '10.0.0.1:8080 local, 10.0.0.2:8080', '10.0.0.1:8080 local'],
  ['internal Local', { internalTrafficPolicy: 'Local' }, '10.0.0.1:8080 local', '10.0.0.1:8080 local, 10.0.0.2:8080'],
])('traffic policy %s', (_, spec, internal, external) => {
  const row = only(service(spec), [slice([at('10.0.0.1', ready, 'n1'), at('10.0.0.2', ready)])]);
  expect([shown(row.internal), shown(row.external)]).toEqual([internal, external]);
  expect(row.externalLocal).toBe('externalTrafficPolicy' in spec);
});

test.each<[string, Service, object]>([
  [
    'plain',
    service(),
    { id: 'ns/web:http', protocol: 'tcp', clusterIP: '10.96.0.7', port: 80, nodePort: 0, affinitySeconds: 0 },
  ],
  [
    'node port',
    service({ type: 'NodePort', ports: [{ port: 80, nodePort: 30080, protocol: 'UDP' }] }),
    { id: 'ns/web:', protocol: 'udp', nodePort: 30080 },
  ],
  ['a node port left behind by a change of type', service({ ports: [{ port: 80, nodePort: 30080 }] }), { nodePort: 0 }],
  ['affinity', service({ sessionAffinity: 'ClientIP' }), { affinitySeconds: 10_800 }],
  [
    'affinity with a time',
    service({ sessionAffinity: 'ClientIP', sessionAffinityConfig: { clientIP: { timeoutSeconds: 60 } } }),
    { affinitySeconds: 60 },
  ],
  [
    'load balancer',
    service(
      {
        type: 'LoadBalancer',
        externalIPs: ['192.0.2.9'],
        loadBalancerSourceRanges: [' 198.51.100.0/24', '192.0.2.0/24', 'fd00::/8'],
      },
      { loadBalancer: { ingress: [{ ip: '192.0.2.1' }, { ip: '192.0.2.5', ipMode: 'Proxy' }, { ip: 'no-address' }] } },
    ),
    { externalIPs: ['192.0.2.9'], loadBalancerIPs: ['192.0.2.1'], sourceRanges: ['192.0.2.0/24', '198.51.100.0/24'] },
  ],
])('%s', (_, s, row) => {
  expect(only(s, [])).toMatchObject(row);
});

test.each<[string, Service, boolean]>([
  ['ClusterIP', service(), true],
  ['headless', service({ clusterIP: 'None' }), false],
  ['without address yet', service({ clusterIP: '' }), false],
  ['ExternalName', service({ type: 'ExternalName', externalName: 'x' }), false],
])('%s', (_, s, proxied) => {
  expect(isProxied(s)).toBe(proxied);
  expect(servicePorts(s, [], PLACE).length).toBe(proxied ? 1 : 0);
});

test.each([
  ['all are of the other family: nobody', ['fd00::/8'], ['255.255.255.255/32']],
  ['none: everybody', [], []],
])('source ranges, %s', (_, loadBalancerSourceRanges, expected) => {
  expect(only(service({ loadBalancerSourceRanges }), []).sourceRanges).toEqual(expected);
});

test.each<[string, readonly string[], string | undefined, boolean]>([
  ['one of them holds its address', ['203.0.113.0/24', '192.0.2.0/24'], '192.0.2.7', true],
  ['none holds it', ['203.0.113.0/24'], '192.0.2.7', false],
  ['its address is not known', ['0.0.0.0/0'], undefined, false],
])('source ranges and this node: %s', (_, loadBalancerSourceRanges, nodeIp, open) => {
  const [row] = servicePorts(service({ loadBalancerSourceRanges }), [], { ...PLACE, nodeIp });
  expect(row?.openToNode).toBe(open);
});

const local = { type: 'LoadBalancer', externalTrafficPolicy: 'Local', healthCheckNodePort: 32000 };
test.each<[string, object, EndpointSlice[], number | undefined]>([
  ['one here, one elsewhere', local, [slice([at('10.0.0.1', ready, 'n1'), at('10.0.0.2', ready)])], 1],
  ['none here', local, [slice([at('10.0.0.2', ready)])], 0],
  ['one that ends does not count', local, [slice([at('10.0.0.1', ending, 'n1')])], 0],
  ['a pod counts once', local, [slice([at('10.0.0.1', ready, 'n1')]), slice([at('10.0.0.1', ready, 'n1')])], 1],
  ['no port', { ...local, healthCheckNodePort: undefined }, [], undefined],
  ['Cluster policy', { ...local, externalTrafficPolicy: 'Cluster' }, [], undefined],
])('health check, %s', (_, spec, slices, count) => {
  const check = healthCheckOf(service(spec), slices, 'n1');
  expect(check).toEqual(
    count === undefined ? undefined : { namespace: 'ns', name: 'web', uid: '', port: 32000, localEndpoints: count },
  );
});

test('addresses of a load balancer that a node answers for', () => {
  const s = service({ type: 'LoadBalancer' });
  const by = (node: string, o = {}) => ({
    ...s,
    metadata: { ...s.metadata, annotations: { 'coxswain.dev/announced-by': node } },
    status: { loadBalancer: { ingress: [{ ip: '192.0.2.9' }, { ip: 'fd00::9' }] } },
    ...o,
  });
  expect([announcedBy(by('n1') as never, PLACE), announcedBy(by('n2') as never, PLACE), announcedBy(s, PLACE)]).toEqual(
    [['192.0.2.9'], [], []],
  );
  expect(announcedBy(by('n1') as never, { node: 'n1', family: 'IPv6' })).toEqual(['fd00::9']);
});

describe('a Service of both families', () => {
  const dual = service(
    {
      type: 'LoadBalancer',
      clusterIPs: ['10.96.0.7', 'fd00:96:0::7'],
      externalIPs: ['FD00::E', '192.0.2.9', 'fd00::e', 'none'],
      loadBalancerSourceRanges: ['198.51.100.0/24', 'fd00:5::/64'],
      ports: [{ name: 'http', port: 80, nodePort: 30080 }],
    },
    { loadBalancer: { ingress: [{ ip: '192.0.2.1' }, { ip: 'fd00::1' }] } },
  );
  const six = (endpoints: object[]) => slice(endpoints, { addressType: 'IPv6' });
  const slices = [slice([at('10.0.0.1', ready, 'n1'), at('10.0.0.2', ready)]), six([at('fd00:1::1', ready, 'n1')])];

  test.each([
    [
      'IPv4',
      ['10.96.0.7', '10.0.0.1:8080 local, 10.0.0.2:8080', ['192.0.2.9'], ['192.0.2.1'], ['198.51.100.0/24'], 30080],
    ],
    ['IPv6', ['fd00:96::7', 'fd00:1::1:8080 local', ['fd00::e'], ['fd00::1'], ['fd00:5::/64'], 30080]],
  ] as const)('%s', (family, expected) => {
    const [row] = servicePorts(dual, slices, { node: 'n1', family });
    expect([
      row?.clusterIP,
      shown(row?.cluster ?? []),
      row?.externalIPs,
      row?.loadBalancerIPs,
      row?.sourceRanges,
      row?.nodePort,
    ]).toEqual(expected);
  });

  test.each([
    ['IPv6', ['IPv6']],
    ['IPv4', ['IPv4']],
  ] as const)('one of %s only has rows of it', (family, families) => {
    const s = service({ clusterIP: family === 'IPv4' ? '10.96.0.7' : 'fd00:96::7' });
    const of = (['IPv4', 'IPv6'] as const).filter((f) => servicePorts(s, slices, { node: 'n1', family: f }).length > 0);
    expect(of).toEqual(families);
  });

  test('source ranges of one family let nobody in by the other', () => {
    const s = service({ clusterIPs: ['10.96.0.7', 'fd00:96::7'], loadBalancerSourceRanges: ['10.0.0.0/8'] });
    expect(servicePorts(s, [], { node: 'n1', family: 'IPv6' })[0]?.sourceRanges).toEqual(['::/128']);
  });

  test('a pod with two addresses is one ready endpoint', () => {
    const s = service({ ...local, clusterIPs: ['10.96.0.7', 'fd00:96::7'] });
    expect(healthCheckOf(s, slices, 'n1')?.localEndpoints).toBe(1);
    expect(healthCheckOf(s, [six([at('fd00:1::1', ready, 'n1')])], 'n1')?.localEndpoints).toBe(1);
  });
});
