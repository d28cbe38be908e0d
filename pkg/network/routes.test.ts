import { expect, test } from 'vitest';
import type { Node } from '#api/kinds/index.ts';
import { parseRoutes, planRoutes, wantedRoutes } from './routes.ts';

const node = (name: string, podCIDR?: string, ip?: string, at = 1): Node =>
  ({
    metadata: { name, creationTimestamp: new Date(at * 1000).toISOString() },
    spec: podCIDR ? { podCIDR } : {},
    status: {
      addresses: [{ type: 'Hostname', address: name }, ...(ip ? [{ type: 'InternalIP', address: ip }] : [])],
    },
  }) as unknown as Node;

test.each<[string, Node[], object[]]>([
  ['no others', [node('self', '10.244.0.0/24', '172.18.0.2')], []],
  [
    'two others, sorted',
    [
      node('b', '10.244.2.0/24', '172.18.0.4'),
      node('self', '10.244.0.0/24', '172.18.0.2'),
      node('a', '10.244.1.0/24', '172.18.0.3'),
    ],
    [
      { cidr: '10.244.1.0/24', via: '172.18.0.3' },
      { cidr: '10.244.2.0/24', via: '172.18.0.4' },
    ],
  ],
  [
    'two with the same CIDR, and one with our own',
    [
      node('late', '10.244.1.0/24', '172.18.0.3', 2),
      node('early', '10.244.1.0/24', '172.18.0.4', 1),
      node('self', '10.244.0.0/24', '172.18.0.2', 3),
      node('copy', '10.244.0.0/24', '172.18.0.5', 4),
    ],
    [{ cidr: '10.244.1.0/24', via: '172.18.0.4' }],
  ],
  ['without CIDR', [node('a', undefined, '172.18.0.3')], []],
  ['without address', [node('a', '10.244.1.0/24')], []],
])('%s', (_, nodes, routes) => {
  expect(wantedRoutes(nodes, 'self', 'IPv4')).toEqual(routes);
});

test('each family has its own, by nodes of that family or of another', () => {
  const dual = (name: string, n: number): Node =>
    ({
      metadata: { name },
      spec: { podCIDR: `10.244.${n}.0/24`, podCIDRs: [`10.244.${n}.0/24`, `FD00:244:0:${n}::/64`] },
      status: {
        addresses: [`172.18.0.${n}`, `fd00:18::0:${n}`].map((address) => ({ type: 'InternalIP', address })),
      },
    }) as unknown as Node;
  const nodes = [dual('self', 1), dual('b', 2), node('old', '10.244.3.0/24', '172.18.0.3')];
  expect(wantedRoutes(nodes, 'self', 'IPv6')).toEqual([{ cidr: 'fd00:244:0:2::/64', via: 'fd00:18::2' }]);
  expect(wantedRoutes(nodes, 'self', 'IPv6', 'IPv4')).toEqual([{ cidr: 'fd00:244:0:2::/64', via: '172.18.0.2' }]);
  expect(wantedRoutes(nodes, 'self', 'IPv4')).toEqual([
    { cidr: '10.244.2.0/24', via: '172.18.0.2' },
    { cidr: '10.244.3.0/24', via: '172.18.0.3' },
  ]);
});

test('routes of the kernel', () => {
  const text =
    '10.244.1.0/24 via 172.18.0.3 dev eth0 \n10.244.9.0/24 dev br0 scope link \n10.244.2.0/24 via 172.18.0.4 dev eth0 \n';
  expect(parseRoutes(text)).toEqual([
    { cidr: '10.244.1.0/24', via: '172.18.0.3', dev: 'eth0' },
    { cidr: '10.244.2.0/24', via: '172.18.0.4', dev: 'eth0' },
  ]);
  expect(parseRoutes('fd00:244:0:2::/64 via fd00:18::2 dev eth0 metric 1024 pref medium\n')).toEqual([
    { cidr: 'fd00:244:0:2::/64', via: 'fd00:18::2', dev: 'eth0' },
  ]);
  expect(parseRoutes('')).toEqual([]);
});

const direct = { cidr: '10.244.1.0/24', via: '172.18.0.3' };
const tunnel = { cidr: '10.244.1.0/24', via: '10.244.1.0', dev: 'vx' };
test.each<[string, Parameters<typeof planRoutes>, string[]]>([
  ['there already', [[direct], [{ ...direct, dev: 'eth0' }]], []],
  ['missing', [[direct], []], ['route replace 10.244.1.0/24 via 172.18.0.3 proto 252']],
  ['of a node that left', [[], [{ ...direct, dev: 'eth0' }]], ['route del 10.244.1.0/24 proto 252']],
  [
    'from direct to tunnel',
    [[tunnel], [{ ...direct, dev: 'eth0' }]],
    ['route replace 10.244.1.0/24 via 10.244.1.0 dev vx onlink proto 252'],
  ],
  ['from tunnel to direct', [[direct], [tunnel]], ['route replace 10.244.1.0/24 via 172.18.0.3 proto 252']],
])('plan: %s', (_, [wanted, present], lines) => {
  expect(planRoutes(wanted, present).map((l) => l.join(' '))).toEqual(lines);
});
