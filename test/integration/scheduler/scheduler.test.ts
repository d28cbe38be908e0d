import { describe, expect, test } from 'vitest';
import { HollowFleet } from '#agent/hollow/fleet.ts';
import {
  type Node,
  Nodes,
  type PersistentVolume,
  type PersistentVolumeClaim,
  PersistentVolumeClaims,
  PersistentVolumes,
  PodDisruptionBudgets,
  Pods,
  PriorityClasses,
  type ReplicaSet,
  ReplicaSets,
  StorageClasses,
} from '#api/kinds/index.ts';
import { isNotFound } from '#api/meta/errors.ts';
import { systemClock } from '#async/clock.ts';
import { createInformerFactory } from '#client/informer-factory.ts';
import { silentLogger } from '#process/logger.ts';
import { waitFor } from '../../bed/wait.ts';
import { configuration, configuredTests } from './configured.ts';
import { type HollowCluster, useHollowCluster } from './hollow-cluster.ts';

const ZONE = 'topology.kubernetes.io/zone';
const HOST = 'kubernetes.io/hostname';
const NO_VICTIMS = 'No preemption victims found for incoming pod';
const NO_HELP = 'Preemption is not helpful for scheduling';

/** The default profile, others, and extenders that are asked about some resources only. */
const { file, server } = await configuration();

/** Namespaces of a ReplicaSet, and of a disruption budget. */
let replicated = '';
let budgeted = '';

const before = async (c: HollowCluster): Promise<void> => {
  replicated = await c.namespace();
  const template = { metadata: { labels }, spec: { containers: [{ name: 'main', image: 'i' }] } };
  const set = { metadata: { name: 'web', namespace: replicated }, spec: { replicas: 0, selector, template } };
  await c.client.create(ReplicaSets, set as unknown as ReplicaSet);
  budgeted = await c.namespace();
  const budget = { metadata: { name: 'web', namespace: budgeted }, spec: { minAvailable: 1, selector } };
  await c.client.create(PodDisruptionBudgets, budget);
};
const setUp = async (c: HollowCluster): Promise<void> => {
  await c.addNode('a', { [ZONE]: '1' });
  await c.addNode('b', { [ZONE]: '1' });
  await c.addNode('c', { [ZONE]: '2' });
  for (const [name, value] of [
    ['low', 10],
    ['high', 1000],
  ] as const) {
    await c.client.create(PriorityClasses, { metadata: { name }, value });
  }
  await c.client.create(PriorityClasses, { metadata: { name: 'polite' }, value: 1000, preemptionPolicy: 'Never' });
};
/** Nodes a, b in zone 1, c in zone 2. */
const world = useHollowCluster('scheduler', { before, setUp }, ['--config', file]);
configuredTests(world, server);

const low = { priorityClassName: 'low', priority: 10 };
const high = { priorityClassName: 'high', priority: 1000 };
const labels = { app: 'web' };
const selector = { matchLabels: labels };
const apart = (topologyKey: string) => ({
  affinity: {
    podAntiAffinity: {
      requiredDuringSchedulingIgnoredDuringExecution: [{ topologyKey, labelSelector: selector }],
    },
  },
});
const nodesOf = (namespace: string, names: readonly string[]) =>
  Promise.all(names.map((n) => world().bound(namespace, n)));
const numbered = (n: number) => Array.from({ length: n }, (_, i) => `p${i}`);

describe('placement', () => {
  test('topology spread: three in each zone', async () => {
    const c = world();
    const ns = await c.namespace();
    const spread = [{ maxSkew: 1, topologyKey: ZONE, whenUnsatisfiable: 'DoNotSchedule', labelSelector: selector }];
    for (const p of numbered(6))
      await c.addPod(ns, p, { metadata: { labels }, spec: { topologySpreadConstraints: spread } });
    const nodes = await nodesOf(ns, numbered(6));
    expect(nodes.filter((n) => n === 'c')).toHaveLength(3);
  });

  test('pods of a ReplicaSet are spread by default', async () => {
    const c = world();
    const ns = replicated;
    const { metadata } = await c.client.get(ReplicaSets, 'web', ns);
    const ownerReferences = [
      { apiVersion: 'apps/v1', kind: 'ReplicaSet', name: 'web', uid: metadata.uid, controller: true },
    ];
    for (const p of numbered(3)) await c.addPod(ns, p, { metadata: { labels, ownerReferences } });
    expect(new Set(await nodesOf(ns, numbered(3))).size).toBe(3);
  });

  test('affinity: to the zone where the other one is, which comes later', async () => {
    const c = world();
    const ns = await c.namespace();
    const term = { topologyKey: ZONE, labelSelector: selector };
    const near = { affinity: { podAffinity: { requiredDuringSchedulingIgnoredDuringExecution: [term] } } };
    await c.addPod(ns, 'near', { spec: near });
    expect(await c.refused(ns, 'near')).toContain("3 node(s) didn't match pod affinity rules");
    await c.addPod(ns, 'web', { metadata: { labels }, spec: { nodeSelector: { [HOST]: 'c' } } });
    expect(await c.bound(ns, 'near')).toBe('c');
  });

  test('a gated pod waits for its gate', async () => {
    const c = world();
    const ns = await c.namespace();
    await c.addPod(ns, 'gated', { spec: { schedulingGates: [{ name: 'example.org/x' }] } });
    await c.addPod(ns, 'after');
    await c.bound(ns, 'after');
    const { spec, status } = await c.get(ns, 'gated');
    expect(spec?.nodeName).toBeUndefined();
    expect(status?.conditions).toMatchObject([{ type: 'PodScheduled', status: 'False', reason: 'SchedulingGated' }]);
    await c.client.patch(
      Pods,
      { name: 'gated', namespace: ns },
      { type: 'merge', body: { spec: { schedulingGates: null } } },
    );
    await c.bound(ns, 'gated');
  });
});

describe('what FailedScheduling says', () => {
  test.each<[string, { spec?: object; cpu?: string }, string]>([
    [
      'too much',
      { cpu: '5' },
      `0/3 nodes are available: 3 Insufficient cpu. preemption: 0/3 nodes are available: 3 ${NO_HELP}.`,
    ],
    [
      'no such node',
      { spec: { nodeSelector: { [ZONE]: '9' } } },
      `0/3 nodes are available: 3 node(s) didn't match Pod's node affinity/selector. preemption: 0/3 nodes are available: 3 ${NO_HELP}.`,
    ],
    [
      'policy Never',
      { cpu: '5', spec: { priorityClassName: 'polite' } },
      '0/3 nodes are available: 3 Insufficient cpu. preemption: not eligible due to preemptionPolicy=Never.',
    ],
  ])('%s', async (_, pod, message) => {
    const c = world();
    const ns = await c.namespace();
    await c.addPod(ns, 'p', pod);
    expect(await c.refused(ns, 'p')).toBe(message);
    await waitFor('the event', async () => (await c.events(ns, 'p', 'FailedScheduling')).includes(message));
    await c.clear(ns);
  });

  test('several reasons, counted; each way out is taken', async () => {
    const c = world();
    const ns = await c.namespace();
    const taints = [{ key: 'k', value: 'v', effect: 'NoSchedule' as const }];
    await c.client.patch(Nodes, { name: 'a' }, { type: 'merge', body: { spec: { taints } } });
    await c.client.patch(Nodes, { name: 'b' }, { type: 'merge', body: { spec: { unschedulable: true } } });
    await c.refuses(ns, { nodeSelector: { [HOST]: 'a' } }, 'untolerated taint');
    await c.refuses(ns, { nodeSelector: { [HOST]: 'b' } }, 'unschedulable');
    await c.addPod(ns, 'full', { metadata: { labels }, spec: { nodeSelector: { [HOST]: 'c' } } });
    await c.bound(ns, 'full');
    await c.addPod(ns, 'p', { spec: apart(HOST) });
    expect(await c.refused(ns, 'p')).toBe(
      "0/3 nodes are available: 1 node(s) didn't match pod anti-affinity rules, 1 node(s) had untolerated taint {k: v}, " +
        `1 node(s) were unschedulable. preemption: 0/3 nodes are available: 1 ${NO_VICTIMS}, 2 ${NO_HELP}.`,
    );
    await c.client.patch(Nodes, { name: 'a' }, { type: 'merge', body: { spec: { taints: null } } });
    expect(await c.bound(ns, 'p')).toBe('a');
    await c.client.patch(Nodes, { name: 'b' }, { type: 'merge', body: { spec: { unschedulable: null } } });
    await c.takes(ns, { nodeSelector: { [HOST]: 'b' } });
  });

  test('anti-affinity: a fourth pod has no node until one comes', async () => {
    const c = world();
    const ns = await c.namespace();
    await c.caughtUp(ns);
    for (const p of numbered(4)) await c.addPod(ns, p, { metadata: { labels }, spec: apart(HOST) });
    expect(await c.refused(ns, 'p3')).toContain("3 node(s) didn't match pod anti-affinity rules");
    expect(new Set(await nodesOf(ns, numbered(3)))).toEqual(new Set(['a', 'b', 'c']));
    await c.addNode('d', { [ZONE]: '2' });
    expect(await c.bound(ns, 'p3')).toBe('d');
    await c.clear(ns);
    await c.client.delete(Nodes, 'd');
    await c.refuses(ns, { nodeSelector: { [HOST]: 'd' } }, '0/3 nodes');
  });
});

describe('preemption', () => {
  const gone = async (ns: string, name: string): Promise<boolean> => {
    try {
      await world().get(ns, name);
      return false;
    } catch (e) {
      return isNotFound(e);
    }
  };

  test('the least important pod goes, is told why, and its place is taken', async () => {
    const c = world();
    const ns = budgeted;
    const on = (node: string, spec: object) => ({ ...spec, nodeSelector: { [HOST]: node } });
    await c.addPod(ns, 'keep', { cpu: '1500m', spec: on('a', high) });
    await c.addPod(ns, 'free', { cpu: '1', spec: on('a', low) });
    await c.addPod(ns, 'guarded', { metadata: { labels }, cpu: '1', spec: on('a', low) });
    await nodesOf(ns, ['keep', 'guarded', 'free']);
    const { resourceVersion } = await c.client.list(Pods, { namespace: ns });
    const seen: (string | undefined)[] = [];
    const stop = new AbortController();
    const watching = (async () => {
      for await (const e of c.client.watch(Pods, { namespace: ns, resourceVersion, signal: stop.signal })) {
        if (e.type === 'BOOKMARK') continue;
        const { metadata, status } = e.object;
        if (metadata.name === 'free') seen.push(status?.conditions?.find((x) => x.type === 'DisruptionTarget')?.reason);
        if (metadata.name === 'vip') seen.push(status?.nominatedNodeName);
      }
    })().catch(() => {});
    const vip = await c.addPod(ns, 'vip', { cpu: '1', spec: on('a', high) });
    expect(await c.bound(ns, 'vip')).toBe('a');
    expect(await gone(ns, 'free')).toBe(true);
    expect(await gone(ns, 'guarded')).toBe(false);
    await waitFor('both were told', () => seen.includes('PreemptionByScheduler') && seen.includes('a'));
    stop.abort();
    await watching;
    await waitFor('the event', async () =>
      (await c.events(ns, 'free', 'Preempted')).includes(`Preempted by pod ${vip.metadata.uid} on node a`),
    );
    await c.clear(ns);
  });

  test('what others are kept a place for is not taken by the late', async () => {
    const c = world();
    const ns = await c.namespace();
    const all = ['a', 'b', 'c'];
    for (const n of all)
      await c.addPod(ns, `fill-${n}`, { cpu: '3500m', spec: { ...low, nodeSelector: { [HOST]: n } } });
    await nodesOf(
      ns,
      all.map((n) => `fill-${n}`),
    );
    for (const p of numbered(3)) await c.addPod(ns, p, { cpu: '3', spec: high });
    expect(new Set(await nodesOf(ns, numbered(3)))).toEqual(new Set(all));
    expect(await Promise.all(all.map((n) => gone(ns, `fill-${n}`)))).toEqual([true, true, true]);
    await c.clear(ns);
  });
});

describe('volumes', () => {
  const using = (claimName: string) => ({ volumes: [{ name: 'data', persistentVolumeClaim: { claimName } }] });
  const claim = (namespace: string, name: string, spec: object = {}) =>
    world().client.create(PersistentVolumeClaims, {
      metadata: { namespace, name },
      spec: {
        accessModes: ['ReadWriteOnce'],
        resources: { requests: { storage: '1Gi' } },
        storageClassName: 'local',
        ...spec,
      },
    } as PersistentVolumeClaim);
  const bind = async (namespace: string, name: string, volumeName: string): Promise<void> => {
    const annotations = { 'pv.kubernetes.io/bind-completed': 'yes' };
    const body = { metadata: { annotations }, spec: { volumeName } };
    await world().client.patch(PersistentVolumeClaims, { namespace, name }, { type: 'merge', body });
  };

  test('a claim that waits for its first pod gets a volume of its node, and is bound before the pod', async () => {
    const c = world();
    const ns = await c.namespace();
    await c.client.create(StorageClasses, {
      metadata: { name: 'local' },
      provisioner: 'kubernetes.io/no-provisioner',
      volumeBindingMode: 'WaitForFirstConsumer',
    });
    await c.addPod(ns, 'p', { spec: using('data') });
    expect(await c.refused(ns, 'p')).toBe(
      `0/3 nodes are available: persistentvolumeclaim "data" not found. preemption: 0/3 nodes are available: 3 ${NO_HELP}.`,
    );
    await claim(ns, 'data');
    const none = "3 node(s) didn't find available persistent volumes to bind";
    await waitFor('no volumes', async () => (await c.refused(ns, 'p')).includes(none));
    const terms = [{ matchExpressions: [{ key: HOST, operator: 'In', values: ['c'] }] }];
    await c.client.create(PersistentVolumes, {
      metadata: { name: 'disk-c' },
      spec: {
        capacity: { storage: '2Gi' },
        accessModes: ['ReadWriteOnce'],
        storageClassName: 'local',
        local: { path: '/mnt' },
        nodeAffinity: { required: { nodeSelectorTerms: terms } },
      },
    } as PersistentVolume);
    const available = { status: { phase: 'Available' } };
    await c.client.patch(
      PersistentVolumes,
      { name: 'disk-c', subresource: 'status' },
      { type: 'merge', body: available },
    );
    await waitFor('the volume is taken for the claim', async () => {
      const { spec } = await c.client.get(PersistentVolumes, 'disk-c');
      return spec?.claimRef?.name === 'data' && spec.claimRef.uid !== undefined;
    });
    expect((await c.get(ns, 'p')).spec?.nodeName).toBeUndefined();
    await bind(ns, 'data', 'disk-c');
    expect(await c.bound(ns, 'p')).toBe('c');
    await c.addPod(ns, 'elsewhere', { spec: { ...using('data'), nodeSelector: { [ZONE]: '1' } } });
    expect(await c.refused(ns, 'elsewhere')).toContain(
      "1 node(s) didn't match Pod's node affinity/selector, 2 node(s) had volume node affinity conflict",
    );
    await c.clear(ns);
  });

  test('ReadWriteOncePod: the second pod waits for the end of the first', async () => {
    const c = world();
    const ns = await c.namespace();
    await c.client.create(PersistentVolumes, {
      metadata: { name: 'one' },
      spec: { capacity: { storage: '2Gi' }, accessModes: ['ReadWriteOncePod'], nfs: { server: 'x', path: '/' } },
    } as PersistentVolume);
    await claim(ns, 'data', { accessModes: ['ReadWriteOncePod'], storageClassName: '', volumeName: 'one' });
    await bind(ns, 'data', 'one');
    await c.addPod(ns, 'first', { spec: using('data') });
    await c.bound(ns, 'first');
    await c.addPod(ns, 'second', { spec: using('data') });
    expect(await c.refused(ns, 'second')).toContain(
      '3 node has pod using PersistentVolumeClaim with the same name and ReadWriteOncePod access mode',
    );
    await c.client.delete(Pods, 'first', ns);
    await c.bound(ns, 'second');
  });
});

test('a node that goes takes its room along', async () => {
  const c = world();
  const ns = await c.namespace();
  await c.addNode('e', {}, { taints: [{ key: 'only', effect: 'NoSchedule' }] } as Node['spec']);
  const spec = { nodeSelector: { [HOST]: 'e' }, tolerations: [{ key: 'only', operator: 'Exists' }] };
  await c.addPod(ns, 'first', { spec });
  expect(await c.bound(ns, 'first')).toBe('e');
  await c.client.delete(Nodes, 'e');
  await c.refuses(ns, spec, "3 node(s) didn't match Pod's node affinity/selector");
});

// The last test: it adds nodes.
test('nodes of a hollow fleet: ready, their pods run, and end when they are deleted', async () => {
  const c = world();
  const ns = await c.namespace();
  const stop = new AbortController();
  const { signal } = stop;
  const informers = createInformerFactory({ client: c.client, clock: systemClock, signal, logger: silentLogger });
  const fleet = new HollowFleet(
    { client: c.client, informers, clock: systemClock, logger: silentLogger, signal },
    {
      count: 3,
      prefix: 'fleet',
      cpus: 4,
      memoryBytes: 2 ** 33,
      maxPods: 20,
      zones: 2,
      labels: { fleet: 'x' },
      leaseSeconds: 40,
    },
  );
  const ended = fleet.run();
  try {
    await waitFor('the fleet is up', async () => fleet.ready);
    const { metadata, status } = await c.client.get(Nodes, 'fleet-1');
    expect(metadata.labels).toMatchObject({ [ZONE]: 'zone-1', [HOST]: 'fleet-1', fleet: 'x' });
    expect(status?.conditions?.find((x) => x.type === 'Ready')?.status).toBe('True');
    // What the node lifecycle controller would take away, which does not run here.
    for (const { metadata: m } of (await c.client.list(Nodes, { labelSelector: 'fleet=x' })).items) {
      await c.client.patch(Nodes, { name: m.name }, { type: 'merge', body: { spec: { taints: null } } });
    }
    await c.addPod(ns, 'p', { spec: { nodeSelector: { fleet: 'x' } } });
    const pod = await waitFor('it runs', async () => {
      const p = await c.get(ns, 'p');
      return p.status?.conditions?.some((x) => x.type === 'Ready' && x.status === 'True') ? p : undefined;
    });
    expect(pod.status).toMatchObject({
      phase: 'Running',
      podIP: expect.stringMatching(/^10\./) as string,
      containerStatuses: [{ ready: true }],
    });
    await c.client.delete(Pods, 'p', ns);
    await waitFor('it is gone', () => c.get(ns, 'p').then(() => false, isNotFound));
  } finally {
    stop.abort();
    await ended.catch(() => {});
  }
});
