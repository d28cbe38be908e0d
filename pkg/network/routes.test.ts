import { expect, test } from 'vitest';
import type { Node } from '#api/kinds/index.ts';
import { parseRoutes, wantedRoutes } from './routes.ts';

const node = (name: string, podCIDR?: string, ip?: string): Node =>
  ({
    metadata: { name },
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
  ['without CIDR', [node('a', undefined, '172.18.0.3')], []],
  ['without address', [node('a', '10.244.1.0/24')], []],
])('%s', (_, nodes, routes) => {
  expect(wantedRoutes(nodes, 'self')).toEqual(routes);
});

test('routes of the kernel', () => {
  const text =
    '10.244.1.0/24 via 172.18.0.3 dev eth0 \n10.244.9.0/24 dev br0 scope link \n10.244.2.0/24 via 172.18.0.4 dev eth0 \n';
  expect(parseRoutes(text)).toEqual([
    { cidr: '10.244.1.0/24', via: '172.18.0.3' },
    { cidr: '10.244.2.0/24', via: '172.18.0.4' },
  ]);
  expect(parseRoutes('')).toEqual([]);
});
