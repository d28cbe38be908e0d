import { expect, test } from 'vitest';
import { FakeClock } from '#async/fake-clock.ts';
import { silentLogger } from '#process/logger.ts';
import { PodNetwork, type PodNetworkDeps } from './pod-network.ts';

/** Of a node whose subnets are not known yet. */
function network(...clusterCidrs: string[]) {
  const ran: string[] = [];
  const deps = {
    ...{ clusterCidrs, clock: new FakeClock(), logger: silentLogger, nodeName: 'n', nodeIp: '192.0.2.1' },
    ...{ backend: 'host-gw', ensureBridge: async () => {} },
    informers: { informer: () => ({ addHandlers: () => {} }) },
    exec: async (command: string, args: readonly string[]) => {
      ran.push([command, ...args].join(' '));
      return { code: 0, stdout: '', stderr: '' };
    },
  } as unknown as PodNetworkDeps;
  return { ran, keepOwn: (...a: string[]) => new PodNetwork(deps).keepOwn(a, async () => 7) };
}

test('pods keep their addresses when an agent starts anew', async () => {
  for (const [cidrs, addresses] of [
    [['10.244.0.0/16'], ['10.244.1.2']],
    [
      ['10.244.0.0/16', 'fd00:10:244::/56'],
      ['10.244.1.2', 'fd00:10:244:1::2'],
    ],
    [['fd00:10:244::/56'], ['fd00:10:244:1::2']],
  ] as const) {
    const { ran, keepOwn } = network(...cidrs);
    expect([await keepOwn(...addresses), ran]).toEqual([addresses, []]);
  }
});

test('an IPv4 address that only Docker wanted is taken away', async () => {
  const { ran, keepOwn } = network('fd00:10:244::/56');
  expect(await keepOwn('172.18.0.2', 'fd00:10:244:1::2')).toEqual(['fd00:10:244:1::2']);
  expect(ran).toEqual(['nsenter -t 7 -n ip -4 address flush dev eth0']);
});

test('a node that cannot be reached does not cost the others their routes', async () => {
  const node = (name: string, podCIDR: string, address: string) => ({
    metadata: { name },
    spec: { podCIDR },
    status: { addresses: [{ type: 'InternalIP', address }] },
  });
  const nodes = [
    node('n', '10.244.0.0/24', '192.0.2.1'),
    node('far', '10.244.1.0/24', '198.51.100.9'),
    node('near', '10.244.2.0/24', '192.0.2.3'),
  ];
  const clock = new FakeClock();
  const ran: string[] = [];
  const deps = {
    ...{ clusterCidrs: ['10.244.0.0/16'], clock, logger: silentLogger, nodeName: 'n', nodeIp: '192.0.2.1' },
    ...{ backend: 'host-gw', ensureBridge: async () => {} },
    informers: {
      informer: () => ({
        ...{ addHandlers: () => {}, synced: async () => {} },
        lister: { get: () => nodes[0], list: () => nodes },
      }),
    },
    exec: async (command: string, args: readonly string[]) => {
      ran.push([command, ...args].join(' '));
      return { code: args.includes('198.51.100.9') ? 2 : 0, stdout: '', stderr: 'Nexthop has invalid gateway.' };
    },
  } as unknown as PodNetworkDeps;
  const end = new AbortController();
  const running = new PodNetwork(deps).run(end.signal);
  await clock.advance(100);
  end.abort();
  await running;
  expect(ran).toContain('ip -4 route replace 10.244.2.0/24 via 192.0.2.3 proto 252');
});
