import { readFileSync } from 'node:fs';
import { type RequestOptions, request } from 'node:https';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { expect, test } from 'vitest';
import { useCluster } from '../bed/suite.ts';
import { waitFor } from '../bed/wait.ts';
import { apply, isReady, pod, podUntil, shell, sleeper } from './agent/pods.ts';

const cluster = useCluster('e2e-agent-metrics', {
  nodes: 1,
  apiservers: 1,
  flags: {
    'controller-manager': [
      ...['--horizontal-pod-autoscaler-sync-period', '1s'],
      ...['--horizontal-pod-autoscaler-initial-readiness-delay', '0'],
    ],
  },
});

const node = () => cluster().nodes[0] as NonNullable<ReturnType<typeof cluster>['nodes'][0]>;
const CPU = { requests: { cpu: '100m', memory: '32Mi' }, limits: { cpu: '200m', memory: '64Mi' } };
const MIB = 2 ** 20;
const END = 'trap "exit 0" TERM; sleep 3600 & wait';
// biome-ignore lint/suspicious/noExplicitAny: what a summary holds is what is asked
type Json = any;
/** Works as hard as it may, until it is told to rest. */
const BUSY = 'trap "exit 0" TERM; while :; do [ -e /tmp/rest ] && sleep 0.2; done';

/** Cells of a table that kubectl prints, without its head. */
const rows = (table: string): string[][] =>
  table
    .trim()
    .split('\n')
    .slice(1)
    .map((line) => line.trim().split(/\s+/));

test('kubectl top shows nodes, pods and containers; a selector and a namespace narrow it', async () => {
  const two = [shell(BUSY, { name: 'busy', resources: CPU }), sleeper({ name: 'idle' })];
  const metadata = { labels: { app: 'two' } };
  await apply(cluster(), { ...pod('two', {}, { containers: two }, metadata) }, pod('other', sleeper()));
  await podUntil(cluster(), 'two', isReady);
  await podUntil(cluster(), 'other', isReady);
  const containers = await waitFor('top of containers', async () => {
    const found = rows(await cluster().kubectlOk(['top', 'pods', '--containers', '-l', 'app=two']));
    return found.length === 2 && Number.parseInt(found[0]?.[2] ?? '', 10) > 50 ? found : undefined;
  });
  expect(containers.map(([name, container]) => `${name} ${container}`)).toEqual(['two busy', 'two idle']);
  // What its limit lets through, and a little for what was measured late.
  expect(Number.parseInt(containers[0]?.[2] ?? '', 10)).toBeLessThan(300);
  expect(Number.parseInt(containers[1]?.[2] ?? '', 10)).toBeLessThan(50);
  expect(containers[0]?.[3]).toMatch(/^\d+Mi$/);
  expect(rows(await cluster().kubectlOk(['top', 'pod', 'other']))).toHaveLength(1);
  const nodes = rows(await cluster().kubectlOk(['top', 'nodes']));
  expect(nodes).toHaveLength(1);
  expect(nodes[0]?.[0]).toBe(node().name);
  expect(nodes[0]?.[1]).toMatch(/^[1-9]\d*m$/);
  expect(nodes[0]?.[2]).toMatch(/^\d+%$/);
  expect((await cluster().kubectl(['top', 'pods', '-n', 'kube-node-lease'])).stderr).toContain('No resources found');
  const raw = JSON.parse(
    await cluster().kubectlOk(['get', '--raw', '/apis/metrics.k8s.io/v1beta1/namespaces/default/pods/two']),
  );
  expect(raw).toMatchObject({ kind: 'PodMetrics', metadata: { name: 'two', labels: { app: 'two' } } });
  expect(raw.window).toMatch(/^[\d.]+s$/);
  const table = await cluster().kubectlOk(['get', 'pods.v1beta1.metrics.k8s.io', 'two']);
  expect(table.split('\n')[0]?.split(/\s+/)).toEqual(['NAME', 'CPU', 'MEMORY', 'WINDOW']);
  const gone = await cluster().kubectl(['get', 'pods.v1beta1.metrics.k8s.io', 'nobody']);
  expect(gone.stderr).toContain('podmetrics.metrics.k8s.io "default/nobody" not found');
  expect(await cluster().kubectlOk(['api-resources', '--api-group', 'metrics.k8s.io', '-o', 'name'])).toBe(
    'nodes.metrics.k8s.io\npods.metrics.k8s.io\n',
  );
});

test('metrics need a permission, which the role view has', async () => {
  await cluster().kubectlOk(['create', 'serviceaccount', 'viewer']);
  const top = () => cluster().kubectl(['top', 'pods', '--as', 'system:serviceaccount:default:viewer']);
  expect((await top()).stderr).toContain('cannot list resource "pods" in API group "metrics.k8s.io"');
  await cluster().kubectlOk([
    'create',
    'rolebinding',
    'viewer',
    '--clusterrole=view',
    '--serviceaccount=default:viewer',
  ]);
  await waitFor('the role is known', async () => (await top()).code === 0);
});

/** Asks the agent itself. */
function askAgent(path: string, options: RequestOptions = {}): Promise<{ code: number; body: string }> {
  const ca = readFileSync(join(cluster().dir, 'pki/node-ca.crt'));
  return new Promise((resolve, reject) => {
    const ask = request({ host: node().address, port: 10250, path, ca, agent: false, ...options });
    ask.on('response', (r) => {
      text(r).then((body) => resolve({ code: r.statusCode ?? 0, body }), reject);
    });
    ask.on('error', reject);
    ask.end();
  });
}

test("the agent's port opens to tokens that may do what they ask: 401, 403, 200", async () => {
  await cluster().kubectlOk(['create', 'serviceaccount', 'scraper']);
  const token = (await cluster().kubectlOk(['create', 'token', 'scraper'])).trim();
  const bearer = (t: string) => ({ headers: { authorization: `Bearer ${t}` } });
  expect((await askAgent('/metrics/resource')).code).toBe(401);
  expect((await askAgent('/metrics/resource', bearer('made-up'))).code).toBe(401);
  const refused = await askAgent('/metrics/resource', bearer(token));
  expect(refused.code).toBe(403);
  expect(refused.body).toContain(
    'user=system:serviceaccount:default:scraper, verb=get, resource=nodes, subresource=metrics',
  );
  // Another account: a refusal is believed for half a minute.
  await cluster().kubectlOk(['create', 'serviceaccount', 'reader']);
  const may = (await cluster().kubectlOk(['create', 'token', 'reader'])).trim();
  await cluster().kubectlOk(['create', 'clusterrole', 'reader', '--verb=get', '--resource=nodes/metrics']);
  const binding = ['reader', '--clusterrole=reader', '--serviceaccount=default:reader'];
  await cluster().kubectlOk(['create', 'clusterrolebinding', ...binding]);
  // Either server may be asked by the agent, which believes a refusal for a while.
  for (const server of cluster().apiservers) {
    const asked = ['--server', server, '--as', 'system:serviceaccount:default:reader'];
    const canI = ['auth', 'can-i', 'get', 'nodes', '--subresource=metrics', ...asked];
    await waitFor('the role is known', async () => (await cluster().kubectl(canI)).code === 0);
  }
  const scraped = await askAgent('/metrics/resource', bearer(may));
  expect(scraped.code).toBe(200);
  expect(scraped.body).toMatch(
    /^container_cpu_usage_seconds_total\{container="busy",namespace="default",pod="two"\} [\d.]+ \d+$/m,
  );
  const containers = await askAgent('/metrics/cadvisor', bearer(may));
  expect(containers.body).toMatch(
    /^container_memory_rss\{container="main",id="\w+",image="coxswain\/busybox:1",namespace="default",pod="other"\} \d+ \d+$/m,
  );
  expect((await askAgent('/stats/summary', bearer(may))).code).toBe(403);
  expect((await askAgent('/pods', bearer(may))).code).toBe(403);
  // Whoever may read metrics must not run commands.
  expect((await askAgent('/exec/default/two/busy?command=id', { method: 'POST', ...bearer(may) })).code).toBe(403);
});

test('what a pod has written is told: of containers, volumes and all together', async () => {
  const script = `dd if=/dev/zero of=/x bs=1M count=3; dd if=/dev/zero of=/v/x bs=1M count=2; echo told; ${END}`;
  const main = shell(script, { volumeMounts: [{ name: 'v', mountPath: '/v' }] });
  await apply(cluster(), pod('writer', main, { volumes: [{ name: 'v', emptyDir: {} }] }));
  await podUntil(cluster(), 'writer', isReady);
  await waitFor('it has written', async () => (await cluster().kubectlOk(['logs', 'writer'])).includes('told'));
  const ask = ['get', '--raw', `/api/v1/nodes/${node().name}/proxy/stats/summary`];
  // Whoever has asked in the second before, when the pod did not run yet, has asked for us too.
  const [summary, writer] = await waitFor('the pod is told of', async () => {
    const told = JSON.parse(await cluster().kubectlOk(ask));
    const found = told.pods.find((p: Json) => p.podRef.name === 'writer');
    return found?.containers.length > 0 ? [told, found] : undefined;
  });
  const { containers, volume, ...of } = writer;
  const [{ rootfs, logs }] = containers;
  expect(rootfs.usedBytes).toBeGreaterThanOrEqual(3 * MIB);
  expect(logs.usedBytes).toBeGreaterThan(0);
  const { imageFs } = summary.node.runtime;
  for (const disk of [rootfs, logs])
    expect(disk).toMatchObject({ capacityBytes: imageFs.capacityBytes, inodes: imageFs.inodes });
  const [kept, token] = ['v', /^kube-api-access-/].map((name) => volume.find((v: Json) => v.name.match(name)));
  expect(kept.usedBytes).toBeGreaterThanOrEqual(2 * MIB);
  expect(kept.inodesUsed).toBe(2);
  expect(token.usedBytes).toBeGreaterThan(0);
  const { 'ephemeral-storage': all } = of;
  expect(all.usedBytes).toBe(rootfs.usedBytes + logs.usedBytes + kept.usedBytes);
  expect(all.capacityBytes).toBe(summary.node.fs.capacityBytes);
  const metrics = await cluster().kubectlOk(['get', '--raw', `/api/v1/nodes/${node().name}/proxy/metrics/cadvisor`]);
  const written = /^container_fs_usage_bytes\{.*namespace="default",pod="writer"\} (\d+) \d+$/m.exec(metrics)?.[1];
  expect(Number(written)).toBe(rootfs.usedBytes);
});

test('an autoscaler follows the load of its pods, up and down again', async () => {
  const template = {
    metadata: { labels: { app: 'web' } },
    spec: { terminationGracePeriodSeconds: 0, containers: [shell(BUSY, { resources: CPU })] },
  };
  const target = { type: 'Utilization', averageUtilization: 50 };
  const now = { stabilizationWindowSeconds: 0 };
  await apply(
    cluster(),
    {
      apiVersion: 'apps/v1',
      kind: 'Deployment',
      metadata: { name: 'web' },
      spec: { replicas: 1, selector: { matchLabels: { app: 'web' } }, template },
    },
    {
      apiVersion: 'autoscaling/v2',
      kind: 'HorizontalPodAutoscaler',
      metadata: { name: 'web' },
      spec: {
        scaleTargetRef: { apiVersion: 'apps/v1', kind: 'Deployment', name: 'web' },
        maxReplicas: 3,
        metrics: [{ type: 'Resource', resource: { name: 'cpu', target } }],
        behavior: { scaleUp: now, scaleDown: now },
      },
    },
  );
  const replicas = () => cluster().get('deployment', 'web', '-o', 'jsonpath={.status.readyReplicas}');
  await waitFor('three pods', async () => (await replicas()) === '3', { timeoutMs: 100_000 });
  await waitFor('the load is shown', async () => /cpu: \d+%\/50%/.test(await cluster().get('hpa', 'web')));
  const pods = () => cluster().get('pods', '-l', 'app=web', '-o', 'name');
  await waitFor(
    'one pod',
    async () => {
      // As soon as some rest, others may be taken away before they are told.
      for (const name of (await pods()).trim().split('\n'))
        await cluster().kubectl(['exec', name, '--', 'touch', '/tmp/rest']);
      return (await replicas()) === '1';
    },
    { timeoutMs: 120_000 },
  );
});
