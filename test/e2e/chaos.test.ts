import { once } from 'node:events';
import type { IncomingMessage } from 'node:http';
import { Agent, request } from 'node:https';
import { text } from 'node:stream/consumers';
import { beforeAll, describe, expect, test } from 'vitest';
import type { Pod } from '#api/kinds/index.ts';
import { systemClock } from '#async/clock.ts';
import { type Kubeconfig, loadKubeconfig } from '#client/kubeconfig.ts';
import type { ProcessName } from '../bed/cluster.ts';
import type { ClusterNode } from '../bed/cluster-node.ts';
import { useCluster } from '../bed/suite.ts';
import { waitFor } from '../bed/wait.ts';
import { apply, exec, getPod, isReady, mainOf, pod, podUntil, shell, sleeper } from './agent/pods.ts';
import { HELLO, manifest, podsOf } from './manifests.ts';
import { attempt, unanswered } from './network/attempt.ts';
import { constantLoad, here, type Run } from './network/load.ts';

const cluster = useCluster('e2e-chaos', {
  nodes: 2,
  members: 3,
  flags: { 'controller-manager': ['--node-monitor-grace-period', '25s'] },
});

const answers = async (): Promise<boolean> => {
  const r = await cluster().nodes[0]?.exec('curl', ['-sf', '-m', '20', `http://${cluster().nodes[0]?.address}:30080/`]);
  return r?.code === 0;
};

/** New work is done from request to running container. */
async function newWork(name: string): Promise<void> {
  await waitFor(
    'the API takes a pod',
    async () => (await cluster().kubectl(['apply', '-f', '-'], { input: manifest.sleeper(name) })).code === 0,
  );
  await cluster().kubectlOk(['wait', '--for=condition=Ready', `pod/${name}`, '--timeout=100s']);
  await cluster().kubectlOk(['delete', 'pod', name, '--timeout=100s']);
}

const containerIds = async (): Promise<string[]> =>
  (await podsOf(cluster(), 'app=hello'))
    .flatMap((p) => p.status.containerStatuses?.map((c) => c.containerID) ?? [])
    .sort();

beforeAll(async () => {
  await cluster().kubectlOk(['apply', '-f', '-'], { input: HELLO });
  await cluster().kubectlOk(['rollout', 'status', 'deployment/hello', '--timeout=100s']);
  await waitFor('the service answers', answers);
});

describe('kill -9, the workload serves and new work is done', () => {
  test.each<ProcessName>(['apiserver1', 'etcd1', 'scheduler', 'controller-manager'])('%s', async (name) => {
    const victim = cluster().processes[name];
    await victim.kill('SIGKILL');
    expect(await answers()).toBe(true);
    // One of several: work goes on without it. The single ones come back first, as under any supervisor.
    if (name === 'scheduler' || name === 'controller-manager') await victim.start();
    await newWork(`after-${name}`);
    if (!victim.running) await victim.start();
    expect(await answers()).toBe(true);
  });

  test('node-agent: running containers are adopted, not restarted', async () => {
    const before = await containerIds();
    for (const node of cluster().nodes) await node.agent.kill('SIGKILL');
    expect(await answers()).toBe(true);
    await Promise.all(cluster().nodes.map((n) => n.agent.start()));
    await newWork('after-agent');
    expect(await containerIds()).toEqual(before);
    const restarts = (await podsOf(cluster(), 'app=hello')).flatMap(
      (p) => p.status.containerStatuses?.map((c) => c.restartCount) ?? [],
    );
    expect(restarts).toEqual([0, 0, 0]);
  });

  test('proxy: rules stay, and are restored when somebody flushes them', async () => {
    const node = cluster().nodes[0];
    await node?.proxy.kill('SIGKILL');
    expect(await answers()).toBe(true);
    await node?.proxy.start();
    expect((await node?.exec('iptables', ['-t', 'nat', '-F']))?.code).toBe(0);
    await waitFor('the rules are back', answers);
  });
});

test('a leader that was stopped past its lease wakes up as a zombie and writes nothing', async () => {
  const leader = cluster().processes['controller-manager'];
  const lease = async (): Promise<{ holderIdentity: string; leaseDurationSeconds: number; renewTime: string }> =>
    JSON.parse(await cluster().get('lease', 'kube-controller-manager', '-n', 'kube-system', '-o', 'json')).spec;
  // One that was started after another was killed waits for the other's lease to run out.
  const { renewTime: before } = await lease();
  const held = await waitFor('it leads', async () => {
    const now = await lease();
    return now.renewTime === before ? undefined : now;
  });
  leader.signal('SIGSTOP');
  await waitFor('the lease has run out', async () => {
    const { renewTime, leaseDurationSeconds } = await lease();
    return Date.now() - Date.parse(renewTime) > leaseDurationSeconds * 1000;
  });
  const taken = {
    holderIdentity: 'somebody-else',
    leaseDurationSeconds: 3600,
    renewTime: '2030-01-01T00:00:00.000000Z',
  };
  await cluster().kubectlOk([
    '-n',
    'kube-system',
    'patch',
    'lease',
    'kube-controller-manager',
    '--type=merge',
    '-p',
    JSON.stringify({ spec: taken }),
  ]);
  await cluster().kubectlOk(['scale', 'deployment/hello', '--replicas=5']);
  leader.signal('SIGCONT');
  await waitFor('the zombie ends', () => !leader.running);
  const rs = JSON.parse(await cluster().get('rs', '-l', 'app=hello', '-o', 'json'));
  expect(rs.items.map((r: { spec: { replicas: number } }) => r.spec.replicas)).toEqual([3]);
  expect(await lease()).toMatchObject({ holderIdentity: 'somebody-else' });
  expect(held.holderIdentity).not.toBe('somebody-else');
  await cluster().kubectlOk(['-n', 'kube-system', 'delete', 'lease', 'kube-controller-manager']);
  await leader.start();
  await waitFor('the new leader does the work', async () => (await podsOf(cluster(), 'app=hello')).length === 5);
  await cluster().kubectlOk(['scale', 'deployment/hello', '--replicas=3']);
});

test('pods of a node that was silent are Ready again when it speaks', async () => {
  const [first] = cluster().nodes;
  const spec = { tolerations: unmoved(), nodeSelector: { 'kubernetes.io/hostname': first?.name } };
  await apply(cluster(), pod('patient', sleeper(), spec));
  await cluster().kubectlOk(['wait', '--for=condition=Ready', 'pod/patient', '--timeout=100s']);
  first?.agent.signal('SIGSTOP');
  await cluster().kubectlOk(['wait', '--for=condition=Ready=false', 'pod/patient', '--timeout=100s']);
  first?.agent.signal('SIGCONT');
  await cluster().kubectlOk(['wait', '--for=condition=Ready', 'pod/patient', '--timeout=100s']);
  await cluster().kubectlOk(['delete', 'pod', 'patient']);
});

/** They wait for a node that is silent. */
const unmoved = (more: object = {}) =>
  ['not-ready', 'unreachable'].map((k) => ({
    key: `node.kubernetes.io/${k}`,
    operator: 'Exists',
    effect: 'NoExecute',
    ...more,
  }));

/** Pods that stay on a node whatever becomes of it. @returns them by name, as they run or have ended */
async function bound(nodeName: string): Promise<Record<'steady' | 'once' | 'done', Pod>> {
  const volumes = [
    { name: 'disk', emptyDir: {} },
    { name: 'memory', emptyDir: { medium: 'Memory' } },
  ];
  const volumeMounts = volumes.map(({ name }) => ({ name, mountPath: `/${name}` }));
  const write = 'echo written | tee /disk/x > /memory/x';
  const spec = { nodeName, tolerations: unmoved() };
  await apply(
    cluster(),
    pod('steady', sleeper({ volumeMounts }), { ...spec, volumes }),
    pod('once', sleeper(), { ...spec, restartPolicy: 'Never' }),
    pod('done', shell('true'), { ...spec, restartPolicy: 'Never' }),
  );
  const [steady, once] = [await podUntil(cluster(), 'steady', isReady), await podUntil(cluster(), 'once', isReady)];
  await exec(cluster(), 'steady', write);
  return { steady, once, done: await podUntil(cluster(), 'done', (p) => p.status?.phase === 'Succeeded') };
}

/** What became of the pods of `bound` once their node is back. */
async function rebooted(before: Awaited<ReturnType<typeof bound>>): Promise<void> {
  const id = (p: Pod) => mainOf(p)?.containerID;
  const steady = await podUntil(cluster(), 'steady', (p) => isReady(p) && id(p) !== id(before.steady));
  expect(mainOf(steady)?.restartCount).toBeGreaterThan(0);
  // What is in memory ends with the machine, and is in memory again.
  const look = 'cat /disk/x; ls /memory; grep -c "^tmpfs /memory " /proc/mounts';
  expect(await exec(cluster(), 'steady', look)).toBe('written\n1\n');
  const once = await podUntil(cluster(), 'once', (p) => p.status?.phase === 'Failed');
  expect([mainOf(once)?.restartCount, id(once)]).toEqual([0, id(before.once)]);
  const done = await getPod(cluster(), 'done');
  expect([done.status?.phase, mainOf(done)?.state]).toEqual(['Succeeded', mainOf(before.done)?.state]);
}

/** Everything that pods have on a node: containers, mounts, cgroups, addresses, folders. */
async function left(node: ClusterNode): Promise<string> {
  const agent = `${node.dir}/agent`;
  const script = `
    docker -H ${node.dockerHost} ps -aq || echo nobody knows
    grep -E ' ${agent}/(pods|memory)/' /proc/mounts
    find /sys/fs/cgroup -type d -path '*${node.cgroupRoot}/kubepods/*' -name 'pod*'
    docker -H ${node.dockerHost} network inspect -f '{{range .Containers}}{{.IPv4Address}}{{end}}' coxswain || echo nobody knows
    ls ${agent}/pods ${agent}/memory 2>&1 | grep -v :
  `;
  return (await node.exec('sh', ['-c', script])).stdout.trim();
}

const WEB = 30_082;
let loads = 0;

/** Requests through the node port and, from the node, the cluster IP of the web servers. @returns what tells how they went */
async function webLoad(node: ClusterNode, timeoutMs: number) {
  const ip = await cluster().get('service', 'web', '-o', 'jsonpath={.spec.clusterIP}');
  const ways: [Run, string, number][] = [
    [here, node.address, WEB],
    [(spec) => node.process(spec), ip, 80],
  ];
  const started = await Promise.all(
    ways.map(([run, host, port]) => {
      const spec = { host, port, name: 'web', lanes: 2, atLeast: 20, keepAlive: false, timeoutMs, pauseMs: 300 };
      return constantLoad(run, `${cluster().dir}/logs/web-load-${++loads}`, spec);
    }),
  );
  return async () => (await Promise.all(started.map((l) => l.stop()))).flatMap((r) => r.failures.map((f) => f.why));
}

/** A web server on each node, under a load from now on. @returns what holds them to docs/network.md once the second is lost */
async function underLoad(first: ClusterNode, second: ClusterNode) {
  const web = (name: string, nodeName: string) => {
    const readinessProbe = { tcpSocket: { port: 8080 }, periodSeconds: 1, timeoutSeconds: 10 };
    const main = { name: 'main', image: 'coxswain/hello:1', imagePullPolicy: 'Never', readinessProbe };
    return pod(name, main, { nodeName, tolerations: unmoved() }, { labels: { app: 'web' } });
  };
  const ports = [{ port: 80, targetPort: 8080, nodePort: WEB }];
  const service = { type: 'NodePort', selector: { app: 'web' }, ports };
  await apply(cluster(), web('near', first.name), web('far', second.name), {
    ...{ apiVersion: 'v1', kind: 'Service', metadata: { name: 'web' }, spec: service },
  });
  const [near, far] = [await podUntil(cluster(), 'near', isReady), await podUntil(cluster(), 'far', isReady)];
  const rulesName = async (...pods: Pod[]): Promise<boolean> => {
    const { code, stdout } = await first.exec('iptables-save', ['-t', 'nat']);
    return code === 0 && [near, far].every((p) => stdout.includes(`${p.status?.podIP}:8080`) === pods.includes(p));
  };
  await waitFor('rules name both', () => rulesName(near, far));
  const during = await webLoad(first, 2000);
  return async () => {
    const silent = await unanswered(first.address, WEB);
    await waitFor('rules name the one that is left', () => rulesName(near), { timeoutMs: 120_000 });
    // The kernel remembers an attempt, and with it where it went, as long as the client goes on from the same port.
    if (silent) await waitFor('an answer', async () => (await attempt(first.address, WEB, silent)).answered);
    const after = await webLoad(first, 60_000);
    // The one that is left goes on answering, and refuses nobody.
    expect((await during()).filter((why) => !/^(timed out|ETIMEDOUT|EHOSTUNREACH)$/.test(why))).toEqual([]);
    expect(await after()).toEqual([]);
  };
}

test("a node's power cut fails only requests to it and moves its pods; those that are bound to it come back, and nothing of the others is left", async () => {
  const [first, second] = cluster().nodes;
  if (!first || !second) throw new Error('the bed has two nodes');
  const patch = JSON.stringify({ spec: { template: { spec: { tolerations: unmoved({ tolerationSeconds: 2 }) } } } });
  await cluster().kubectlOk(['patch', 'deployment', 'hello', '-p', patch]);
  await cluster().kubectlOk(['rollout', 'status', 'deployment/hello', '--timeout=100s']);
  const before = await bound(second.name);
  const servesOn = await underLoad(first, second);
  await second.powerOff();
  await servesOn();
  await waitFor('the node is NotReady', async () => (await cluster().get('node', second.name)).includes('NotReady'), {
    timeoutMs: 100_000,
  });
  await waitFor(
    'three ready pods on the other node',
    async () => {
      const pods = await podsOf(cluster(), 'app=hello');
      return (
        pods.length === 3 &&
        pods.every((p) => p.spec.nodeName === first.name && p.status.containerStatuses?.every((c) => c.ready))
      );
    },
    { timeoutMs: 120_000 },
  );
  await second.powerOn();
  await waitFor('the node is Ready again', async () => / Ready /.test(await cluster().get('node', second.name)), {
    timeoutMs: 120_000,
  });
  await rebooted(before);
  await cluster().kubectlOk(['delete', 'pod', 'near', 'far', ...Object.keys(before), '--timeout=100s']);
  await waitFor('nothing is left', async () => (await left(second)) === '', { timeoutMs: 120_000 });
}, 600_000);

interface OpenWatch {
  /** When the API server started that serves it. */
  readonly server: string;
  seen: string;
  ended: boolean;
}

const startOf = (metrics: string): string => /^process_start_time_seconds (\S+)$/m.exec(metrics)?.[1] ?? '';

/** A watch of the config maps on a connection of its own, through the balancer, which is asked first whose it is. */
async function openWatch({ server, ca, cert, key }: Kubeconfig): Promise<OpenWatch> {
  const tls = { ...(ca ? { ca } : {}), ...(cert ? { cert } : {}), ...(key ? { key } : {}) };
  const agent = new Agent({ keepAlive: true, maxSockets: 1 });
  const [metrics] = (await once(request(`${server}/metrics`, { ...tls, agent }).end(), 'response')) as [
    IncomingMessage,
  ];
  const watch: OpenWatch = { server: startOf(await text(metrics)), seen: '', ended: false };
  const end = (): void => {
    watch.ended = true;
  };
  const sent = request(`${server}/api/v1/namespaces/default/configmaps?watch=true`, { ...tls, agent }, (response) => {
    response.setEncoding('utf8').on('data', (more: string) => {
      watch.seen += more;
    });
    response.on('error', end).on('close', end);
  });
  await once(sent.on('error', end).end(), 'response');
  if (!sent.reusedSocket) throw new Error('it is on another connection');
  return watch;
}

/** The balancer sends each connection where there are fewest: how many it takes until both have some depends on the others. */
async function spreadWatches(kubeconfig: Kubeconfig): Promise<OpenWatch[]> {
  const MOST = 300;
  const watches: OpenWatch[] = [];
  while (watches.length < MOST && (watches.length < 8 || new Set(watches.map((w) => w.server)).size < 2))
    watches.push(await waitFor('a watch is open', () => openWatch(kubeconfig)));
  return watches;
}

test('an API server that is busy for some seconds keeps its connections; those of one that hangs are cut', async () => {
  const kubeconfig = await loadKubeconfig(cluster().kubeconfig);
  const watches = await spreadWatches(kubeconfig);
  const told = async (name: string): Promise<void> => {
    await cluster().kubectlOk(['create', 'configmap', name]);
    await waitFor('who is not cut off is told', () => watches.every((w) => w.ended || w.seen.includes(`"${name}"`)));
  };
  const cut = (): number => watches.filter((w) => w.ended).length;
  await told('before');
  const stalling = cluster().processes.apiserver1;
  const its = startOf(
    await cluster().kubectlOk(['get', '--raw', '/metrics', '--server', cluster().apiservers[0] ?? '']),
  );
  expect(watches.filter((w) => w.server === its)).not.toHaveLength(0);
  const since = Date.now();
  stalling.signal('SIGSTOP');
  await systemClock.sleep(9_000);
  stalling.signal('SIGCONT');
  const stalledMs = Date.now() - since;
  await told('after');
  // After about 18 s it counts as down: a test that was late itself has let it hang.
  if (stalledMs < 12_000) expect(cut()).toBe(0);
  stalling.signal('SIGSTOP');
  await waitFor('its connections are cut', () => watches.every((w) => w.server !== its || w.ended), {
    timeoutMs: 120_000,
  });
  await told('without-it');
  expect(cut()).toBeLessThan(watches.length);
  stalling.signal('SIGCONT');
});
