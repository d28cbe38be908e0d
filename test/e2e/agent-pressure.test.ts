import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { request } from 'node:https';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { Node, Pod } from '#api/kinds/index.ts';
import { publish } from '../bed/registry.ts';
import { useCluster } from '../bed/suite.ts';
import { waitFor } from '../bed/wait.ts';
import {
  apply,
  conditionOf,
  eventSaid,
  eventsOf,
  isReady,
  listening,
  mainOf,
  onlyNode,
  PORTS,
  pod,
  publishImage,
  REGISTRY_USER,
  shell,
  sleeper,
  startTarget,
} from './agent/pods.ts';
import { moveToSmallDisk, scriptOn } from './agent/small-disk.ts';
import { restartWith } from './restart.ts';

const MIB = 2 ** 20;
const END = 'trap "exit 0" TERM; sleep 3600 & wait';
const isEvicted = (p: Pod): boolean => p.status?.phase === 'Failed' && p.status.reason === 'Evicted';
const DISK_MIB = 128;

const cluster = useCluster('e2e-agent-pressure', {
  nodes: 1,
  apiservers: 1,
  flags: { 'node-agent': ['--eviction-hard', 'nodefs.available<40%', '--eviction-pressure-transition-period', '30s'] },
});
const { node, until } = onlyNode(cluster);

const pressure = async (type = 'DiskPressure'): Promise<string | undefined> => {
  const n = JSON.parse(await cluster().get('node', node().name, '-o', 'json')) as Node;
  return n.status?.conditions?.find((c) => c.type === type)?.status;
};

/** GET from the agent as administrator. */
function ask(path: string): Promise<{ code: number; body: string }> {
  const conf = JSON.parse(readFileSync(cluster().kubeconfig, 'utf8')) as { users: { user: Record<string, string> }[] };
  const pem = (field: string) => Buffer.from(conf.users[0]?.user[field] ?? '', 'base64');
  const tls = { cert: pem('client-certificate-data'), key: pem('client-key-data'), rejectUnauthorized: false };
  return new Promise((resolve, reject) => {
    const r = request(`https://${node().address}:10250${path}`, { ...tls, agent: false }, (response) => {
      let body = '';
      response.on('data', (c: Buffer) => {
        body += c.toString();
      });
      response.on('end', () => resolve({ code: response.statusCode ?? 0, body }));
    });
    r.on('error', reject);
    r.end();
  });
}

/** Runs a script on the node. @returns what it printed */
const onNode = (script: string): Promise<string> => scriptOn(node(), script);

beforeAll(async () => {
  await node().agent.stop();
  await moveToSmallDisk(node(), DISK_MIB);
  await node().agent.start();
  await waitFor('no pressure', async () => (await pressure()) === 'False', { timeoutMs: 60_000 });
  const tainted = ['node', node().name, '-o', 'jsonpath={.spec.taints}{.status.conditions}'];
  await waitFor('no taint', async () => {
    const taints = await cluster().get(...tainted);
    if (taints.includes('"key"')) throw new Error(taints);
    return true;
  });
});

describe('figures', () => {
  interface Summary {
    node: {
      fs: { capacityBytes: number };
      runtime: { imageFs: { capacityBytes: number } };
      memory: { workingSetBytes: number };
    };
    pods: {
      podRef: { name: string };
      containers: { cpu: { usageNanoCores?: number }; memory: { workingSetBytes: number } }[];
      network: { rxBytes: number };
    }[];
  }
  const busyPod = async () =>
    (JSON.parse((await ask('/stats/summary')).body) as Summary).pods.find((p) => p.podRef.name === 'busy');

  beforeAll(async () => {
    const resources = { limits: { cpu: '200m', memory: '64Mi' } };
    await apply(
      cluster(),
      pod('busy', shell('while true; do :; done', { resources }), { terminationGracePeriodSeconds: 0 }),
    );
    await until('busy', isReady);
  });

  test('/stats/summary shows what a pod uses', async () => {
    const s = JSON.parse((await ask('/stats/summary')).body) as Summary;
    expect(s.node.fs.capacityBytes).toBe(DISK_MIB * MIB);
    expect(s.node.runtime.imageFs.capacityBytes).toBe(DISK_MIB * MIB);
    expect(s.node.memory.workingSetBytes).toBeGreaterThan(MIB);
    const rate = await waitFor(
      'a rate that shows the work',
      async () => {
        const found = (await busyPod())?.containers[0]?.cpu.usageNanoCores ?? 0;
        return found / 1e6 > 100 ? found : undefined;
      },
      { everyMs: 1000 },
    );
    expect(rate / 1e6).toBeLessThan(300);
    const busy = await busyPod();
    expect(busy?.containers[0]?.memory.workingSetBytes).toBeLessThan(64 * MIB);
    expect(busy?.network.rxBytes).toBeGreaterThanOrEqual(0);
  });

  test('/metrics/resource is what a metrics server reads', async () => {
    const { body } = await ask('/metrics/resource');
    const seconds =
      /^container_cpu_usage_seconds_total\{container="main",namespace="default",pod="busy"\} (\S+) \d+$/m.exec(body);
    expect(Number(seconds?.[1])).toBeGreaterThan(0.1);
    expect(body).toMatch(/^node_memory_working_set_bytes \d+ \d+$/m);
    expect((await ask('/metrics')).body).toContain('process_resident_memory_bytes');
    await cluster().kubectlOk(['delete', 'pod', 'busy']);
  });
});

test('an image is pulled when it must be, once for all who want it', async () => {
  await startTarget(cluster());
  const image = await publishImage(cluster(), 'coxswain/pause:1');
  const main = { name: 'main', image, imagePullPolicy: 'IfNotPresent' };
  await apply(cluster(), pod('first', main), pod('second', main), pod('third', { ...main, imagePullPolicy: 'Never' }));
  for (const name of ['first', 'second']) await until(name, isReady);
  const pulled = /^Successfully pulled image .* Image size: [1-9]\d* bytes/;
  // Who comes when the pull is over finds the image there.
  const said = async (name: string) => (await eventsOf(cluster(), name, 'Pulled')).some((m) => pulled.test(m));
  await waitFor('one tells of the pull', async () => (await said('first')) || (await said('second')));
  await until('third', isReady);
  const manifest = readFileSync(join(node().dir, 'registry/manifest.json'));
  const digest = `sha256:${createHash('sha256').update(manifest).digest('hex')}`;
  const byDigest = { ...main, image: image.replace(/:1$/, `@${digest}`) };
  await apply(cluster(), pod('digest', { ...byDigest, imagePullPolicy: 'Always' }), pod('kept', byDigest));
  for (const name of ['digest', 'kept']) expect(mainOf(await until(name, isReady))?.image).toBe(byDigest.image);
  await cluster().kubectlOk(['delete', 'pod', 'first', 'second', 'third', 'digest', 'kept', '--now']);
});

describe('an image of a registry that wants a password', () => {
  const image = `127.0.0.1:${PORTS.secure}/private/tiny:1`;
  const secret = (name: string, password: string) =>
    cluster().kubectlOk([
      ...['create', 'secret', 'docker-registry', name, `--docker-server=127.0.0.1:${PORTS.secure}`],
      ...[`--docker-username=${REGISTRY_USER.username}`, `--docker-password=${password}`],
    ]);
  const main = { name: 'main', image, imagePullPolicy: 'Always' };
  const waiting = (name: string, reason: string) => until(name, (x) => mainOf(x)?.state?.waiting?.reason === reason);

  test('is not had without one, nor with a wrong one: the registry says why', async () => {
    await secret('wrong', 'guessed');
    const lost = { imagePullSecrets: [{ name: 'nowhere' }] };
    const wrong = { imagePullSecrets: [{ name: 'wrong' }] };
    await apply(cluster(), pod('plain', main), pod('lost', main, lost), pod('guessing', main, wrong));
    for (const name of ['plain', 'lost', 'guessing']) {
      const message = mainOf(await waiting(name, 'ImagePullBackOff'))?.state?.waiting?.message;
      expect(message, name).toMatch(/^Back-off pulling image .*: .*(no basic auth credentials|unauthorized)/);
    }
    await eventSaid(cluster(), 'lost', 'FailedToRetrieveImagePullSecret', /\(nowhere\)/);
    await eventSaid(cluster(), 'guessing', 'Failed', /Failed to pull image .* unauthorized/);
  });

  test('is had with the right one, named by the pod or by its account, though others fail', async () => {
    await secret('right', REGISTRY_USER.password);
    const auths = { [`127.0.0.1:${PORTS.secure}/private`]: REGISTRY_USER };
    await apply(cluster(), {
      ...{ apiVersion: 'v1', kind: 'Secret', type: 'kubernetes.io/dockercfg', metadata: { name: 'old-form' } },
      stringData: { '.dockercfg': JSON.stringify(auths) },
    });
    // With its secrets from the start: what pods get is decided by the account as the server has heard of it.
    await apply(cluster(), {
      ...{ apiVersion: 'v1', kind: 'ServiceAccount', metadata: { name: 'puller' } },
      imagePullSecrets: [{ name: 'old-form' }],
    });
    await apply(
      cluster(),
      // The first that is tried is refused, the next is not.
      pod('named', main, { imagePullSecrets: [{ name: 'wrong' }, { name: 'right' }] }),
      pod('by-account', main, { serviceAccountName: 'puller' }),
    );
    for (const name of ['named', 'by-account']) {
      await until(name, isReady);
      await eventSaid(cluster(), name, 'Pulled', /Successfully pulled image/);
    }
    // What is on disk needs nobody's password.
    await apply(cluster(), pod('present', { ...main, imagePullPolicy: 'IfNotPresent' }));
    await until('present', isReady);
    const pods = ['plain', 'lost', 'guessing', 'named', 'by-account', 'present'];
    await cluster().kubectlOk(['delete', 'pod', ...pods, '--now']);
  });
});

/** The agent, with more flags. */
const agentWith = (...flags: string[]) =>
  restartWith(node(), node().agent, { args: (had) => [...had, ...flags], ready: '10248/healthz' });

describe('soft thresholds, and those of images', () => {
  const BULK_MIB = 16;
  const GRACE_MS = 8_000;
  const lowOn = 'The node was low on resource: memory. Threshold quantity: ';
  const bulky = async () => (await onNode('docker images --format "{{.Repository}}"')).match(/bulk-\w+/g) ?? [];
  let agent: Awaited<ReturnType<typeof agentWith>>;
  let since = 0;

  /** Has the node pull an image that takes its part of the disk. */
  async function pullBulk(name: string): Promise<void> {
    await onNode(
      `cd $(mktemp -d); head -c ${BULK_MIB}M /dev/urandom >bulk; tar -c bulk | docker import - ${name}:1; rm bulk`,
    );
    await publish(node().dockerHost, `${name}:1`, join(node().dir, 'registry'));
    await onNode(`docker rmi ${name}:1; docker pull 127.0.0.1:${PORTS.http}/bulk-${name}:1`);
  }

  beforeAll(async () => {
    for (const name of ['one', 'two']) await pullBulk(name);
    const ending = shell('trap "sleep 3; exit 0" TERM; sleep 3600 & wait');
    await apply(cluster(), pod('patient', ending, { terminationGracePeriodSeconds: 60 }));
    await until('patient', isReady);
    await listening(cluster(), 'patient');
    const [blocks = 0, left = 0] = (await onNode(`stat -f -c "%b %a" ${node().dir}/docker`)).split(' ').map(Number);
    const used = Math.floor((100 * (blocks - left)) / blocks);
    since = Date.now();
    agent = await agentWith(
      ...['--eviction-soft', 'memory.available<100%', '--eviction-soft-grace-period', `memory.available=${GRACE_MS}ms`],
      ...['--eviction-max-pod-grace-period', '60', '--minimum-image-ttl-duration', '0s'],
      // One of the images has an eighth of the disk.
      ...['--image-gc-high-threshold', String(used - 2), '--image-gc-low-threshold', String(used - 5)],
    );
  });
  afterAll(async () => {
    await agent?.stop();
    await node().agent.start();
  });

  test('what is short for a while ends a pod, which gets the time it asks for', async () => {
    const p = await until('patient', isEvicted);
    expect(p.status?.message?.startsWith(lowOn), p.status?.message).toBe(true);
    const told = conditionOf(p, 'DisruptionTarget');
    expect(told).toMatchObject({ status: 'True', reason: 'TerminationByKubelet' });
    // In whole seconds.
    expect(Date.parse(told?.lastTransitionTime ?? '') - since).toBeGreaterThan(GRACE_MS - 1000);
    expect(mainOf(p)?.state?.terminated?.exitCode).toBe(0);
    await eventSaid(cluster(), 'patient', 'Evicted');
    await waitFor('the node says so', async () => (await pressure('MemoryPressure')) === 'True');
  });

  test('from the high one on unused images are removed, down to the low one', async () => {
    await waitFor('an image is gone', async () => (await bulky()).length < 2);
    expect(await bulky()).toHaveLength(1);
  });
});

describe('a disk that fills up', () => {
  const writing = (mib: number) =>
    shell(`dd if=/dev/zero of=/v/x bs=1M count=${mib}; trap "exit 0" TERM; sleep 3600 & wait`, {
      volumeMounts: [{ name: 'v', mountPath: '/v' }],
    });
  const volume = (emptyDir: object = {}) => ({ volumes: [{ name: 'v', emptyDir }] });

  test('ends the pod that holds most of it, and no other', async () => {
    await apply(cluster(), pod('modest', writing(8), volume()));
    await until('modest', isReady);
    // What a container writes into its own layer counts like its volumes.
    await apply(cluster(), pod('greedy', shell(`dd if=/dev/zero of=/x bs=1M count=80; ${END}`)));
    const p = await until('greedy', (x) => x.status?.phase === 'Failed');
    expect(p.status).toMatchObject({ reason: 'Evicted' });
    expect(p.status?.message).toMatch(
      /^The node was low on resource: ephemeral-storage. Threshold quantity: \d+\w*, available: \d+\w*. Container main was using/,
    );
    expect(conditionOf(p, 'DisruptionTarget')).toMatchObject({ status: 'True', reason: 'TerminationByKubelet' });
    await waitFor('the node says so', async () => (await pressure()) === 'True');
    for (const reason of ['NodeHasDiskPressure', 'EvictionThresholdMet'])
      await eventSaid(cluster(), node().name, reason);
    await eventSaid(cluster(), 'greedy', 'Evicted');
    expect(isReady(await until('modest', (x) => x.status))).toBe(true);
  });

  test('while it lasts nothing new starts', async () => {
    await apply(cluster(), pod('late', sleeper(), { nodeName: node().name }));
    const p = await until('late', (x) => x.status?.phase === 'Failed');
    expect(p.status).toMatchObject({
      reason: 'Evicted',
      message: 'Pod was rejected: The node had condition: [DiskPressure]. ',
    });
  });

  test('unused images go, those that were loaded stay', async () => {
    const images = () => onNode('docker images --format "{{.Repository}}"');
    await waitFor('those that were pulled are gone', async () => !/tiny|bulk/.test(await images()));
    expect(await images()).toMatch(/coxswain\/hello/);
  });

  test('and it ends', async () => {
    await waitFor('the pressure is gone', async () => (await pressure()) === 'False', { timeoutMs: 120_000 });
    expect(isReady(await until('modest', (x) => x.status))).toBe(true);
  });

  test('a volume, a container or a pod that holds more than it may ends its pod', async () => {
    const limit = (size: string) => ({ resources: { limits: { 'ephemeral-storage': size } } });
    const fill = 'dd if=/dev/zero of=/x bs=1M count=4; trap "exit 0" TERM; sleep 3600 & wait';
    const here = { nodeName: node().name };
    const table = [
      [
        'oversized',
        writing(4),
        { ...volume({ sizeLimit: '1Mi' }) },
        'Usage of EmptyDir volume "v" exceeds the limit "1Mi". ',
      ],
      [
        'layer',
        {},
        { containers: [shell(fill, limit('3Mi')), sleeper({ name: 'other', ...limit('64Mi') })] },
        'Container main exceeded its local ephemeral storage limit "3Mi". ',
      ],
      [
        'together',
        { ...writing(4), ...limit('3Mi') },
        volume(),
        'Pod ephemeral local storage usage exceeds the total limit of containers 3Mi. ',
      ],
    ] as const;
    await apply(cluster(), ...table.map(([name, main, spec]) => pod(name, main, { ...spec, ...here })));
    for (const [name, , , message] of table) {
      const p = await until(name, (x) => x.status?.phase === 'Failed');
      expect(p.status).toMatchObject({ reason: 'Evicted', message });
      // It is its own doing, no disruption for the sake of others.
      expect(conditionOf(p, 'DisruptionTarget')).toBeUndefined();
    }
  });
});

describe.each([
  [
    'memory.available',
    'MemoryPressure',
    'memory',
    / Container main was using \d+[KM]i, request is 8Mi, has larger consumption of memory\. $/,
  ],
  ['pid.available', 'PIDPressure', 'pids', /available: \d+\w*\. $/],
] as const)('%s that runs short', (signal, condition, resource, words) => {
  const requests = (memory: string) => ({ resources: { requests: { memory } } });
  const script = `dd if=/dev/zero of=/v/x bs=1M count=40; for i in $(seq 30); do sleep 3600 & done; touch /v/done; ${END}`;
  const greedy = shell(script, { ...requests('8Mi'), volumeMounts: [{ name: 'v', mountPath: '/v' }] });
  const names = ['greedy', 'modest', 'critical', 'late'].map((name) => `${name}-${resource}`) as [
    string,
    string,
    string,
    string,
  ];
  const [first, next, critical, late] = names;

  test('ends pods, those first that use more than they asked for, but none the node needs', async () => {
    await apply(
      cluster(),
      pod(first, greedy, { volumes: [{ name: 'v', emptyDir: { medium: 'Memory' } }] }),
      pod(next, sleeper(requests('64Mi'))),
      pod(critical, sleeper(), { priorityClassName: 'system-node-critical' }),
    );
    for (const name of [first, next, critical]) await until(name, isReady);
    await waitFor(
      'it uses what it will',
      async () => (await cluster().kubectl(['exec', first, '--', 'ls', '/v/done'])).code === 0,
    );
    // Less than all there is: always so.
    const agent = await agentWith('--eviction-hard', `${signal}<100%`, '--eviction-pressure-transition-period', '1s');
    try {
      const [greedyPod, modestPod] = [await until(first, isEvicted, 120_000), await until(next, isEvicted, 120_000)];
      expect(greedyPod.status?.message).toMatch(`The node was low on resource: ${resource}. Threshold quantity: `);
      expect(greedyPod.status?.message).toMatch(words);
      const at = (p: Pod) => Date.parse(conditionOf(p, 'DisruptionTarget')?.lastTransitionTime ?? '');
      expect(at(greedyPod)).toBeLessThan(at(modestPod));
      await waitFor('the node says so', async () => (await pressure(condition)) === 'True', { timeoutMs: 60_000 });
      await apply(cluster(), pod(late, sleeper(), { nodeName: node().name }));
      expect((await until(late, isEvicted)).status?.message).toBe(
        `Pod was rejected: The node had condition: [${condition}]. `,
      );
      expect(isReady(await until(critical, (p) => p.status))).toBe(true);
    } finally {
      await agent.stop();
      await node().agent.start();
    }
    await waitFor('the pressure is gone', async () => (await pressure(condition)) === 'False', { timeoutMs: 60_000 });
    await cluster().kubectlOk(['delete', 'pod', ...names, '--now']);
  });
});
