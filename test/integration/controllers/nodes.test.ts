import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { EndpointSlices, Events, Leases, Nodes, Pods, ReplicaSets, Services } from '#api/kinds/index.ts';
import { isNotFound } from '#api/meta/errors.ts';
import { systemClock } from '#async/clock.ts';
import { waitFor } from '../../bed/wait.ts';
import { freshNamespace, isReady, livePods, podTemplate, replicaSet, useWorld } from './world.ts';

const GRACE_MS = 4000;
const world = useWorld('controllers-nodes', {
  hollow: 4,
  flags: { 'controller-manager': ['--node-monitor-grace-period', `${GRACE_MS}ms`] },
});
afterAll(async () => world().nodes.silent.clear());

let ghosts = '';
beforeAll(async () => {
  const { client } = world();
  ghosts = await freshNamespace(client, 'ghosts');
  await client.create(Nodes, { metadata: { name: 'ghost' }, spec: {} });
  const spec = { ...podTemplate({}).spec, nodeName: 'ghost', tolerations: [{ operator: 'Exists' }] };
  await client.create(Pods, { metadata: { namespace: ghosts, name: 'left' }, spec } as never);
  await client.delete(Nodes, 'ghost');
});

const node = (name: string) => world().client.get(Nodes, name);
const readyOf = async (name: string) => (await node(name)).status?.conditions?.find((c) => c.type === 'Ready')?.status;
const taintsOf = async (name: string) =>
  ((await node(name)).spec?.taints ?? []).map((t) => `${t.key}:${t.effect}`).sort();
const tolerations = (seconds: number) =>
  ['not-ready', 'unreachable'].map((k) => ({
    key: `node.kubernetes.io/${k}`,
    operator: 'Exists',
    effect: 'NoExecute',
    tolerationSeconds: seconds,
  }));
const UNREACHABLE = ['node.kubernetes.io/unreachable:NoExecute', 'node.kubernetes.io/unreachable:NoSchedule'];

test('every node has a subnet of its own, also when many come at once', async () => {
  const { client } = world();
  const names = Array.from({ length: 60 }, (_, i) => `many${i}`);
  await Promise.all(names.map((name) => client.create(Nodes, { metadata: { name }, spec: {} })));
  const cidrs = await waitFor('all have one', async () => {
    const found = (await client.list(Nodes)).items.flatMap((n) => n.spec?.podCIDR ?? []);
    return found.length === 64 ? found : undefined;
  });
  expect(new Set(cidrs).size).toBe(64);
  expect(cidrs.every((c) => /^10\.244\.\d+\.0\/24$/.test(c))).toBe(true);
  await Promise.all(names.map((name) => client.delete(Nodes, name)));
  // What nodes gave back is given out again.
  await client.create(Nodes, { metadata: { name: 'late' }, spec: {} });
  const late = await waitFor('a subnet', async () => (await node('late')).spec?.podCIDR);
  expect(cidrs).toContain(late);
  await client.delete(Nodes, 'late');
});

test('cordon taints, uncordon takes it back', async () => {
  const { cluster } = world();
  await cluster.kubectlOk(['cordon', 'hollow4']);
  await waitFor(
    'tainted',
    async () => (await taintsOf('hollow4')).join() === 'node.kubernetes.io/unschedulable:NoSchedule',
  );
  await cluster.kubectlOk(['uncordon', 'hollow4']);
  await waitFor('free', async () => (await taintsOf('hollow4')).length === 0);
});

test('every node is told how long its agent may keep what it mounts', async () => {
  const told = async () => (await node('hollow4')).metadata.annotations?.['node.alpha.kubernetes.io/ttl'];
  await waitFor('told', async () => (await told()) === '0');
});

test('a taint that does not say since when evicts those that tolerate it for a while, in time', async () => {
  const { client, cluster } = world();
  const ns = await freshNamespace(client);
  const spec = (tolerationSeconds?: number) => ({
    ...podTemplate({}).spec,
    nodeName: 'hollow2',
    tolerations: [
      { key: 'mine', operator: 'Exists', effect: 'NoExecute', ...(tolerationSeconds ? { tolerationSeconds } : {}) },
    ],
  });
  const create = (name: string, seconds?: number) =>
    client.create(Pods, { metadata: { namespace: ns, name }, spec: spec(seconds) } as never);
  await create('stays');
  await create('goes', 3);
  await cluster.kubectlOk(['taint', 'node', 'hollow2', 'mine=x:NoExecute']);
  await waitFor('one left', async () => (await livePods(client, ns)).map((p) => p.metadata.name).join() === 'stays');
  await cluster.kubectlOk(['taint', 'node', 'hollow2', 'mine-']);
  await waitFor('free', async () => (await taintsOf('hollow2')).length === 0);
});

describe('a node falls silent', () => {
  test('it is marked, its pods leave the services at once and the node in time; heard again, it is clean', async () => {
    const { client, nodes } = world();
    const ns = await freshNamespace(client);
    const rs = replicaSet(ns, 'web', 4);
    Object.assign(rs.spec?.template?.spec ?? {}, { tolerations: tolerations(3) });
    await client.create(Services, {
      metadata: { namespace: ns, name: 'web' },
      spec: { selector: { app: 'web' }, ports: [{ port: 80 }] },
    } as never);
    await client.create(ReplicaSets, rs);
    const readyEndpoints = async () =>
      (await client.list(EndpointSlices, { namespace: ns })).items
        .flatMap((s) => s.endpoints ?? [])
        .filter((e) => e.conditions?.ready);
    await waitFor('4 endpoints', async () => (await readyEndpoints()).length === 4);
    const lost = (await livePods(client, ns)).filter((p) => p.spec?.nodeName === 'hollow1');
    expect(lost.length).toBeGreaterThan(0);

    nodes.silent.add('hollow1');
    await waitFor('Unknown', async () => (await readyOf('hollow1')) === 'Unknown');
    const lastHeard = (await client.get(Leases, 'hollow1', 'kube-node-lease')).spec?.renewTime ?? '';
    expect(Date.now() - Date.parse(lastHeard)).toBeGreaterThan(GRACE_MS);
    await waitFor(
      'its pods are out of the slices',
      async () => (await readyEndpoints()).every((e) => e.nodeName !== 'hollow1'),
      { everyMs: 20 },
    );
    await waitFor('tainted', async () => (await taintsOf('hollow1')).join() === UNREACHABLE.join());
    await waitFor('4 ready elsewhere', async () => {
      const pods = (await livePods(client, ns)).filter(isReady);
      return pods.length === 4 && pods.every((p) => p.spec?.nodeName !== 'hollow1');
    });
    const stale = await client.get(Pods, lost[0]?.metadata.name ?? '', ns);
    expect(stale.metadata.deletionTimestamp).toBeDefined();
    expect(stale.status?.conditions?.find((c) => c.type === 'DisruptionTarget')).toMatchObject({
      reason: 'DeletionByTaintManager',
    });
    await waitFor('events', async () => {
      const reasons = (await client.list(Events)).items.map((e) => e.reason);
      return reasons.includes('NodeNotReady') && reasons.includes('TaintManagerEviction');
    });

    nodes.silent.delete('hollow1');
    await nodes.sayReady('hollow1');
    await nodes.poke();
    await waitFor('clean', async () => (await taintsOf('hollow1')).length === 0);
    await waitFor('the old pods are gone', async () => (await client.list(Pods, { namespace: ns })).items.length === 4);
  });

  test('all fall silent: it is rather we who are cut off, and no pod is moved', async () => {
    const { client, nodes } = world();
    const ns = await freshNamespace(client);
    const rs = replicaSet(ns, 'web', 4);
    Object.assign(rs.spec?.template?.spec ?? {}, { tolerations: tolerations(0) });
    await client.create(ReplicaSets, rs);
    await waitFor('4 ready', async () => (await livePods(client, ns)).filter(isReady).length === 4);
    const before = (await livePods(client, ns)).map((p) => p.metadata.uid).sort();
    const names = (await client.list(Nodes)).items.map((n) => n.metadata.name);
    for (const n of names) nodes.silent.add(n);
    for (const n of names) await waitFor(`${n} Unknown`, async () => (await readyOf(n)) === 'Unknown');
    for (const n of names) await waitFor('no NoExecute', async () => (await taintsOf(n)).join() === UNREACHABLE[1]);
    // One after the other comes back; none of the others may be emptied for the time of the outage.
    await Promise.all(
      names.map((n) => {
        nodes.silent.delete(n);
        return nodes.sayReady(n);
      }),
    );
    await nodes.poke();
    for (const n of names) await waitFor(`${n} clean`, async () => (await taintsOf(n)).length === 0);
    await waitFor('ready again', async () => (await livePods(client, ns)).filter(isReady).length === 4);
    const after = (await livePods(client, ns)).map((p) => p.metadata.uid).sort();
    // The first to be missed stood alone for a moment, and so may the last that is heard: one node in ten seconds is given up.
    expect(after.filter((u) => before.includes(u)).length).toBeGreaterThanOrEqual(2);
  });
});

test('a controller manager that stood still blames no node for it', async () => {
  const { client, cluster, nodes } = world();
  const manager = cluster.processes['controller-manager'];
  const judged = async () =>
    (await client.list(Nodes)).items.map(({ metadata: { name }, status }) => {
      const ready = status?.conditions?.find((c) => c.type === 'Ready');
      return `${name} ${ready?.status} since ${ready?.lastTransitionTime}`;
    });
  const before = await judged();
  manager.signal('SIGSTOP');
  await systemClock.sleep(GRACE_MS + 1000);
  manager.signal('SIGCONT');
  // It has looked at every node again when it does its other work.
  await cluster.kubectlOk(['cordon', 'hollow4']);
  await waitFor('tainted', async () => (await taintsOf('hollow4')).length === 1);
  await cluster.kubectlOk(['uncordon', 'hollow4']);
  await waitFor('free', async () => (await taintsOf('hollow4')).length === 0);
  // On a machine so busy that nodes went unheard it is right.
  if (nodes.longestSilenceMs > GRACE_MS / 2) return;
  expect(await judged()).toEqual(before);
});

test('pods on a node whose object is gone were removed', async () => {
  const gone = async () => {
    try {
      await world().client.get(Pods, 'left', ghosts);
      return false;
    } catch (e) {
      return isNotFound(e);
    }
  };
  // They are given time: the node might come back. It has been running since the first test.
  await waitFor('removed', gone, { timeoutMs: 60_000, everyMs: 500 });
});
