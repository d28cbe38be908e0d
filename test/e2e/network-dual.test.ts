import { createServer, type Server } from 'node:http';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { ClusterNode } from '../bed/cluster-node.ts';
import { bin } from '../bed/layout.ts';
import { probe } from '../bed/net.ts';
import type { ManagedProcess } from '../bed/process.ts';
import { useCluster } from '../bed/suite.ts';
import { waitFor } from '../bed/wait.ts';
import { manifest } from './manifests.ts';
import { isSilent } from './network/attempt.ts';
import { udpClientFollows } from './network/udp-client.ts';
import { flagAs, restartWith } from './restart.ts';

/** The way of IPv6 packets, where that is the primary family. What they share with IPv4, which the other files of the network test, is not tested again. */
const cluster = useCluster('e2e-network-dual', {
  nodes: 2,
  apiservers: 1,
  families: 'IPv6,IPv4',
  // Wherever the LAN of this bed is.
  flags: { 'controller-manager': ['--load-balancer-pools', 'lan=fd00:10:1::/48'] },
});
const kubectl = (...args: string[]) => cluster().kubectlOk(args, { timeoutMs: 120_000 });
const apply = (...documents: string[]) =>
  cluster().kubectlOk(['apply', '-f', '-'], { input: documents.join('\n---\n') });
const node = (n: number): ClusterNode => {
  const found = cluster().nodes[n];
  if (!found) throw new Error(`there is no node ${n}`);
  return found;
};
const on = async (n: number, command: string): Promise<string> => (await node(n).exec('sh', ['-c', command])).stdout;
const six = (n: number): string => node(n).address6 ?? '';
/** This machine as the nodes see it: a client outside the cluster. */
const outside = (): string => six(0).replace(/:[^:]*$/, ':1');

/** What a web server says of its client: busybox' one names addresses in its own way. */
const plain = (text: string): string =>
  text
    .trim()
    .replace(/[[\]]/g, '')
    .replace(/^::ffff:/, '');
const url = (ip: string, port = 8080): string => `http://${ip.includes(':') ? `[${ip}]` : ip}:${port}/cgi-bin/whoami`;
/** "<client's address> <pod>"; '' when nobody answers within 2 s. */
const whoFrom = async (pod: string, ip: string, port = 8080): Promise<string> =>
  plain((await cluster().kubectl(['exec', pod, '--', 'timeout', '2', 'wget', '-qO-', url(ip, port)])).stdout);
const who = (ip: string, port: number): Promise<string> => probe(url(ip, port)).then(plain, () => '');
const answers = (ip: string, port: number): Promise<string> => waitFor(`an answer of ${ip}`, () => who(ip, port));
const ips = new Map<string, string>();
const ip6 = (pod: string): string => ips.get(pod) ?? '';

const service = (name: string, spec: object): string =>
  JSON.stringify({
    ...{ apiVersion: 'v1', kind: 'Service', metadata: { name } },
    spec: {
      ...{ selector: { app: 'web' }, ipFamilyPolicy: 'RequireDualStack', ports: [{ port: 80, targetPort: 'http' }] },
      ...spec,
    },
  });
const nodePort = (port: number): object => ({
  type: 'NodePort',
  ports: [{ port: 80, targetPort: 'http', nodePort: port }],
});
const clusterIp6 = (name: string) => cluster().get('svc', name, '-o', 'jsonpath={.spec.clusterIPs[0]}');
const restarted = new Map<string, ManagedProcess>();
afterAll(() => Promise.all([...restarted.values()].map((p) => p.stop())));

/** A process of a node once more, with another value of a flag. */
async function restart(n: number, part: 'proxy' | 'agent', flag: string, value: string): Promise<void> {
  const key = `${part} ${n}`;
  const healthPort = part === 'proxy' ? 10256 : 10248;
  restarted.set(
    key,
    await restartWith(node(n), restarted.get(key) ?? node(n)[part], {
      args: flagAs(flag, value),
      ready: `${healthPort}/readyz`,
    }),
  );
}

beforeAll(async () => {
  const labels = { app: 'web' };
  await apply(
    ...[0, 1].map((n) => manifest.whoami(`web-${n}`, { node: node(n).name, labels, dualStack: true })),
    ...[0, 1].map((n) => manifest.sleeper(`client-${n}`, node(n).name)),
    service('web', nodePort(30080)),
    service('local', { ...nodePort(30081), externalTrafficPolicy: 'Local', selector: { only: 'one' } }),
  );
  await kubectl('wait', '--for=condition=Ready', 'pods', '--all', '--timeout=110s');
  await kubectl('label', 'pod', 'web-1', 'only=one');
  for (const pod of ['web-0', 'web-1', 'client-0', 'client-1'])
    ips.set(pod, await cluster().get('pod', pod, '-o', 'jsonpath={.status.podIP}'));
});

describe('the primary family', () => {
  const inPod = (command: string) => kubectl('exec', 'client-0', '--', 'sh', '-c', command);

  test('is the first of nodes, pods and Services, and the API and the names of the cluster are reached by it', async () => {
    const nodes = await cluster().get('nodes', '-o', 'jsonpath={.items[*].status.addresses[0].address}');
    expect(nodes).toBe(`${six(0)} ${six(1)}`);
    for (const pod of ['web-0', 'web-1']) expect(ip6(pod)).toMatch(/^fd00:10:244:/);
    const api = await cluster().get('service', 'kubernetes', '-o', 'jsonpath={.spec.clusterIPs} {.spec.ipFamilies}');
    expect(api).toBe('["fd00:10:96::1"] ["IPv6"]');
    expect(await kubectl('get', 'servicecidr', 'kubernetes')).toContain('fd00:10:96::/112,10.96.0.0/16');
    expect(await kubectl('get', 'ipaddress', 'fd00:10:96::a')).toContain('services/kube-system/kube-dns');
    expect((await inPod('cat /etc/resolv.conf; echo $KUBERNETES_PORT')).trim()).toMatch(
      /^nameserver fd00:10:96::a\n(.*\n)*tcp:\/\/\[fd00:10:96::1\]:443$/,
    );
    const connects = 'nc -w 2 kubernetes.default.svc.cluster.local 443 </dev/null && echo connected';
    await waitFor('the API from a pod', async () => (await inPod(connects).catch(() => '')).includes('connected'));
    const ends = () => cluster().get('endpoints', 'web', '-o', 'jsonpath={.subsets[*].addresses[*].ip}');
    expect(await waitFor('endpoints', ends)).toMatch(/^fd00:/);
  });

  test('Services that do not say get it; with the other one first it is the second', async () => {
    const families = async (name: string) =>
      (await cluster().get('service', name, '-o', 'jsonpath={.spec.ipFamilies[*]}')).trim();
    await apply(
      service('plain', { ipFamilyPolicy: undefined }),
      service('four', { ipFamilies: ['IPv4'], ipFamilyPolicy: 'PreferDualStack' }),
    );
    expect(await families('plain')).toBe('IPv6');
    expect(await families('four')).toBe('IPv4 IPv6');
    await kubectl('delete', 'service', 'plain', 'four');
  });
});

/** Both directions between the nodes, and within one. */
const reachesAll = async (): Promise<boolean> => {
  const found = await Promise.all([
    whoFrom('client-0', ip6('web-1')),
    whoFrom('client-1', ip6('web-0')),
    whoFrom('client-0', ip6('web-0')),
  ]);
  return found.join() === [`${ip6('client-0')} web-1`, `${ip6('client-1')} web-0`, `${ip6('client-0')} web-0`].join();
};

describe('pods', () => {
  test('of other nodes see the caller with its own address, and a removed route and removed rules are back', async () => {
    await waitFor('all reach all', reachesAll);
    await on(0, 'ip -6 route flush proto 252; ip6tables -F COXNET-FORWARD; ip6tables -P FORWARD DROP');
    await waitFor('all reach all again', reachesAll);
    // What is known of neighbours gets old: then they ask again, by packets that pass the rules as well.
    await kubectl('exec', 'client-0', '--', 'ip', '-6', 'neigh', 'flush', 'dev', 'eth0').catch(() => '');
    await on(0, 'ip -6 neigh flush dev cox0');
    await waitFor('all reach all again', reachesAll);
    await on(0, 'ip6tables -P FORWARD ACCEPT');
  });

  test('outside the cluster they are seen as their node', async () => {
    const server = await whoServes(outside());
    try {
      const { port } = server.address() as { port: number };
      const seen = await waitFor('an answer', () => whoFrom('client-0', outside(), port));
      expect(seen).toBe(`${six(0)} outside`);
    } finally {
      server.close();
    }
  });
});

async function whoServes(address: string): Promise<Server> {
  const server = createServer((request, response) => response.end(`${request.socket.remoteAddress} outside`));
  await new Promise<void>((resolve, reject) => server.once('error', reject).listen(0, address, resolve));
  return server;
}

describe.each(['iptables', 'nftables'])('Services, %s', (mode) => {
  beforeAll(async () => {
    if (mode !== 'iptables') await Promise.all([0, 1].map((n) => restart(n, 'proxy', '--proxy-mode', mode)));
  });

  test('cluster IP: pods keep their address, the node reaches it too, and a pod itself', async () => {
    const vip = await clusterIp6('web');
    const seen = new Set<string>();
    await waitFor(
      'both answer',
      async () => seen.add(await whoFrom('client-0', vip, 80)).size >= 2 && !seen.delete(''),
    );
    expect([...seen].sort()).toEqual([`${ip6('client-0')} web-0`, `${ip6('client-0')} web-1`]);
    const own = new Set<string>();
    await waitFor('itself', async () => own.add((await whoFrom('web-0', vip, 80)).split(' ')[1] ?? '').has('web-0'));
    expect(await waitFor('the node', () => on(0, `curl -gsm3 '${url(vip, 80)}'`))).toMatch(/ web-[01]/);
  });

  test('node ports of both families: hidden clients, and with Local those of the pod that is there', async () => {
    for (const n of [0, 1]) {
      expect(await answers(six(n), 30080)).not.toContain(outside());
      await answers(node(n).address, 30080);
    }
    expect(await answers(six(1), 30081)).toBe(`${outside()} web-1`);
    await waitFor('none where no endpoint is', () => isSilent(six(0), 30081));
  });

  test('external IPs, and no endpoints', async () => {
    await apply(
      service('external', { externalIPs: [six(0)], ports: [{ port: 8090, targetPort: 'http' }] }),
      service('empty', { selector: { app: 'nobody' } }),
    );
    await answers(six(0), 8090);
    const vip = await clusterIp6('empty');
    await waitFor('a refusal', async () => (await on(0, `curl -gsm2 'http://[${vip}]/'; echo $?`)).trim() === '7');
    await kubectl('delete', 'service', 'external', 'empty');
  });

  test('ClientIP affinity', async () => {
    await apply(service('affine', { ...nodePort(30082), sessionAffinity: 'ClientIP' }));
    const first = await answers(six(0), 30082);
    for (let i = 0; i < 10; i++) expect(await answers(six(0), 30082)).toBe(first);
    await kubectl('delete', 'service', 'affine');
  });

  test('a UDP client follows when its endpoint goes, without a new socket', () =>
    udpClientFollows({ servers: [node(0), node(1)], address: six(1), apply, kubectl }));

  test('rules that somebody flushed come back', async () => {
    if (mode === 'iptables') for (const t of ['nat', 'filter']) await on(1, `ip6tables -t ${t} -F`);
    else await on(1, 'nft flush table ip6 coxswain-proxy');
    await waitFor('the rules are back', () => who(six(1), 30080));
  });
});

describe('NetworkPolicy', () => {
  const policy = (name: string, spec: object): string =>
    JSON.stringify({
      ...{ apiVersion: 'networking.k8s.io/v1', kind: 'NetworkPolicy', metadata: { name } },
      spec: { podSelector: { matchLabels: { app: 'web' } }, policyTypes: ['Ingress'], ...spec },
    });
  const byBlock = (cidr: string, ...except: string[]): string =>
    policy('web', { ingress: [{ from: [{ ipBlock: { cidr, except } }] }] });
  /** Who reaches web-0 by IPv6: a pod of its node, one of another, its node. */
  const reach = async (): Promise<string> => {
    const [near, far, host] = await Promise.all([
      whoFrom('client-0', ip6('web-0')),
      whoFrom('client-1', ip6('web-0')),
      on(0, `curl -gsm2 '${url(ip6('web-0'))}'`),
    ]);
    return [near && 'near', far && 'far', host && 'node'].filter(Boolean).join(' ');
  };
  const expectReach = (expected: string) => waitFor(expected, async () => (await reach()) === expected);

  test('a default deny, blocks with exceptions, selected pods; the other family is judged by itself', async () => {
    await apply(policy('web', { ingress: [] }));
    await expectReach('node');
    await apply(byBlock('fd00:10:244::/56', `${ip6('client-0')}/128`));
    await expectReach('far node');
    const four = await cluster().get('pod', 'web-0', '-o', 'jsonpath={.status.podIPs[1].ip}');
    expect(await whoFrom('client-1', four)).toBe('');
    await kubectl('label', 'pod', 'client-0', 'let=in');
    await apply(policy('web', { ingress: [{ from: [{ podSelector: { matchLabels: { let: 'in' } } }] }] }));
    await expectReach('near node');
    // Neighbour discovery is not among what is refused, however old what is known of others has become.
    await on(0, 'ip -6 neigh flush dev cox0');
    await expectReach('near node');
  });

  test('egress, and the way round by link-local addresses', async () => {
    await kubectl('delete', 'networkpolicy', 'web');
    await expectReach('near far node');
    const link = 'ip -6 -o addr show dev eth0 scope link';
    const local = /fe80:[^/]+/.exec(await kubectl('exec', 'web-0', '--', 'sh', '-c', link))?.[0] ?? '';
    const byLink = async () =>
      (await cluster().kubectl(['exec', 'client-0', '--', 'timeout', '2', 'nc', '-w', '1', `${local}%eth0`, '8080']))
        .code;
    expect(local).not.toBe('');
    await apply(
      policy('client', { podSelector: { matchLabels: { app: 'sleeper' } }, policyTypes: ['Egress'], egress: [] }),
    );
    await expectReach('node');
    expect(await byLink()).not.toBe(0);
    await kubectl('delete', 'networkpolicy', 'client');
    await expectReach('near far node');
  });
});

test('Ingress: reached by either family, balances over pods by the address it has for them', async () => {
  const backend = { service: { name: 'six', port: { number: 80 } } };
  await apply(
    service('six', { ipFamilyPolicy: 'SingleStack', ipFamilies: ['IPv6'] }),
    JSON.stringify({
      ...{ apiVersion: 'networking.k8s.io/v1', kind: 'Ingress', metadata: { name: 'web' } },
      spec: { ingressClassName: 'coxswain', defaultBackend: backend },
    }),
  );
  await node(0).ingress.start();
  const seen = new Set<string>();
  await waitFor(
    'both pods by IPv6',
    async () => seen.add((await who(six(0), 80)).split(' ')[1] ?? '').has('web-1') && seen.has('web-0'),
  );
  expect(await answers(node(0).address, 80)).toMatch(/ web-[01]/);
  await node(0).ingress.stop();
  await kubectl('delete', 'ingress/web', 'service/six');
});

test('an address of a pool is on the interface of one node, comes back when it was lost, and goes with its Service', async () => {
  const address = outside().replace(/1$/, '200');
  const spec = { type: 'LoadBalancer', loadBalancerIP: address, ports: [{ port: 8092, targetPort: 'http' }] };
  await apply(service('pooled', { ...spec, ipFamilyPolicy: 'SingleStack', ipFamilies: ['IPv6'] }));
  await answers(address, 8092);
  const shown = (n: number) => on(n, `ip -6 -o addr show to ${address}/128`);
  const holders = async (): Promise<number[]> => {
    const found = await Promise.all([0, 1].map(shown));
    return [0, 1].filter((n) => found[n]);
  };
  const holder = await waitFor('one node has it', async () => (await holders()).map(String)[0]);
  const [, link] = (await shown(Number(holder))).split(/\s+/);
  // As a proxy leaves it that is killed while it adds an address.
  const asks = `net.ipv6.conf.${link}.accept_dad`;
  await on(Number(holder), `sysctl -qw ${asks}=-1; ip -6 addr del ${address}/128 dev ${link}`);
  await waitFor('it is back', async () => (await holders()).length === 1);
  await waitFor('others are asked for', async () => (await on(Number(holder), `sysctl -n ${asks}`)).trim() === '1');
  await answers(address, 8092);
  await kubectl('delete', 'service', 'pooled');
  await waitFor('nobody has it', async () => (await holders()).length === 0);
});

test('a tunnel between IPv4 addresses carries pods of both families, and gives way to routes again', async () => {
  const routes = () => on(0, 'ip -6 route show proto 252');
  await Promise.all([0, 1].map((n) => restart(n, 'agent', '--network-backend', 'vxlan')));
  await waitFor('routes through the tunnel', async () => (await routes()).includes('dev cox-vxlan'));
  await waitFor('all reach all', reachesAll);
  await on(0, 'ip neigh flush dev cox-vxlan nud permanent; ip -6 route flush proto 252');
  await waitFor('all reach all again', reachesAll);
  await Promise.all([0, 1].map((n) => restart(n, 'agent', '--network-backend', 'host-gw')));
  await waitFor('routes between nodes', async () => (await routes()).includes(six(1)));
  await waitFor('all reach all', reachesAll);
});

test('--cleanup leaves nothing of either family', async () => {
  const left = () =>
    on(1, 'ip6tables-save | grep -c COX-; iptables-save | grep -c COX-; nft list tables | grep -c coxswain-proxy');
  await restarted.get('proxy 1')?.stop();
  await node(1).exec('ip6tables', ['-t', 'nat', '-N', 'COX-LEFT']);
  expect((await left()).split('\n').slice(0, 3)).toEqual(['1', '0', '2']);
  expect((await node(1).exec(bin('proxy'), ['--cleanup'], { timeoutMs: 120_000 })).code).toBe(0);
  expect((await left()).split('\n').slice(0, 3)).toEqual(['0', '0', '0']);
});
