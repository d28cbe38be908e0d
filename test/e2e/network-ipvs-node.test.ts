import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { beforeAll, describe, expect, test } from 'vitest';
import { type GuestKernel, guestKernel } from '../bed/guest/kernel.ts';
import { bin } from '../bed/layout.ts';
import { probe } from '../bed/net.ts';
import { useCluster } from '../bed/suite.ts';
import { waitFor } from '../bed/wait.ts';
import { HELLO, manifest } from './manifests.ts';
import { constantLoad, here } from './network/load.ts';
import { echoServer, sliceOf, Talk } from './network/servers.ts';
import { nodePort, service, who } from './network/services.ts';
import { udpClientFollows } from './network/udp-client.ts';
import { flagAs, restartWith } from './restart.ts';

const MODULES = [
  ...['ip_vs', 'ip_vs_rr', 'ip_vs_sh', 'veth', 'bridge', 'br_netfilter', 'dummy'],
  ...['ip_tables', 'iptable_nat', 'iptable_filter', 'nf_tables', 'nft_compat', 'nft_chain_nat', 'nf_conntrack_netlink'],
  ...['ip_set', 'ip_set_hash_ip', 'ip_set_hash_ipport', 'ip_set_hash_ipportip', 'ip_set_hash_ipportnet'],
  ...['ip_set_bitmap_port', 'xt_MASQUERADE', 'xt_REDIRECT', 'xt_nat', 'xt_ipvs', 'xt_set', 'xt_comment', 'xt_mark'],
  ...['xt_conntrack', 'xt_addrtype', 'xt_tcpudp', 'xt_statistic', 'xt_recent', 'ipt_REJECT', 'xt_multiport'],
  ...['nft_nat', 'nft_masq', 'nft_ct', 'nft_fib_ipv4', 'nft_numgen', 'nft_reject_ipv4'],
];
const TEST_MS = 400_000;
/** Longer than an emulated processor takes on a busy machine. */
const PATIENT = { timeoutMs: 240_000, everyMs: 300 };

/** One of three nodes is a virtual machine whose kernel has IPVS; its proxy, agent and dockerd are the real ones. */
const kernel = existsSync('/dev/net/tun') ? await guestKernel().catch((e: Error) => e) : new Error('no /dev/net/tun');
if (kernel instanceof Error) console.warn(`a node in mode ipvs is not tested: ${kernel.message}`);

describe.skipIf(kernel instanceof Error)('a node in mode ipvs', { timeout: TEST_MS }, () => {
  const cluster = useCluster('e2e-network-ipvs-node', {
    nodes: 3,
    apiservers: 1,
    without: ['dns'],
    guest: {
      kernel: kernel as GuestKernel,
      modules: MODULES,
      flags: { proxy: ['--proxy-mode', 'ipvs'], 'node-agent': ['--node-lease-duration', '20'] },
    },
    flags: { proxy: ['--proxy-mode', 'nftables'], 'controller-manager': ['--node-monitor-grace-period', '25s'] },
  });
  const kubectl = (...args: string[]) => cluster().kubectlOk(args, { timeoutMs: PATIENT.timeoutMs });
  const apply = (...documents: string[]) =>
    cluster().kubectlOk(['apply', '-f', '-'], { input: documents.join('\n---\n') });
  const node = (n: number) => {
    const found = cluster().nodes[n];
    if (!found) throw new Error(`there is no node ${n}`);
    return found;
  };
  const GUEST = 2;
  const guest = () => node(GUEST);
  /** This machine as the nodes see it: a client outside the cluster. */
  const outside = (): string => guest().address.replace(/\d+$/, '1');
  const get = (kind: string, name: string, path: string) => cluster().get(kind, name, '-o', `jsonpath={${path}}`);
  const podIp = (pod: string) => get('pod', pod, '.status.podIP');
  const vip = (name: string) => get('service', name, '.spec.clusterIP');
  const answers = (port: number) => waitFor('an answer', () => who(guest().address, port), PATIENT);
  const virtualServers = async (): Promise<string> => (await guest().exec('ipvsadm', ['-Ln'])).stdout;
  /** As whom a pod is seen by each that answers it. */
  async function seenBy(pod: string, address: string, times = 4): Promise<Record<string, string>> {
    const loop = `for i in $(seq ${times}); do timeout 60 wget -qO- http://${address}/cgi-bin/whoami; done`;
    const lines = (await kubectl('exec', pod, '--', 'sh', '-c', loop)).trim().split('\n');
    return Object.fromEntries(lines.map((line) => line.split(' ').reverse()));
  }
  /** Who answers this machine at a port of the guest. */
  async function answering(port: number, times = 4): Promise<string> {
    const pods = new Set<string>();
    for (let i = 0; i < times; i++) pods.add((await answers(port)).pod);
    return [...pods].sort().join();
  }

  beforeAll(async () => {
    const labels = { app: 'web' };
    await apply(
      manifest.whoami('web-0', { node: node(0).name, labels }),
      manifest.whoami('web-1', { node: guest().name, labels }),
      manifest.sleeper('client', guest().name),
      service('web', nodePort(30_081)),
      HELLO,
    );
    await kubectl('wait', '--for=condition=Ready', 'pods', '--all', '--timeout=230s');
    await waitFor('both are known', async () => (await answering(30_081)) === 'web-0,web-1', PATIENT);
  }, TEST_MS);

  test('a pod of it reaches those of every node by the cluster IP, with its own address, and itself; the node does too', async () => {
    expect(await virtualServers()).toContain(`${await vip('web')}:80 rr`);
    const [client, own] = [await podIp('client'), await podIp('web-1')];
    expect(await seenBy('client', await vip('web'))).toEqual({ 'web-0': client, 'web-1': client });
    expect(await seenBy('web-1', await vip('web'))).toMatchObject({ 'web-0': own, 'web-1': expect.any(String) });
    const { stdout } = await guest().exec('curl', ['-s', `http://${await vip('web')}/cgi-bin/whoami`]);
    expect(stdout).toMatch(/ web-[01]/);
  });

  test('externalTrafficPolicy Cluster hides who comes to the node port from outside, Local shows him and keeps to the node', async () => {
    const clients = new Set<string>();
    for (let i = 0; i < 4; i++) clients.add((await answers(30_081)).client);
    expect(clients).not.toContain(outside());
    await apply(service('local', { ...nodePort(30_082), externalTrafficPolicy: 'Local' }));
    expect(await answers(30_082)).toEqual({ client: outside(), pod: 'web-1' });
    expect(await answering(30_082)).toBe('web-1');
    await kubectl('delete', 'service', 'local');
    await waitFor('its server is gone', async () => !(await virtualServers()).includes(':30082'), PATIENT);
  });

  test('ClientIP affinity: a client stays with its endpoint as long as that exists', async () => {
    const affine = { sessionAffinity: 'ClientIP', sessionAffinityConfig: { clientIP: { timeoutSeconds: 60 } } };
    await apply(service('affine', { ...nodePort(30_083), ...affine }));
    const first = await answering(30_083, 6);
    expect(first).toMatch(/^web-[01]$/);
    await kubectl('label', 'pod', first, 'app-', '--overwrite');
    await waitFor('the other one', async () => (await answers(30_083)).pod !== first, PATIENT);
    await kubectl('label', 'pod', first, 'app=web', '--overwrite');
    await kubectl('delete', 'service', 'affine');
  });

  test('a UDP client follows when its endpoint goes, without a new socket', () =>
    udpClientFollows({ servers: [node(0), node(1)], address: guest().address, apply, kubectl }));

  /** Requests from outside to the node port of the guest, and from a pod of it to the cluster IP. */
  async function bothWays(label: string, patienceS: number) {
    const loader = `loader-${label}`;
    const once = `timeout ${patienceS} wget -qO- http://${await vip('hello')}/ >/dev/null 2>&1 && echo ok || echo failed $?`;
    const pod = JSON.parse(await podOf(loader, `while :; do ${once}; usleep 100000; done`));
    await apply(JSON.stringify(pod));
    await kubectl('wait', '--for=condition=Ready', `pod/${loader}`, '--timeout=230s');
    const spec = { name: `hello-${label}`, lanes: 2, atLeast: 60, keepAlive: false, timeoutMs: patienceS * 1000 };
    const log = join(cluster().dir, `logs/load-${label}`);
    const load = await constantLoad(here, log, { ...spec, host: guest().address, port: 30_080 });
    const lines = async () => (await kubectl('logs', loader)).trim().split('\n');
    return async () => {
      await waitFor('requests of the pod', async () => (await lines()).length >= 20, PATIENT);
      const failed = (await lines()).filter((line) => line !== 'ok');
      await kubectl('delete', 'pod', loader, '--wait=false');
      return { outside: (await load.stop()).failures, inside: failed };
    };
  }
  const podOf = async (name: string, script: string): Promise<string> =>
    JSON.stringify({
      ...{ apiVersion: 'v1', kind: 'Pod', metadata: { name } },
      spec: {
        ...{ nodeName: guest().name, terminationGracePeriodSeconds: 1 },
        containers: [
          {
            ...{ name: 'main', image: 'coxswain/busybox:1', imagePullPolicy: 'Never', command: ['sh', '-c', script] },
          },
        ],
      },
    });

  test('a rolling update under a constant load fails no request', async () => {
    const end = await bothWays('update', 60);
    await kubectl('set', 'env', 'deployment/hello', 'MESSAGE=second');
    await kubectl('rollout', 'status', 'deployment/hello', '--timeout=230s');
    await waitFor('the second', async () => (await probe(`http://${guest().address}:30080/`)).startsWith('second'));
    expect(await end()).toEqual({ outside: [], inside: [] });
  });

  const rulesOf = async (): Promise<string> =>
    (await virtualServers()) +
    (await guest().exec('iptables-save')).stdout +
    (await guest().exec('ipset', ['list', '-n'])).stdout +
    (await guest().exec('ip', ['-o', 'link'])).stdout +
    (await guest().exec('nft', ['list', 'tables'])).stdout;
  const MARKS: Readonly<Record<string, RegExp>> = {
    iptables: /COX-(?!VS)\S+ -/,
    nftables: /coxswain-proxy/,
    ipvs: /^TCP|COXVS|cox-ipvs/m,
  };
  /** Which modes have rules on the node. */
  const present = async (): Promise<string> => {
    const rules = await rulesOf();
    return Object.keys(MARKS)
      .filter((m) => MARKS[m]?.test(rules))
      .join();
  };

  test('what somebody flushed comes back', async () => {
    await guest().exec('sh', ['-c', 'ipvsadm -C; iptables -t nat -F']);
    await waitFor('it is back', () => who(guest().address, 30_081), PATIENT);
  });

  test('a connection outlives a kill of the proxy and changes of its mode, which leave no rules of another one; --cleanup leaves none', async () => {
    const echo = echoServer(node(0), 5303);
    await echo.start();
    const open = { type: 'NodePort', selector: undefined, ports: [{ port: 5303, nodePort: 30_055 }] };
    await apply(service('open', open), sliceOf('open', { port: 5303 }, node(0).address));
    const talk = await Talk.open(guest().address, 30_055);
    await guest().proxy.kill('SIGKILL');
    await talk.says('without a proxy');
    await guest().proxy.start();
    await waitFor('the rules are written anew', () => probe(`http://${guest().address}:10256/readyz`), PATIENT);
    await talk.says('with the next proxy');
    talk.end();
    await echo.stop();
    let running = guest().proxy;
    // There is no xt_sctp: rules for this Service would keep all others from being taken.
    const signals = { selector: undefined, ports: [{ port: 80, protocol: 'SCTP' }] };
    await apply(service('signals', signals), sliceOf('signals', { port: 5304, protocol: 'SCTP' }, node(0).address));
    for (const value of ['iptables', 'ipvs']) {
      running = await restartWith(guest(), running, { args: flagAs('--proxy-mode', value), ready: '10256/readyz' });
      await waitFor(`rules of ${value} alone`, async () => (await present()) === value, PATIENT);
      expect(await answering(30_081, 16)).toBe('web-0,web-1');
      if (value === 'iptables') expect(running.logTail(500)).toContain('has no xt_sctp');
    }
    await kubectl('delete', 'service/signals', 'endpointslice/signals-1');
    await running.stop();
    expect((await guest().exec(bin('proxy'), ['--cleanup'])).code).toBe(0);
    expect(await present()).toBe('');
    await guest().proxy.start();
    await answers(30_081);
  });
});
