import { join } from 'node:path';
import { beforeAll, describe, expect, test } from 'vitest';
import { run } from '../../deploy/run.ts';
import { repository } from '../bed/layout.ts';
import { useCluster } from '../bed/suite.ts';
import { waitFor } from '../bed/wait.ts';
import { manifest } from './manifests.ts';

const cluster = useCluster('e2e-dns', { nodes: 2 });
const source = join(repository, 'test/e2e/network/lookup.c');
const apply = (input: string) => cluster().kubectlOk(['apply', '-f', '-'], { input });

/** Two named endpoints behind a headless Service, one Service with an address, one that is an alias. */
const WORKLOAD = `
apiVersion: v1
kind: Service
metadata: { name: web }
spec: { selector: { app: db }, ports: [{ name: http, port: 80, targetPort: 8080 }] }
---
apiVersion: v1
kind: Service
metadata: { name: db }
spec: { clusterIP: None, selector: { app: db }, ports: [{ name: http, port: 8080 }] }
---
apiVersion: v1
kind: Service
metadata: { name: alias }
spec: { type: ExternalName, externalName: web.default.svc.cluster.local }
${['db-0', 'db-1']
  .map(
    (name) => `---
apiVersion: v1
kind: Pod
metadata: { name: ${name}, labels: { app: db } }
spec:
  hostname: ${name}
  subdomain: db
  terminationGracePeriodSeconds: 1
  containers: [{ name: main, image: 'coxswain/hello:1', imagePullPolicy: Never }]
`,
  )
  .join('')}`;

const client = (node: number): string => `client-${cluster().nodes[node]?.name}`;
const inPod = (node: number, ...command: string[]) => cluster().kubectl(['exec', client(node), '--', ...command]);

/** Addresses a pod's own resolver finds, sorted. */
async function lookup(node: number, name: string): Promise<string[]> {
  const { stdout } = await inPod(node, 'nslookup', name);
  const answers = stdout.slice(stdout.indexOf('Name:'));
  return [...new Set([...answers.matchAll(/Address(?: \d+)?: (\d+\.\d+\.\d+\.\d+)\b/g)].map((m) => m[1] ?? ''))].sort();
}

/** The name server of the node, which follows by itself, finds these addresses. */
const finds = (node: number, name: string, ...wanted: string[]) =>
  waitFor(`${name}: ${wanted}`, async () => (await lookup(node, name)).join() === wanted.sort().join());

const ip = (pod: string) => cluster().get('pod', pod, '-o', 'jsonpath={.status.podIP}');

beforeAll(async () => {
  await apply(WORKLOAD);
  for (const [i, node] of cluster().nodes.entries()) await apply(manifest.sleeper(client(i), node.name));
  await cluster().kubectlOk(['wait', '--for=condition=Ready', 'pods', '--all', '--timeout=110s']);
});

describe('from a pod on each node', () => {
  test.each([0, 1])('node %i: by short name, through the name of the Service', async (node) => {
    await waitFor('the Service answers by its name', async () => {
      const { code, stdout } = await inPod(node, 'timeout', '10', 'wget', '-qO-', 'http://web/');
      return code === 0 && stdout.includes('db-');
    });
    for (const url of [
      'http://web.default/',
      'http://web.default.svc.cluster.local/',
      'http://alias/',
      'http://db-1.db:8080/',
    ]) {
      await waitFor(url, async () => (await inPod(node, 'timeout', '10', 'wget', '-qO-', url)).code === 0);
    }
  });

  test('a headless Service is its endpoints, and each by its name', async () => {
    const [zero, one] = await Promise.all([ip('db-0'), ip('db-1')]);
    await finds(0, 'db.default.svc.cluster.local', zero, one);
    await finds(1, 'db-1.db.default.svc.cluster.local', one);
    expect(await lookup(1, `${zero.replaceAll('.', '-')}.default.pod.cluster.local`)).toEqual([zero]);
    const { stdout } = await inPod(0, 'nslookup', zero);
    expect(stdout).toContain('db-0.db.default.svc.cluster.local');
  });

  test('what does not exist is not found, and soon', async () => {
    const { code, stdout, stderr } = await inPod(0, 'nslookup', 'nobody.default.svc.cluster.local');
    expect(code).not.toBe(0);
    expect(stdout + stderr).toMatch(/NXDOMAIN|can't resolve/);
  });
});

/** The resolvers of C libraries, each with its own way to ask: glibc one after the other, musl all at once. */
test.each([
  ['glibc', 'gcc'],
  ['musl', 'musl-gcc'],
])('%s finds names by the search path, and that one does not exist', async (library, compiler) => {
  const [node] = cluster().nodes;
  if (!node) throw new Error('there is no node');
  const program = join(cluster().dir, `lookup-${library}`);
  await run(compiler, ['-o', program, ...(library === 'musl' ? ['-static'] : []), source]);
  const id = await cluster().kubectlOk([
    'get',
    'pod',
    client(0),
    '-o=jsonpath={.status.containerStatuses[0].containerID}',
  ]);
  const format = '{{.State.Pid}} {{.ResolvConfPath}}';
  const inspect = ['-H', node.dockerHost, 'inspect', '-f', format, id.replace('docker://', '')];
  const [pid = '', file = ''] = (await node.exec('docker', inspect)).stdout.trim().split(' ');
  const nobody = 'nobody.default.svc.cluster.local.';
  const names = ['web', 'web.default', 'web.default.svc.cluster.local', 'alias', 'db', 'db-1.db', nobody];
  const script = `mount --bind ${file} /etc/resolv.conf && exec ${program} ${names.join(' ')}`;
  const asPod = ['--net', '--target', pid, 'unshare', '--mount', 'sh', '-c', script];
  const { stdout, stderr } = await node.exec('nsenter', asPod, { timeoutMs: 60_000 });
  const vip = await cluster().get('service', 'web', '-o', 'jsonpath={.spec.clusterIP}');
  const [zero, one] = await Promise.all([ip('db-0'), ip('db-1')]);
  const found = stdout
    .trim()
    .split('\n')
    .map((line) => line.split(' ').sort().join(' '));
  const lines = names.slice(0, 4).map((name) => [name, vip]);
  lines.push(['db', zero, one], ['db-1.db', one], [nobody, 'none']);
  expect(found, stderr).toEqual(lines.map((line) => line.sort().join(' ')));
});

test('a new Service has its name soon, a deleted one loses it', async () => {
  await cluster().kubectlOk(['create', 'service', 'clusterip', 'fresh', '--tcp=80:80']);
  const address = await cluster().get('svc', 'fresh', '-o', 'jsonpath={.spec.clusterIP}');
  const found = async (): Promise<string[]> => lookup(0, 'fresh.default.svc.cluster.local');
  await waitFor('the name', async () => (await found()).includes(address), { everyMs: 50 });
  await cluster().kubectlOk(['delete', 'svc', 'fresh']);
  await waitFor('no name', async () => (await found()).length === 0, { everyMs: 50 });
});

test('an endpoint that goes leaves the headless Service', async () => {
  await cluster().kubectlOk(['delete', 'pod', 'db-1']);
  await finds(1, 'db.default.svc.cluster.local', await ip('db-0'));
});

test('names are answered while the API is away, and after the name server was killed', async () => {
  const { processes, nodes } = cluster();
  const down = [processes.apiserver1, processes.apiserver2];
  const jsonpath = '-o=jsonpath={.status.containerStatuses[0].containerID}';
  const container = (await cluster().kubectlOk(['get', 'pod', client(0), jsonpath])).replace('docker://', '');
  // Past the API, which is what this is about.
  const ask = async (): Promise<string | undefined> => {
    const lookUp = ['exec', container, 'nslookup', 'web.default.svc.cluster.local'];
    return (await nodes[0]?.exec('docker', ['-H', nodes[0].dockerHost, ...lookUp]))?.stdout;
  };
  const before = await ask();
  expect(before).toContain('web.default.svc.cluster.local');
  for (const p of down) await p.kill('SIGKILL');
  expect(await ask()).toBe(before);
  for (const p of down) await p.start();
  await nodes[0]?.dns.kill('SIGKILL');
  await nodes[0]?.dns.start();
  await waitFor('the answer after the restart', async () => (await ask()) === before);
});
