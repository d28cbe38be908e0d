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
