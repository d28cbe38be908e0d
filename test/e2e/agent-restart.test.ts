import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeAll, describe, expect, test } from 'vitest';
import type { Pod } from '#api/kinds/index.ts';
import { useCluster } from '../bed/suite.ts';
import { waitFor } from '../bed/wait.ts';
import {
  apply,
  BUSYBOX,
  conditionOf,
  eventSaid,
  eventsOf,
  exec,
  getPod,
  isReady,
  mainOf,
  onlyNode,
  pod,
  shell,
  sleeper,
} from './agent/pods.ts';
import { podsOf } from './manifests.ts';

const cluster = useCluster('e2e-agent-restart', {
  nodes: 1,
  apiservers: 1,
  // A node that counts as silent while its agent is away has its pods told of as not ready.
  flags: { 'controller-manager': ['--node-monitor-grace-period', '60s'] },
});
const { node, until, docker } = onlyNode(cluster);

const fileProbe = (file: string, more: object = {}) => ({
  exec: { command: ['test', '-f', file] },
  periodSeconds: 1,
  failureThreshold: 1,
  // A busy machine takes its time to run a command.
  timeoutSeconds: 20,
  ...more,
});

const deployment = (name: string, replicas: number, container: object) => ({
  apiVersion: 'apps/v1',
  kind: 'Deployment',
  metadata: { name },
  spec: {
    replicas,
    selector: { matchLabels: { app: name } },
    template: {
      metadata: { labels: { app: name } },
      spec: { terminationGracePeriodSeconds: 1, containers: [container] },
    },
  },
});

const available = (name: string) =>
  cluster().kubectlOk(['rollout', 'status', `deployment/${name}`, '--timeout=150s'], { timeoutMs: 160_000 });

/** What must not change of pods while their agent is away and when it comes back. */
const identity = (p: Pod) => ({
  name: p.metadata?.name,
  phase: p.status?.phase,
  ip: p.status?.podIP,
  conditions: p.status?.conditions,
  containers: [...(p.status?.initContainerStatuses ?? []), ...(p.status?.containerStatuses ?? [])],
});

const all = async (): Promise<Pod[]> => JSON.parse(await cluster().get('pods', '-o', 'json')).items;

describe('kill -9 of the agent', () => {
  const ready = { readinessProbe: fileProbe('/tmp/ready'), livenessProbe: fileProbe('/tmp/alive') };
  const counting = 'trap "exit 0" TERM; while :; do n=$((n + 1)); echo $n; sleep 1 & wait $!; done';
  const probed = shell(`touch /tmp/ready /tmp/alive; ${counting}`, {
    ...ready,
    startupProbe: fileProbe('/tmp/alive', { failureThreshold: 30 }),
  });

  beforeAll(async () => {
    const words = shell('echo bye > /dev/termination-log; exit 3');
    await apply(
      cluster(),
      deployment('many', 10, sleeper()),
      pod('probed', probed),
      pod('job', words, { restartPolicy: 'Never' }),
      pod('inits', sleeper(), {
        initContainers: [shell('true', { name: 'init' }), { ...sleeper({ name: 'side' }), restartPolicy: 'Always' }],
      }),
      pod('tmp', sleeper({ volumeMounts: [{ name: 'v', mountPath: '/v' }] }), {
        volumes: [{ name: 'v', emptyDir: { medium: 'Memory' } }],
      }),
      pod('killed', sleeper()),
      pod('going', sleeper({ lifecycle: { preStop: { exec: { command: ['sleep', '3'] } } } }), {
        terminationGracePeriodSeconds: 20,
      }),
    );
    await available('many');
    for (const name of ['probed', 'inits', 'tmp', 'killed', 'going']) await until(name, isReady);
    // Its sandbox goes after it has ended: the last change of its status.
    const downAgain = (p: Pod) => conditionOf(p, 'PodReadyToStartContainers')?.status === 'False';
    await until('job', (p) => p.status?.phase === 'Failed' && downAgain(p));
  });

  test('no container is restarted, no status changes; what happened meanwhile is caught up with', async () => {
    await exec(cluster(), 'tmp', 'echo kept > /v/x');
    await cluster().kubectlOk(['delete', 'pod', 'going', '--wait=false']);
    await waitFor(
      'the hook runs',
      async () => (await docker('ps', '-q', '--filter', 'label=io.coxswain.pod.name=going')) !== '',
    );
    const before = (await all()).filter((p) => !['killed', 'going'].includes(p.metadata?.name ?? '')).map(identity);
    await node().agent.kill('SIGKILL');
    const id = mainOf(await getPod(cluster(), 'killed'))?.containerID?.replace('docker://', '') ?? '';
    await docker('kill', id);
    await node().agent.start();
    const p = await until('killed', (x) => mainOf(x)?.restartCount === 1 && isReady(x));
    expect(mainOf(p)?.lastState?.terminated).toMatchObject({ exitCode: 137, containerID: `docker://${id}` });
    await cluster().kubectlOk(['wait', '--for=delete', 'pod/going', '--timeout=100s']);
    const after = (await all()).filter((x) => x.metadata?.name !== 'killed').map(identity);
    expect(after).toEqual(before);
    expect(await exec(cluster(), 'tmp', 'cat /v/x')).toBe('kept\n');
    expect(mainOf(await getPod(cluster(), 'job'))?.state?.terminated?.message).toBe('bye\n');
  });

  test('probes and logs go on', async () => {
    await exec(cluster(), 'probed', 'rm /tmp/ready');
    await until('probed', (p) => !isReady(p));
    await exec(cluster(), 'probed', 'touch /tmp/ready');
    await until('probed', isReady);
    await exec(cluster(), 'probed', 'rm /tmp/alive');
    await until('probed', (p) => mainOf(p)?.restartCount === 1);
    expect(conditionOf(await until('probed', isReady), 'Ready')?.status).toBe('True');
  });

  test('again and again while pods come and go: each container is made once, nothing is left', async () => {
    await apply(cluster(), deployment('storm', 12, { name: 'main', ...BUSYBOX, command: ['sleep', '3600'] }));
    for (let n = 1; n <= 3; n++) {
      await waitFor(
        'some progress',
        async () =>
          (await docker('ps', '-q', '--filter', 'label=io.coxswain.type=container')).split('\n').length > 16 + 2 * n,
      );
      await node().agent.kill('SIGKILL');
      await node().agent.start();
    }
    await available('storm');
    const pods = await podsOf(cluster(), 'app=storm');
    expect(pods.map((p) => p.status.containerStatuses?.map((c) => c.restartCount))).toEqual(Array(12).fill([0]));
    const named = '{{.ID}} {{.Label "io.coxswain.pod.name"}}';
    const ids = (
      await docker('ps', '-a', '--filter', 'label=io.coxswain.type=container', '--no-trunc', '--format', named)
    )
      .split('\n')
      .flatMap((line) => (/ storm-/.test(line) ? [line.split(' ')[0]] : []));
    expect(ids).toHaveLength(12);
    const known = (await all()).flatMap((p) =>
      identity(p).containers.flatMap((c) => [c.containerID, c.lastState?.terminated?.containerID]),
    );
    for (const id of ids) expect(known).toContain(`docker://${id}`);
    await cluster().kubectlOk(['delete', 'deployment', 'storm', '--wait=false']);
    await waitFor('pods are on their way out', async () => (await podsOf(cluster(), 'app=storm')).length < 12);
    await node().agent.kill('SIGKILL');
    await node().agent.start();
    await waitFor('all are gone', async () => (await cluster().get('pods', '-l', 'app=storm', '-o', 'name')) === '', {
      timeoutMs: 120_000,
    });
    const podNames = ['ps', '-a', '--format', '{{.Label "io.coxswain.pod.name"}}'];
    await waitFor('so are their containers', async () => !(await docker(...podNames)).includes('storm-'));
    const uids = (await all()).map((p) => p.metadata?.uid).sort();
    await waitFor('and folders', () => {
      const left = readdirSync(join(node().dir, 'agent/pods')).sort();
      return left.join() === uids.join();
    });
  });
});

/** Whether containers outlive dockerd. */
async function liveRestore(on: boolean): Promise<void> {
  const file = join(node().dir, 'daemon.json');
  writeFileSync(file, JSON.stringify({ ...JSON.parse(readFileSync(file, 'utf8')), 'live-restore': on }));
  await signalDocker('HUP');
  const told = ['info', '-f', '{{.LiveRestoreEnabled}}'];
  await waitFor('dockerd has read it', async () => (await docker(...told)).trim() === String(on));
}

const signalDocker = (signal: string) =>
  node().exec('sh', ['-c', `kill -${signal} $(cat ${join(node().dir, 'docker.pid')})`]);

test('a pod that ends is ready as long as its probe says so, whoever the agent is, and is not ended for its other probes', async () => {
  const waits = { preStop: { exec: { command: ['sh', '-c', 'until [ -f /tmp/go ]; do sleep 0.2; done'] } } };
  const probe = fileProbe('/tmp/up');
  const probes = {
    startupProbe: fileProbe('/tmp/up', { failureThreshold: 90 }),
    readinessProbe: probe,
    livenessProbe: probe,
  };
  const ending = shell('touch /tmp/up; trap "exit 0" TERM; sleep 3600 & wait', { ...probes, lifecycle: waits });
  const spec = { terminationGracePeriodSeconds: 300 };
  const metadata = { name: 'ending' };
  await apply(
    cluster(),
    { apiVersion: 'v1', kind: 'Service', metadata, spec: { selector: { app: 'ending' }, ports: [{ port: 80 }] } },
    pod('ending', ending, spec, { labels: { app: 'ending' } }),
    pod('unprobed', sleeper({ lifecycle: waits }), spec),
  );
  for (const name of ['ending', 'unprobed']) await until(name, isReady);
  const shown = 'jsonpath={.items[*].endpoints[*].conditions}';
  const endpoint = () => cluster().get('endpointslices', '-l', 'kubernetes.io/service-name=ending', '-o', shown);
  const told = (serving: boolean) =>
    waitFor(`serving: ${serving}`, async () => {
      const { ready, terminating, ...more } = JSON.parse((await endpoint()) || '{}') as Record<string, boolean>;
      return ready === false && terminating === true && more.serving === serving;
    });
  await cluster().kubectlOk(['delete', 'pod', 'ending', 'unprobed', '--wait=false']);
  for (const name of ['ending', 'unprobed']) {
    await eventSaid(cluster(), name, 'Killing');
    expect(isReady(await getPod(cluster(), name))).toBe(true);
  }
  await told(true);
  await exec(cluster(), 'ending', 'rm /tmp/up');
  await told(false);
  await node().agent.kill('SIGKILL');
  await node().agent.start();
  await waitFor(
    'the pod can be reached',
    async () => (await cluster().kubectl(['exec', 'ending', '--', 'touch', '/tmp/up'])).code === 0,
  );
  await told(true);
  expect(isReady(await getPod(cluster(), 'unprobed'))).toBe(true);
  expect(await eventsOf(cluster(), 'ending', 'Unhealthy')).not.toContainEqual(expect.stringContaining('Liveness'));
  for (const name of ['ending', 'unprobed']) await exec(cluster(), name, 'touch /tmp/go');
  await cluster().kubectlOk(['wait', '--for=delete', 'pod/ending', 'pod/unprobed', '--timeout=100s']);
});

test('where containers outlive dockerd nothing is restarted, and all goes on when it is back', async () => {
  const steady = (p: Pod) => (p.metadata?.name ?? '').startsWith('many-') && isReady(p);
  const before = (await all()).filter(steady).map(identity);
  expect(before.length).toBeGreaterThan(0);
  await liveRestore(true);
  await signalDocker('9');
  await waitFor('dockerd is back', async () => (await docker('version', '-f', 'x')).trim() === 'x');
  await apply(cluster(), pod('afterwards', sleeper()));
  await until('afterwards', isReady);
  expect((await all()).filter(steady).map(identity)).toEqual(before);
  expect(await exec(cluster(), before[0]?.name ?? '', 'echo inside')).toBe('inside\n');
  await cluster().kubectlOk(['delete', 'pod', 'afterwards', '--timeout=100s']);
  await liveRestore(false);
});

test("pods reach each other again when Docker's unused networks were pruned, theirs among them", async () => {
  const { podIP = '' } = (await getPod(cluster(), 'inits')).status ?? {};
  const reached = () =>
    waitFor('a pod answers', async () => {
      const { code } = await cluster().kubectl(['exec', 'tmp', '--', 'ping', '-c', '1', '-W', '2', podIP]);
      return code === 0;
    });
  await reached();
  expect(await docker('network', 'prune', '-f')).toContain('coxswain');
  await reached();
  await node().agent.kill('SIGKILL');
  expect(await docker('network', 'prune', '-f')).toContain('coxswain');
  await node().agent.start();
  await reached();
});

test('after dockerd died, pods run again in new sandboxes', async () => {
  const before = await getPod(cluster(), 'inits');
  await signalDocker('9');
  const p = await until('inits', (x) => isReady(x) && mainOf(x)?.containerID !== mainOf(before)?.containerID);
  expect(mainOf(p)?.restartCount).toBe((mainOf(before)?.restartCount ?? 0) + 1);
  expect(p.status?.initContainerStatuses?.[0]?.state?.terminated?.reason).toBe('Completed');
  const job = await getPod(cluster(), 'job');
  expect(job.status?.phase).toBe('Failed');
  expect(mainOf(job)?.restartCount).toBe(0);
  await available('many');
});

/** What `probed` has counted in its log, which is every number from 1 on. */
async function counted(): Promise<number> {
  const lines = (await cluster().kubectlOk(['logs', 'probed'])).trim().split('\n');
  expect(lines).toEqual(lines.map((_, i) => String(i + 1)));
  return lines.length;
}

// The last: they end with their node, which takes less than to delete them.
test('kill -9 of the agent of fifty pods: all their statuses are the same, probes and logs go on', async () => {
  await apply(
    cluster(),
    deployment('crowd', 36, { name: 'main', image: 'coxswain/pause:1', imagePullPolicy: 'Never' }),
  );
  await available('crowd');
  for (const name of ['probed', 'inits', 'tmp', 'killed']) await until(name, isReady);
  const statuses = async () =>
    (await all()).flatMap((p) => (p.metadata?.name === 'probed' ? [] : [[p.metadata?.name, JSON.stringify(p.status)]]));
  await waitFor('fifty are Ready', async () => (await all()).filter(isReady).length === 50);
  const count = await waitFor('it counts', counted);
  const [before, probed] = [await statuses(), await getPod(cluster(), 'probed')];
  await node().agent.kill('SIGKILL');
  await node().agent.start();
  // It serves before it knows its containers.
  await waitFor(
    'commands are taken',
    async () => (await exec(cluster(), 'probed', 'rm -f /tmp/ready; echo done')) !== '',
  );
  // An agent that probes has taken over all of them.
  const after = await until('probed', (p) => !isReady(p));
  expect([mainOf(after)?.containerID, mainOf(after)?.restartCount]).toEqual([
    mainOf(probed)?.containerID,
    mainOf(probed)?.restartCount,
  ]);
  await waitFor('its log goes on', async () => (await counted()) > count);
  expect(await statuses()).toEqual(before);
});
