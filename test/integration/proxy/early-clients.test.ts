import type { ChildProcess } from 'node:child_process';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { silentLogger } from '#process/logger.ts';
import { IptablesBackend } from '#proxy/backends/iptables/backend.ts';
import { NftablesBackend } from '#proxy/backends/nftables/backend.ts';
import { waitFor } from '../../bed/wait.ts';
import { OwnNetwork } from './own-network.ts';
import { type RunningProxy, runProxy, TARGET_PORT } from './rules.ts';

const ENDPOINT = '10.244.1.1';
/** Addresses that lie out on the LAN until they are a Service's: nobody has the first, somebody the second. */
const [SILENT, TAKEN] = ['10.96.1.1', '10.96.1.2'];
/** Further tries of the kernel come 1, 3, 7 and 15 s after the first; it would remember where that went for longer. */
const TRIES = { timeoutMs: 30_000 };

describe.each([
  ['iptables', 'legacy'],
  ['iptables', 'nft'],
  ['nftables', 'nft'],
] as const)('%s (%s)', (mode, kind) => {
  let network: OwnNetwork;
  let proxy: RunningProxy;
  let programs: ChildProcess[];

  beforeEach(async () => {
    programs = [];
    network = await OwnNetwork.create(kind);
    await network.sh(`ip addr add ${ENDPOINT}/32 dev lo
      ip netns add lan; ip link add out type veth peer name in netns lan
      ip -n lan addr add ${TAKEN}/32 dev in; ip -n lan link set in up; ip -n lan route add 192.0.2.0/24 dev in
      ip addr add 192.0.2.1/24 dev out; ip link set out up; ip route add 10.96.0.0/16 dev out
      ip neigh add ${SILENT} lladdr 02:00:00:00:00:01 dev out nud permanent`);
    const options = { exec: network.exec, logger: silentLogger, family: 'IPv4', clusterCidr: '10.244.0.0/16' } as const;
    proxy = runProxy(mode === 'iptables' ? new IptablesBackend(options) : new NftablesBackend(options), network.exec);
    await waitFor('rules of no Service', () => proxy.proxier.lastSync > 0);
  });
  afterEach(async () => {
    await proxy.end();
    for (const p of programs) p.kill('SIGKILL');
    await network.end();
  });

  function start(command: string, ...args: string[]): { heard: string } {
    const program = network.start(command, args);
    const said = { heard: '' };
    program.stdout?.on('data', (text) => {
      said.heard += text;
    });
    programs.push(program);
    return said;
  }
  /** Accepts connections. @param where words before the program */
  async function serve(address: string, port: number, ...where: string[]): Promise<void> {
    const code = `require('net').createServer(() => {}).listen(${port}, '${address}', () => console.log('listens'))`;
    const [command = '', ...args] = [...where, process.execPath, '-e', code];
    const said = start(command, ...args);
    await waitFor('the server', () => said.heard);
  }
  /** Asks for one connection, which it keeps. */
  const client = (address: string) =>
    start(
      process.execPath,
      '-e',
      `require('net').connect(80, '${address}').on('error', (e) => console.log(e.code)).on('connect', () => console.log('answered'))`,
    );
  const remembered = (address: string, state: string): Promise<string> =>
    network.sh(`conntrack -L -p tcp --orig-dst ${address} --state ${state} 2>/dev/null`);

  test('who asked for a connection before the Service had rules gets it, and connections that stand go on', async () => {
    await serve(ENDPOINT, TARGET_PORT);
    await serve(TAKEN, 80, 'nsenter', '--net=/run/netns/lan', '--');
    const [early, standing] = [client(SILENT), client(TAKEN)];
    await waitFor('an attempt', () => remembered(SILENT, 'SYN_SENT'));
    await waitFor('a connection', () => standing.heard);
    const before = await remembered(TAKEN, 'ESTABLISHED');
    for (const [i, clusterIP] of [SILENT, TAKEN].entries())
      proxy.add({ name: `web-${i}`, clusterIP, endpoints: [ENDPOINT] });
    await waitFor('an answer', () => early.heard, TRIES);
    expect([early.heard, standing.heard, proxy.complaints]).toEqual(['answered\n', 'answered\n', []]);
    const ports = / sport=\d+ dport=80 src=10\.96\.1\.2 \S+ \S+ \S+/;
    expect(ports.exec(await remembered(TAKEN, 'ESTABLISHED'))?.[0]).toBe(ports.exec(before)?.[0] ?? 'a connection');
  });
});
