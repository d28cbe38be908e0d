import { expect, test } from 'vitest';
import { VXLAN_DEVICE as DEV, endOf, macOf, planEntries, tunnelRoutes } from './vxlan.ts';

const peers = [
  { cidr: '10.244.1.0/24', via: '192.0.2.11' },
  { cidr: '10.244.2.0/24', via: '192.0.2.12' },
];
const neighbour = (n: number) => ({ dst: `10.244.${n}.0`, lladdr: `02:76:c0:00:02:0${(10 + n).toString(16)}` });
const forwarding = (n: number) => ({ mac: `02:76:c0:00:02:0${(10 + n).toString(16)}`, dst: `192.0.2.${10 + n}` });

test('addresses of the ends', () => {
  expect([macOf('192.0.2.11'), macOf('10.255.0.1'), endOf('10.244.1.0/24')]).toEqual([
    '02:76:c0:00:02:0b',
    '02:76:0a:ff:00:01',
    '10.244.1.0',
  ]);
  expect(tunnelRoutes(peers)).toEqual([
    { cidr: '10.244.1.0/24', via: '10.244.1.0', dev: DEV },
    { cidr: '10.244.2.0/24', via: '10.244.2.0', dev: DEV },
  ]);
});

test.each<[string, Parameters<typeof planEntries>[1], string[], string[]]>([
  [
    'from nothing',
    { neighbours: [], forwarding: [{ mac: '33:33:00:00:00:01' }] },
    [1, 2].map((n) => `neigh replace 10.244.${n}.0 lladdr ${macOf(`192.0.2.1${n}`)} dev ${DEV} nud permanent`),
    [1, 2].map((n) => `fdb append ${macOf(`192.0.2.1${n}`)} dev ${DEV} dst 192.0.2.1${n} self permanent`),
  ],
  ['nothing to do', { neighbours: [neighbour(1), neighbour(2)], forwarding: [forwarding(1), forwarding(2)] }, [], []],
  [
    'a node that left',
    { neighbours: [1, 2, 3].map(neighbour), forwarding: [1, 2, 3].map(forwarding) },
    [`neigh del 10.244.3.0 dev ${DEV}`],
    [`fdb del ${macOf('192.0.2.13')} dev ${DEV} dst 192.0.2.13 self`],
  ],
  [
    'a node with another address',
    {
      neighbours: [{ dst: '10.244.1.0', lladdr: macOf('192.0.2.99') }, neighbour(2)],
      forwarding: [{ mac: macOf('192.0.2.99'), dst: '192.0.2.99' }, forwarding(2)],
    },
    [`neigh replace 10.244.1.0 lladdr ${macOf('192.0.2.11')} dev ${DEV} nud permanent`],
    [
      `fdb del ${macOf('192.0.2.99')} dev ${DEV} dst 192.0.2.99 self`,
      `fdb append ${macOf('192.0.2.11')} dev ${DEV} dst 192.0.2.11 self permanent`,
    ],
  ],
])('%s', (_, present, ip, bridge) => {
  expect(planEntries(peers, present)).toEqual({ ip, bridge });
});

test('pods of both families go through one tunnel', () => {
  const both = [...peers.slice(0, 1), { cidr: 'fd00:244:0:1::/64', via: '192.0.2.11' }];
  expect(tunnelRoutes(both)[1]).toEqual({ cidr: 'fd00:244:0:1::/64', via: 'fe80::76:c000:20b', dev: DEV });
  const mac = macOf('192.0.2.11');
  expect(planEntries(both, { neighbours: [neighbour(1)], forwarding: [] })).toEqual({
    ip: [`neigh replace fe80::76:c000:20b lladdr ${mac} dev ${DEV} nud permanent`],
    bridge: [`fdb append ${mac} dev ${DEV} dst 192.0.2.11 self permanent`],
  });
});
