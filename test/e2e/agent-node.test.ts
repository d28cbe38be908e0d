import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, expect, onTestFinished, test } from 'vitest';
import type { Node } from '#api/kinds/index.ts';
import { milliValue, wholeValue } from '#api/meta/quantity.ts';
import { useCluster } from '../bed/suite.ts';
import { waitFor } from '../bed/wait.ts';
import { TestPlugin } from './agent/device-plugin.ts';
import {
  apply,
  conditionOf,
  endContainer,
  eventSaid,
  exec,
  getPod,
  isReady,
  listening,
  mainOf,
  onlyNode,
  pod,
  shell,
  sleeper,
} from './agent/pods.ts';

const MIB = 2 ** 20;
const manifests = mkdtempSync(join(tmpdir(), 'coxswain-static-'));
afterAll(() => rmSync(manifests, { recursive: true, force: true }));

const cluster = useCluster('e2e-agent-node', {
  nodes: 1,
  apiservers: 1,
  flags: {
    'node-agent': [
      ...['--pod-manifest-path', manifests],
      ...['--node-lease-duration', '8', '--shutdown-trigger', 'sigterm'],
      ...['--shutdown-grace-period', '180s', '--shutdown-grace-period-critical-pods', '60s'],
      ...[
        '--system-reserved',
        'cpu=500m,memory=512Mi,ephemeral-storage=1Gi',
        '--kube-reserved',
        'cpu=100m,memory=128Mi',
      ],
    ],
    'controller-manager': ['--node-monitor-grace-period', '4s'],
  },
});

const { node, until } = onlyNode(cluster);
const ready = (): Promise<string> =>
  cluster().get(
    'node',
    node().name,
    '-o',
    'jsonpath={.status.conditions[?(@.type=="Ready")].status}{.spec.taints[*].key}',
  );

test('a node back from a network cut is Ready at once', async () => {
  const rule = ['OUTPUT', '-d', `${node().address.replace(/\d+$/, '1')}`, '-j', 'DROP'];
  await node().exec('iptables', ['-I', ...rule]);
  await waitFor('the node is unreachable', async () => (await ready()).startsWith('Unknown'));
  await node().exec('iptables', ['-D', ...rule]);
  const since = Date.now();
  await waitFor('the node is Ready', async () => (await ready()).startsWith('True'), { everyMs: 50 });
  expect(Date.now() - since).toBeLessThan(40_000);
  for (const reason of ['Starting', 'NodeHasSufficientMemory', 'NodeReady'])
    await eventSaid(cluster(), node().name, reason);
});

test('a pod has a cgroup in that of its class, with what its containers may use together', async () => {
  const resources = { requests: { cpu: '100m' }, limits: { cpu: '200m' } };
  const two = [sleeper({ name: 'a', resources }), sleeper({ name: 'b', resources })];
  await apply(cluster(), pod('bounded', {}, { containers: two }));
  const p = await until('bounded', isReady);
  const below = `${node().cgroupRoot}/kubepods/burstable/pod${p.metadata?.uid}`;
  const dir = ['cpu', 'cpu,cpuacct'].map((c) => `/sys/fs/cgroup/${c}${below}`).find((d) => existsSync(d)) ?? '';
  const read = (file: string) => readFileSync(join(dir, file), 'utf8').trim();
  // This machine has version 1; of version 2 the unit tests speak.
  expect([read('cpu.cfs_quota_us'), read('cpu.shares')]).toEqual(['40000', '204']);
  // The sandbox and both containers.
  expect(readdirSync(dir, { withFileTypes: true }).filter((e) => e.isDirectory())).toHaveLength(3);
  await cluster().kubectlOk(['delete', 'pod', 'bounded', '--timeout=100s']);
  expect(existsSync(dir)).toBe(false);
});

test('what is reserved nobody can have: who wants more than the rest waits, who wants all of it runs', async () => {
  const { capacity = {}, allocatable = {} } =
    (JSON.parse(await cluster().get('node', node().name, '-o', 'json')) as Node).status ?? {};
  const reserved = (name: string, of: (q: string) => number): number =>
    of(capacity[name] ?? '') - of(allocatable[name] ?? '');
  expect(reserved('cpu', milliValue)).toBe(600);
  // Both, and what must be left lest pods are evicted: 100Mi of memory, 1Gi of the disk.
  expect(reserved('memory', wholeValue)).toBe((512 + 128 + 100) * MIB);
  expect(reserved('ephemeral-storage', wholeValue)).toBe(2048 * MIB);
  expect(allocatable.pods).toBe(capacity.pods);
  const all = wholeValue(allocatable.memory ?? '');
  const wanting = (memory: number) => sleeper({ resources: { requests: { memory: String(memory) } } });
  await apply(cluster(), pod('above', wanting(all + MIB)), pod('all', wanting(all)));
  await until('all', isReady);
  const tooMuch = /^0\/1 nodes are available: 1 Insufficient memory/;
  const above = await until('above', (p) => tooMuch.test(conditionOf(p, 'PodScheduled')?.message ?? ''));
  expect(above.status?.phase).toBe('Pending');
  expect(conditionOf(above, 'PodScheduled')).toMatchObject({ status: 'False', reason: 'Unschedulable' });
  // Past the scheduler, one that the node needs has its room from who is there.
  const critical = { priorityClassName: 'system-node-critical', nodeName: node().name };
  await apply(cluster(), pod('needed', wanting(MIB), critical));
  await until('needed', isReady);
  const gone = await until('all', (p) => p.status?.phase === 'Failed');
  expect(gone.status).toMatchObject({ reason: 'Preempting', message: 'Preempted in order to admit critical pod' });
  expect(conditionOf(gone, 'DisruptionTarget')).toMatchObject({ status: 'True', reason: 'TerminationByKubelet' });
  await eventSaid(cluster(), 'all', 'Preempting');
  await cluster().kubectlOk(['delete', 'pod', 'all', 'needed', '--timeout=60s']);
  // The room is free, and still too small; past the scheduler the node itself says so.
  await apply(cluster(), pod('past', wanting(all + MIB), { nodeName: node().name }));
  expect((await until('past', (p) => p.status?.phase === 'Failed')).status?.reason).toBe('OutOfmemory');
  expect((await getPod(cluster(), 'above')).spec?.nodeName).toBeUndefined();
  await cluster().kubectlOk(['delete', 'pod', 'above', 'past', '--timeout=60s']);
});

test('devices of a plugin: counted, given to containers, kept across a restart of the agent', async () => {
  const RESOURCE = 'example.com/offered';
  const mounted = join(node().dir, 'offered');
  writeFileSync(mounted, 'from the plugin');
  const plugin = new TestPlugin(join(node().dir, 'device-plugins'), RESOURCE, mounted);
  onTestFinished(() => plugin.stop());
  const wanting = (count: number, more = {}) => sleeper({ resources: { limits: { [RESOURCE]: count } }, ...more });
  const path = RESOURCE.replaceAll('.', '\\.');
  const jsonpath = `jsonpath={.status.capacity.${path}} {.status.allocatable.${path}}`;
  const counted = () => cluster().get('node', node().name, '-o', jsonpath);
  const shown = (amounts: string) =>
    waitFor(`capacity and allocatable ${amounts}`, async () => (await counted()) === amounts);

  plugin.offer({ a: 'Healthy', b: 'Healthy', c: 'Unhealthy' });
  await plugin.start();
  await shown('3 2');
  await expect(plugin.register('v0')).rejects.toThrow('requested API version "v0" is not supported by kubelet');
  plugin.offer({ a: 'Healthy', b: 'Healthy', c: 'Healthy' });
  await shown('3 3');

  // Those the plugin prefers; what the pod says of its variables counts.
  await apply(cluster(), pod('devices', wanting(2, { env: [{ name: 'SET_BY_BOTH', value: 'pod' }] })));
  await until('devices', isReady);
  const look = 'echo $OFFERED $SET_BY_BOTH; cat /offered; echo; ls -1 /dev | grep offered; echo x >/dev/offered-c';
  const seen = 'b,c pod\nfrom the plugin\noffered-b\noffered-c\n';
  expect(await exec(cluster(), 'devices', look)).toBe(seen);
  expect(plugin.preStarted.map((ids) => [...ids].sort())).toEqual([['b', 'c']]);
  const label = ['ps', '-q', '--filter', 'label=annotation.offered.example/ids'];
  expect((await node().exec('docker', ['-H', node().dockerHost, ...label])).stdout.trim().split('\n')).toHaveLength(1);

  // Past the scheduler, which would let it wait.
  await apply(cluster(), pod('greedy', wanting(2), { nodeName: node().name }));
  expect((await until('greedy', (p) => p.status?.phase === 'Failed')).status).toMatchObject({
    reason: 'UnexpectedAdmissionError',
    message: `Pod was rejected: Allocate failed due to requested number of devices unavailable for ${RESOURCE}. Requested: 2, Available: 1, which is unexpected`,
  });

  plugin.stop();
  await shown('3 0');
  await node().agent.kill('SIGKILL');
  await node().agent.start();
  await shown('0 0');
  // The plugin is not back: what it granted is known all the same.
  await endContainer(cluster(), 'devices');
  await until('devices', (p) => mainOf(p)?.restartCount === 1 && isReady(p));
  expect(await exec(cluster(), 'devices', look)).toBe(seen);

  await plugin.start();
  await shown('3 3');
  await apply(cluster(), pod('last', wanting(1)), pod('waiting', wanting(1)));
  await waitFor('one has the last device, the other waits', async () => {
    const phases = ['last', 'waiting'].map((name) => until(name, (p) => p.status?.conditions?.length));
    return (await Promise.all(phases)).filter(isReady).length === 1;
  });
  await cluster().kubectlOk(['delete', 'pod', 'devices', '--timeout=60s']);
  for (const name of ['last', 'waiting']) await until(name, isReady);
  await cluster().kubectlOk(['delete', 'pod', 'greedy', 'last', 'waiting', '--timeout=60s']);
});

test('what does not fit on the node is rejected, whoever put it there', async () => {
  const nodeName = node().name;
  const large = sleeper({ resources: { requests: { cpu: '1000' } } });
  await apply(
    cluster(),
    pod('large', large, { nodeName }),
    pod('elsewhere', sleeper(), { nodeName, nodeSelector: { 'kubernetes.io/hostname': 'another' } }),
  );
  expect((await until('large', (p) => p.status?.phase === 'Failed')).status).toMatchObject({
    reason: 'OutOfcpu',
    message: expect.stringMatching(
      /^Pod was rejected: Node didn't have enough resource: cpu, requested: 1000000, used: /,
    ),
  });
  expect((await until('elsewhere', (p) => p.status?.phase === 'Failed')).status?.reason).toBe('NodeAffinity');
  await cluster().kubectlOk(['delete', 'pod', 'large', 'elsewhere', '--timeout=60s']);
});

test('an extended resource that somebody wrote into the node can be had', async () => {
  const patch = [{ op: 'add', path: '/status/capacity/example.com~1dongle', value: '4' }];
  const args = ['patch', 'node', node().name, '--subresource=status', '--type=json', '-p', JSON.stringify(patch)];
  await cluster().kubectlOk(args);
  await apply(cluster(), pod('dongle', sleeper({ resources: { limits: { 'example.com/dongle': '3' } } })));
  await until('dongle', isReady);
  await cluster().kubectlOk(['delete', 'pod', 'dongle', '--timeout=60s']);
});

const staticName = () => `static-${node().name}`;
const staticContainer = async () => mainOf(await getPod(cluster(), staticName()))?.containerID;

const writeStatic = (words: string): void => {
  const main = shell(`echo ${words}; trap "exit 0" TERM; sleep 3600 & wait`);
  writeFileSync(join(manifests, 'static.json'), JSON.stringify(pod('static', main)));
};

test('a manifest on the node runs, and the API shows it; one that is no pod stops nothing', async () => {
  writeFileSync(join(manifests, 'broken.yaml'), 'kind: [');
  writeStatic('first');
  await waitFor('the API shows it', () => getPod(cluster(), staticName()));
  const p = await until(staticName(), isReady);
  expect(p.metadata?.annotations?.['kubernetes.io/config.source']).toBe('file');
  expect(p.metadata?.ownerReferences?.[0]).toMatchObject({ kind: 'Node', name: node().name });
  await waitFor('it speaks', async () => (await cluster().kubectlOk(['logs', staticName()])) === 'first\n');
  expect(await cluster().kubectlOk(['exec', staticName(), '--', 'echo', 'inside'])).toBe('inside\n');
});

test('deleting what the API shows changes nothing on the node, nor does a restart of the agent', async () => {
  const id = await staticContainer();
  const { uid } = (await getPod(cluster(), staticName())).metadata ?? {};
  await cluster().kubectlOk(['delete', 'pod', staticName(), '--timeout=100s']);
  await waitFor('it is shown again', async () => {
    const p = await getPod(cluster(), staticName());
    return p.metadata?.uid !== uid && isReady(p);
  });
  expect(await staticContainer()).toBe(id);
  await node().agent.kill('SIGKILL');
  await node().agent.start();
  await until(staticName(), isReady);
  expect(await staticContainer()).toBe(id);
});

test('a changed manifest is another pod, a removed one ends it', async () => {
  writeStatic('second');
  await waitFor('the new one runs', async () => (await cluster().kubectlOk(['logs', staticName()])) === 'second\n');
  rmSync(join(manifests, 'static.json'));
  await waitFor('it is gone', async () => (await cluster().kubectl(['get', 'pod', staticName()])).code !== 0);
  const left = ['-H', node().dockerHost, 'ps', '-aq', '--filter', `label=io.coxswain.pod.name=${staticName()}`];
  await waitFor('its containers too', async () => (await node().exec('docker', left)).stdout === '');
});

test('a node that shuts down ends its pods, critical ones last, and takes no more', async () => {
  const folder = join(node().dir, 'ends');
  mkdirSync(folder, { mode: 0o777 });
  const ends = { volumes: [{ name: 'ends', hostPath: { path: folder } }], terminationGracePeriodSeconds: 100 };
  const mounted = { volumeMounts: [{ name: 'ends', mountPath: '/ends' }] };
  /** Writes down when it was told to end and when it did: not before it is let go. */
  const slow = (name: string) => {
    const end = 'until [ -e /ends/go ]; do sleep 0.2; done; sleep 2';
    const script = `trap "echo ${name} >>/ends/log; ${end}; echo ${name} ended >>/ends/log; exit 0" TERM; sleep 3600 & wait`;
    return shell(script, mounted);
  };
  await apply(
    cluster(),
    pod('ordinary', slow('ordinary'), ends),
    pod('critical', slow('critical'), { ...ends, priorityClassName: 'system-node-critical' }),
    // Has nothing to end.
    pod('done', shell('true'), { restartPolicy: 'Never' }),
  );
  for (const name of ['ordinary', 'critical']) {
    await until(name, isReady);
    await listening(cluster(), name);
  }
  await until('done', (p) => p.status?.phase === 'Succeeded');
  node().agent.signal('SIGTERM');
  const condition = '{.status.conditions[?(@.type=="Ready")].status} {.status.conditions[?(@.type=="Ready")].message}';
  const said = () => cluster().get('node', node().name, '-o', `jsonpath=${condition}`);
  await waitFor('the node says so', async () => (await said()) === 'False node is shutting down', { everyMs: 50 });
  await apply(cluster(), pod('late', sleeper(), { nodeName: node().name }));
  const late = await until('late', (p) => p.status?.phase === 'Failed');
  expect(late.status).toMatchObject({
    reason: 'NodeShutdown',
    message: 'Pod was rejected as the node is shutting down.',
  });
  // Why it ends is told at once, its phase only when its container is down: that is not let go yet.
  const ending = await until('ordinary', (p) => p.status?.reason === 'Terminated');
  expect(ending.status?.phase).toBe('Running');
  expect(conditionOf(ending, 'DisruptionTarget')?.status).toBe('True');
  writeFileSync(join(folder, 'go'), '');
  await node().agent.exited;
  expect(readFileSync(join(folder, 'log'), 'utf8').trim().split('\n')).toEqual([
    'ordinary',
    'ordinary ended',
    'critical',
    'critical ended',
  ]);
  for (const name of ['ordinary', 'critical']) {
    const p = await until(name, (x) => x.status?.phase === 'Failed');
    const message = 'Pod was terminated in response to imminent node shutdown.';
    expect(p.status).toMatchObject({ reason: 'Terminated', message });
    expect(conditionOf(p, 'DisruptionTarget')).toMatchObject({
      status: 'True',
      reason: 'TerminationByKubelet',
      message,
    });
    expect(mainOf(p)?.state?.terminated?.exitCode).toBe(0);
  }
  expect((await until('done', (p) => p.status)).status?.phase).toBe('Succeeded');
  await node().agent.start();
  await waitFor('the node is Ready again', async () => (await ready()).startsWith('True'));
});
