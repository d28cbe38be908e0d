import { afterAll, beforeAll, expect, test } from 'vitest';
import type { ClusterNode } from '../bed/cluster-node.ts';
import type { ManagedProcess } from '../bed/process.ts';
import { useCluster } from '../bed/suite.ts';
import { waitFor } from '../bed/wait.ts';
import { manifest } from './manifests.ts';
import { flagAs, restartWith } from './restart.ts';

/** Pods of three nodes whose LAN carries no pod address, as if there were a router in between that knows none. */
const cluster = useCluster('e2e-network-vxlan', {
  nodes: 3,
  apiservers: 1,
  flags: { 'node-agent': ['--network-backend', 'vxlan'] },
});
const kubectl = (...args: string[]) => cluster().kubectlOk(args);
const DEVICE = 'cox-vxlan';
const ips: string[] = [];
const restarted: ManagedProcess[] = [];

const node = (n: number): ClusterNode => {
  const found = cluster().nodes[n];
  if (!found) throw new Error(`there is no node ${n}`);
  return found;
};
const on = async (n: number, command: string): Promise<string> => (await node(n).exec('sh', ['-c', command])).stdout;
const podIp = (pod: string) => cluster().get('pod', pod, '-o', 'jsonpath={.status.podIP}');

/** From each pod to each other one, "from>to": those that see the caller's own address. */
async function reachable(): Promise<string> {
  const found = await Promise.all(
    ips.map(async (own, from) => {
      const asks = ips.map((ip, to) => `echo "${to} $(timeout 2 wget -qO- http://${ip}:8080/cgi-bin/whoami)" &`);
      const { stdout } = await cluster().kubectl(['exec', `web-${from}`, '--', 'sh', '-c', `${asks.join(' ')} wait`]);
      return stdout.split('\n').flatMap((line) => {
        const [to, seen] = line.split(' ');
        return seen === own && to !== String(from) ? [`${from}>${to}`] : [];
      });
    }),
  );
  return found.flat().sort().join(' ');
}
const ALL = '0>1 0>2 1>0 1>2 2>0 2>1';

/** The agent of a node once more, with another backend. */
async function switchTo(backend: string, n: number): Promise<void> {
  const running = restarted[n] ?? node(n).agent;
  const change = { args: flagAs('--network-backend', backend), ready: '10248/readyz' };
  restarted[n] = await restartWith(node(n), running, change);
}

beforeAll(async () => {
  const guard = 'add table ip lan; add chain ip lan out { type filter hook postrouting priority 0; };';
  for (const n of [0, 1, 2]) {
    await node(n).exec('nft', [`${guard} add rule ip lan out oifname eth0 ip daddr 10.244.0.0/16 counter drop`]);
    const pod = manifest.whoami(`web-${n}`, { node: node(n).name, labels: { app: 'web' } });
    await cluster().kubectlOk(['apply', '-f', '-'], { input: pod });
  }
  await kubectl('wait', '--for=condition=Ready', 'pods', '--all', '--timeout=110s');
  for (const n of [0, 1, 2]) ips.push(await podIp(`web-${n}`));
});
afterAll(() => Promise.all(restarted.map((p) => p?.stop())));

test('every pod reaches every other through the tunnel and is seen with its own address', async () => {
  await waitFor(ALL, async () => (await reachable()) === ALL);
});

test('packets of pods fit: the MTU is that of the LAN less the headers, and much is carried', async () => {
  const mtu = 'exec web-0 -- cat /sys/class/net/eth0/mtu'.split(' ');
  expect((await kubectl(...mtu)).trim()).toBe('1450');
  await kubectl('exec', 'web-1', '--', 'dd', 'if=/dev/zero', 'of=/www/big', 'bs=1M', 'count=20');
  const carry = `wget -qO- http://${ips[1]}:8080/big | wc -c`;
  expect((await kubectl('exec', 'web-0', '--', 'sh', '-c', carry)).trim()).toBe(String(20 * 1024 * 1024));
});

test('a node reaches the pods of others', async () => {
  const ask = () => on(0, `curl -sm5 http://${ips[2]}:8080/cgi-bin/whoami`);
  expect(await waitFor('an answer', ask)).toContain('web-2');
});

test('what somebody removes is back soon', async () => {
  await on(0, `ip neigh flush dev ${DEVICE} nud permanent; ip route flush proto 252`);
  await on(1, `ip link del ${DEVICE}`);
  await waitFor(ALL, async () => (await reachable()) === ALL);
});

test('an agent that takes another backend leaves nothing of the one before, and back again', async () => {
  await Promise.all([0, 1, 2].map((n) => on(n, 'nft delete table ip lan')));
  await Promise.all([0, 1, 2].map((n) => switchTo('host-gw', n)));
  const routes = (n: number) => on(n, 'ip route show proto 252');
  for (const n of [0, 1, 2]) {
    await waitFor('the tunnel is gone', async () => !(await on(n, 'ip link')).includes(DEVICE));
    expect((await routes(n)).match(/via 198\.18\.\d+\.\d+ dev eth0/g)).toHaveLength(2);
    expect(await routes(n)).not.toContain(DEVICE);
  }
  await waitFor(ALL, async () => (await reachable()) === ALL);
  await Promise.all([0, 1, 2].map((n) => switchTo('vxlan', n)));
  for (const n of [0, 1, 2]) {
    await waitFor(
      'routes through the tunnel',
      async () => (await routes(n)).match(new RegExp(DEVICE, 'g'))?.length === 2,
    );
    expect(await routes(n)).not.toContain('eth0');
  }
  await waitFor(ALL, async () => (await reachable()) === ALL);
});

test('a node that leaves takes its entries along', async () => {
  const gone = node(2);
  const cidr = await cluster().get('node', gone.name, '-o', 'jsonpath={.spec.podCIDR}');
  await restarted[2]?.stop();
  await kubectl('delete', 'node', gone.name);
  await waitFor(
    'nothing of it',
    async () => {
      const left = await on(0, `ip route; ip neigh show dev ${DEVICE}; bridge fdb show dev ${DEVICE}`);
      return !left.includes(gone.address) && !left.includes(cidr.split('/')[0] ?? cidr) && left.includes(DEVICE);
    },
    { everyMs: 50 },
  );
});
