import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { repository } from '../bed/layout.ts';
import { probe } from '../bed/net.ts';
import { useCluster } from '../bed/suite.ts';
import { waitFor } from '../bed/wait.ts';
import { apply, endContainer, eventsOf, exec, getPod, isReady, mainOf, onlyNode, pod, sleeper } from './agent/pods.ts';

/** The node's network is made by Debian's CNI plugins, as somebody would who brings a network of his own. */
const dir = mkdtempSync(join(tmpdir(), 'coxswain-cni-'));
afterAll(() => rmSync(dir, { recursive: true, force: true }));
const configuration = join(dir, 'net.d/10-bridge.conflist');
/** host-local keeps one file for each address it gave away. */
const leases = (network: string): string[] =>
  readdirSync(join(dir, 'leases', network)).filter((name) => /^\d+\.\d+\.\d+\.\d+$/.test(name));
const ipam = (subnet: string) => ({ type: 'host-local', subnet, dataDir: join(dir, 'leases') });
const first = {
  cniVersion: '1.0.0',
  name: 'own',
  plugins: [
    {
      type: 'bridge',
      bridge: 'own0',
      isDefaultGateway: true,
      ipMasq: true,
      hairpinMode: true,
      ipam: ipam('10.66.0.0/24'),
    },
    { type: 'portmap', capabilities: { portMappings: true } },
  ],
};
mkdirSync(join(dir, 'net.d'));
writeFileSync(configuration, JSON.stringify(first));
writeFileSync(join(dir, 'net.d/00-broken.conflist'), '{');

const cluster = useCluster('e2e-agent-cni', {
  nodes: 1,
  apiservers: 1,
  flags: { 'node-agent': ['--cni-conf-dir', join(dir, 'net.d'), '--cni-bin-dir', '/usr/lib/cni'] },
});
const { node, until } = onlyNode(cluster);
const HOST_PORT = 18091;

// A node without a network of ours is Ready before the controllers have made what pods need.
beforeAll(() => waitFor('pods can be made', () => cluster().get('serviceaccount', 'default')));
const url = () => `http://${node().address}:${HOST_PORT}/`;
const ports = async (): Promise<string[]> =>
  (await node().exec('ip', ['-o', 'link', 'show', 'type', 'veth'])).stdout
    .split('\n')
    .filter((l) => l.includes('own0'));

const extra = (name: string, config: object) => ({
  apiVersion: 'k8s.cni.cncf.io/v1',
  kind: 'NetworkAttachmentDefinition',
  metadata: { name },
  spec: { config: JSON.stringify(config) },
});
const wanting = (networks: string) => ({ annotations: { 'k8s.v1.cni.cncf.io/networks': networks } });

test('pods get addresses, ports of the node and each other by plugins', async () => {
  const image = { image: 'coxswain/hello:1', imagePullPolicy: 'Never' };
  const server = { name: 'main', ...image, ports: [{ containerPort: 8080, hostPort: HOST_PORT }] };
  const readinessProbe = { httpGet: { port: 8080 }, periodSeconds: 1 };
  await apply(cluster(), pod('server', { ...server, readinessProbe }), pod('client', sleeper()));
  const { podIP } = (await until('server', isReady)).status ?? {};
  expect(podIP).toMatch(/^10\.66\.0\.\d+$/);
  await until('client', isReady);
  expect(await exec(cluster(), 'client', `wget -q -O - http://${podIP}:8080/`)).toContain('hello from server');
  expect(await waitFor('the port of the node leads to the pod', () => probe(url()))).toContain('hello from server');
  expect(await exec(cluster(), 'client', 'ls /sys/class/net | tr "\\n" " "')).toBe('eth0 lo ');
  expect(leases('own')).toHaveLength(2);
});

test('further networks by annotation; one that does not exist is waited for', async () => {
  const example = readFileSync(join(repository, 'deploy/examples/networks.yaml'), 'utf8');
  const [crd = ''] = example.split('\n---\n');
  await cluster().kubectlOk(['apply', '-f', '-'], { input: crd });
  await waitFor('the kind is served', async () => (await cluster().kubectl(['get', 'net-attach-def'])).code === 0);
  const second = {
    cniVersion: '0.4.0',
    type: 'bridge',
    bridge: 'second0',
    isGateway: true,
    ipam: ipam('10.67.0.0/24'),
  };
  await apply(cluster(), extra('second', second));
  const networks = [
    { name: 'second', interface: 'data0' },
    { name: 'third', namespace: 'default' },
  ];
  await apply(
    cluster(),
    pod('two', sleeper(), {}, wanting('second@data0')),
    pod('waits', sleeper(), {}, wanting(JSON.stringify(networks))),
  );
  const two = await until('two', isReady);
  const address = await exec(cluster(), 'two', "ip addr show data0 | awk '/inet / { print $2 }'");
  expect(address).toMatch(/^10\.67\.0\.\d+\/24\n$/);
  const told = JSON.parse(
    (await until('two', (p) => p.metadata?.annotations?.['k8s.v1.cni.cncf.io/network-status'])).metadata?.annotations?.[
      'k8s.v1.cni.cncf.io/network-status'
    ] ?? '',
  );
  expect(told).toMatchObject([
    { name: 'own', interface: 'eth0', default: true, ips: [two.status?.podIP] },
    { name: 'default/second', interface: 'data0', default: false, ips: [address.split('/')[0]] },
  ]);
  const problem = 'there is no network-attachment-definition default/third';
  await waitFor('the pod says what it lacks', async () =>
    (await eventsOf(cluster(), 'waits', 'FailedCreatePodSandBox')).some((m) => m.includes(problem)),
  );
  await apply(cluster(), extra('third', { ...second, name: 'third', bridge: 'third0', ipam: ipam('10.68.0.0/24') }));
  await until('waits', isReady);
  expect(await exec(cluster(), 'waits', 'ls /sys/class/net | tr "\\n" " "')).toBe('data0 eth0 lo net2 ');
});

test('a restarted agent leaves the interfaces alone, and tells of those that somebody took away', async () => {
  const before = await until('two', isReady);
  await exec(cluster(), 'waits', 'true');
  await node().agent.kill('SIGKILL');
  const sandbox = ['ps', '-q', '--filter', 'name=cox_POD_waits_', '--format', '{{.ID}}'];
  const docker = (...args: string[]) => node().exec('docker', ['-H', node().dockerHost, ...args]);
  const [id = ''] = (await docker(...sandbox)).stdout.trim().split('\n');
  const { stdout: pid } = await docker('inspect', '-f', '{{.State.Pid}}', id);
  await node().exec('nsenter', ['--net', '--target', pid.trim(), 'ip', 'link', 'del', 'net2']);
  await node().agent.start();
  await waitFor('the agent misses the interface', async () =>
    (await eventsOf(cluster(), 'waits', 'NetworkCheckFailed')).some((m) => m.includes('(check)')),
  );
  expect(await eventsOf(cluster(), 'two', 'NetworkCheckFailed')).toEqual([]);
  const after = await getPod(cluster(), 'two');
  expect([after.status?.podIP, mainOf(after)?.containerID]).toEqual([
    before.status?.podIP,
    mainOf(before)?.containerID,
  ]);
});

test('a sandbox that was killed gets another address, the old one is given back', async () => {
  await endContainer(cluster(), 'client');
  await until('client', (p) => mainOf(p)?.restartCount === 1 && isReady(p));
  const kill = `docker -H ${node().dockerHost} kill $(docker -H ${node().dockerHost} ps -q --filter name=cox_POD_client_)`;
  await node().exec('sh', ['-c', kill]);
  await until('client', (p) => mainOf(p)?.restartCount === 2 && isReady(p));
  await waitFor('one address for each pod', () => leases('own').length === 4);
});

test('without a configuration the node is not ready, and says why', async () => {
  rmSync(configuration);
  const path = '{.status.conditions[?(@.type=="Ready")].message}';
  const said = () => cluster().get('node', node().name, '-o', `jsonpath=${path}`);
  await waitFor('the node says so', async () =>
    (await said()).includes('network plugin is not ready: no network configuration'),
  );
  writeFileSync(configuration, JSON.stringify(first));
  await waitFor('the node is ready again', async () => (await said()) === 'kubelet is posting ready status');
});

test('nothing is left of pods that went, also while the agent was away', async () => {
  await node().agent.kill('SIGKILL');
  await cluster().kubectlOk(['delete', 'pod', 'client', '--force', '--grace-period=0']);
  const remove = `docker -H ${node().dockerHost} rm -f $(docker -H ${node().dockerHost} ps -aq --filter name=_client_)`;
  await node().exec('sh', ['-c', remove]);
  await node().agent.start();
  await cluster().kubectlOk(['delete', 'pod', 'server', 'two', 'waits', '--timeout=120s'], { timeoutMs: 130_000 });
  await waitFor('all addresses are given back', () =>
    ['own', 'second', 'third'].every((network) => leases(network).length === 0),
  );
  // An address is given back before its interface goes.
  await waitFor('so are all interfaces', async () => (await ports()).length === 0);
  await expect(probe(url())).rejects.toThrow();
  await waitFor('nothing is noted', () => readdirSync(join(node().dir, 'agent/networks')).length === 0);
  expect((await node().exec('iptables', ['-t', 'nat', '-S'])).stdout).not.toContain(String(HOST_PORT));
});
