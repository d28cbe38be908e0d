import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, onTestFinished, test } from 'vitest';
import { silentLogger } from '#process/logger.ts';
import { IptablesBackend } from '#proxy/backends/iptables/backend.ts';
import { NftablesBackend } from '#proxy/backends/nftables/backend.ts';
import { run } from '../../../deploy/run.ts';
import { waitFor } from '../../bed/wait.ts';
import { OwnNetwork } from './own-network.ts';
import { runProxy, TARGET_PORT } from './rules.ts';

const CHANGES = 100;
const CLUSTER_IP = '10.96.1.1';
const NODE_PORT = 30_080;
const NODE = '192.0.2.1';
/** Endpoints by number, one set after the other: they become more and fewer, and others take their places. */
const STEPS = [[1, 2, 3], [2, 3], [1, 3], [1, 2, 3, 4], [4], [3, 4], [1, 2]];

let folder: string;
let program: string;
beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'coxswain-connections-'));
  program = join(folder, 'connections');
  await run('gcc', ['-static', '-O2', '-s', '-o', program, join(import.meta.dirname, 'connections.c')]);
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

/** A node with a client on its LAN, which is a pod of another node as well. */
async function nodeWithClient(kind: 'legacy' | 'nft'): Promise<OwnNetwork> {
  const network = await OwnNetwork.create(kind);
  onTestFinished(() => network.end());
  await network.sh(`ip netns add lan; ip link add out type veth peer name in netns lan
    ip addr add ${NODE}/24 dev out; ip addr add 10.244.9.1/24 dev out; ip link set out up
    ip -n lan addr add 192.0.2.2/24 dev in; ip -n lan addr add 10.244.9.2/24 dev in; ip -n lan link set in up
    ip -n lan route add default via 10.244.9.1 src 10.244.9.2
    sysctl -qw net.ipv4.ip_forward=1`);
  for (const n of new Set(STEPS.flat())) await network.sh(`ip addr add 10.244.1.${n}/32 dev lo`);
  return network;
}

test.each([
  ['iptables', 'legacy'],
  ['iptables', 'nft'],
  ['nftables', 'nft'],
] as const)('no connection fails while endpoints change a hundred times: %s (%s)', async (mode, kind) => {
  const network = await nodeWithClient(kind);
  const options = { exec: network.exec, logger: silentLogger, family: 'IPv4', clusterCidr: '10.244.0.0/16' } as const;
  const backend = mode === 'iptables' ? new IptablesBackend(options) : new NftablesBackend(options);
  const proxy = runProxy(backend, network.exec);
  onTestFinished(() => proxy.end());
  const lead = async (to: readonly number[]): Promise<void> => {
    const before = proxy.proxier.lastSync;
    const endpoints = to.map((n) => `10.244.1.${n}`);
    proxy.add({ name: 'web', clusterIP: CLUSTER_IP, nodePort: NODE_PORT, endpoints });
    await waitFor('rules', () => proxy.proxier.lastSync > before, { everyMs: 5 });
  };
  const started = (args: string[], ...where: string[]) => {
    const [command = '', ...rest] = [...where, program, ...args];
    const child = network.start(command, rest);
    onTestFinished(() => void child.kill('SIGKILL'));
    const told = { text: '', child };
    child.stdout?.on('data', (text) => {
      told.text += text;
    });
    return told;
  };
  await waitFor('rules of no Service', () => proxy.proxier.lastSync > 0);
  await lead(STEPS.at(-1) ?? []);
  const server = started(['serve', `${TARGET_PORT}`]);
  await waitFor('the server', () => server.text);
  const clients = [
    started(['ask', CLUSTER_IP, '80'], 'nsenter', '--net=/run/netns/lan'),
    started(['ask', NODE, `${NODE_PORT}`], 'nsenter', '--net=/run/netns/lan'),
  ];
  for (let n = 0; n < CHANGES; n++) await lead(STEPS[n % STEPS.length] ?? []);
  for (const { child } of clients) {
    child.kill('SIGTERM');
    await once(child, 'close');
  }
  for (const { text } of clients) expect(text).toMatch(/^answered [1-9]\d* failed 0\n$/);
  expect(proxy.complaints).toEqual([]);
});
