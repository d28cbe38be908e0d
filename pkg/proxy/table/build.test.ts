import { describe, expect, test } from 'vitest';
import type { EndpointSlice, Service } from '#api/kinds/index.ts';
import { isProxied, servicePorts } from './build.ts';

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

const only = (s: Service, slices: EndpointSlice[]) => {
  const [row] = servicePorts(s, slices, 'n1');
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
        loadBalancerSourceRanges: ['198.51.100.0/24', '192.0.2.0/24'],
      },
      { loadBalancer: { ingress: [{ ip: '192.0.2.1' }, { ip: '192.0.2.5', ipMode: 'Proxy' }, { hostname: 'h' }] } },
    ),
    { externalIPs: ['192.0.2.1', '192.0.2.9'], sourceRanges: ['192.0.2.0/24', '198.51.100.0/24'] },
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
  expect(servicePorts(s, [], 'n1').length).toBe(proxied ? 1 : 0);
});
