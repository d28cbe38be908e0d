import { describe, expect, test } from 'vitest';
import { ControllerRevisions, type DaemonSet, DaemonSets, Events, Nodes, type Pod, Pods } from '#api/kinds/index.ts';
import { isNotFound } from '#api/meta/errors.ts';
import type { Stored } from '#api/meta/objectmeta.ts';
import { systemClock } from '#async/clock.ts';
import { waitFor } from '../../bed/wait.ts';
import { killing, meanwhile, randomSource, seed } from './chaos.ts';
import { freshNamespace, livePods, podTemplate, useWorld } from './world.ts';

const NODES = 4;
const world = useWorld('controllers-daemonset', { hollow: NODES });

const daemonSet = (namespace: string, name: string, spec: object = {}): DaemonSet =>
  ({
    metadata: { namespace, name },
    spec: { selector: { matchLabels: { app: name } }, template: podTemplate({ app: name }), ...spec },
  }) as DaemonSet;

const image = (i: string) => ({ spec: { template: { spec: { containers: [{ name: 'main', image: i }] } } } });
const patch = (namespace: string, name: string, body: unknown) =>
  world().client.patch(DaemonSets, { name, namespace }, { type: 'strategic', body });

/** Waits until every node it wants has an available pod of the present template. */
const settled = (namespace: string, name: string, timeoutMs = 60_000): Promise<Stored<DaemonSet>> =>
  waitFor(
    `${name} on all nodes`,
    async () => {
      const ds = await world().client.get(DaemonSets, name, namespace);
      const { desiredNumberScheduled: wanted, updatedNumberScheduled, numberAvailable } = ds.status ?? {};
      const seen = ds.status?.observedGeneration === ds.metadata.generation;
      return seen && wanted === numberAvailable && wanted === updatedNumberScheduled ? ds : undefined;
    },
    { timeoutMs, everyMs: 30 },
  );

const perNode = (pods: readonly Pod[]): Map<string, number> => {
  const counts = new Map<string, number>();
  for (const p of pods) {
    const fields = p.spec?.affinity?.nodeAffinity?.requiredDuringSchedulingIgnoredDuringExecution?.nodeSelectorTerms;
    const node = p.spec?.nodeName ?? fields?.[0]?.matchFields?.[0]?.values?.[0] ?? '';
    counts.set(node, (counts.get(node) ?? 0) + 1);
  }
  return counts;
};

describe('DaemonSet', () => {
  test('runs one pod on every node, also on one that joins; leaves one whose labels change', async () => {
    const { client, nodes } = world();
    const ns = await freshNamespace(client);
    const template = podTemplate({ app: 'd' });
    const spec = { template: { ...template, spec: { ...template.spec, nodeSelector: { pool: 'extra' } } } };
    await client.create(DaemonSets, daemonSet(ns, 'all'));
    await client.create(DaemonSets, daemonSet(ns, 'd', spec));
    expect((await settled(ns, 'all')).status).toMatchObject({ desiredNumberScheduled: NODES, numberReady: NODES });
    await nodes.add('extra', { pool: 'extra' });
    const since = Date.now();
    await waitFor('pods on the new node', async () => (await livePods(client, ns)).length === NODES + 2, {
      everyMs: 10,
    });
    expect(Date.now() - since).toBeLessThan(30_000);
    await settled(ns, 'd');
    expect([...perNode(await livePods(client, ns)).values()].sort()).toEqual([1, 1, 1, 1, 2]);
    await client.patch(Nodes, { name: 'extra' }, { type: 'merge', body: { metadata: { labels: { pool: 'none' } } } });
    await waitFor('it left', async () => {
      const { status } = await client.get(DaemonSets, 'd', ns);
      return status?.desiredNumberScheduled === 0 && (await livePods(client, ns)).length === NODES + 1;
    });
    await client.delete(Nodes, 'extra');
    await waitFor('one node less', async () => (await settled(ns, 'all')).status?.desiredNumberScheduled === NODES);
  });

  test('a rolling update keeps to maxUnavailable, and a rollback reuses the revision', async () => {
    const { client } = world();
    const ns = await freshNamespace(client);
    await client.create(DaemonSets, daemonSet(ns, 'd'));
    await settled(ns, 'd');
    const worst = { missing: 0, doubled: 0 };
    const look = async () => {
      const { items } = await client.list(Pods, { namespace: ns });
      const ready = items.filter((p) => !p.metadata.deletionTimestamp && p.status?.phase === 'Running');
      worst.missing = Math.max(worst.missing, NODES - ready.length);
      worst.doubled = Math.max(worst.doubled, ...perNode(items).values());
    };
    await meanwhile(look, async () => {
      await patch(ns, 'd', image('img:2'));
      await settled(ns, 'd');
    });
    // One that was missing may not have been seen.
    expect(worst.missing).toBeLessThanOrEqual(1);
    expect(worst.doubled).toBe(1);
    await patch(ns, 'd', image('img:1'));
    await settled(ns, 'd');
    const revisions = (await client.list(ControllerRevisions, { namespace: ns })).items;
    expect(revisions.map((r) => r.revision).sort()).toEqual([2, 3]);
    const newest = revisions.find((r) => r.revision === 3);
    const hashes = (await livePods(client, ns)).map((p) => p.metadata.labels?.['controller-revision-hash']);
    expect(new Set(hashes)).toEqual(new Set([newest?.metadata.labels?.['controller-revision-hash']]));
  });

  test('surging, no node is ever without a serving pod; OnDelete waits for the user', async () => {
    const { client } = world();
    const ns = await freshNamespace(client);
    const updateStrategy = { type: 'RollingUpdate', rollingUpdate: { maxSurge: 2, maxUnavailable: 0 } };
    await client.create(DaemonSets, daemonSet(ns, 'd', { updateStrategy }));
    await settled(ns, 'd');
    let least = NODES;
    const look = async () => {
      const ready = (await livePods(client, ns)).filter((p) => p.status?.phase === 'Running');
      least = Math.min(least, perNode(ready).size);
    };
    await meanwhile(look, async () => {
      await patch(ns, 'd', image('img:2'));
      await settled(ns, 'd');
      await waitFor('old pods gone', async () => (await livePods(client, ns)).length === NODES);
    });
    expect(least).toBe(NODES);

    await patch(ns, 'd', { spec: { updateStrategy: { type: 'OnDelete', rollingUpdate: null } } });
    await patch(ns, 'd', image('img:3'));
    await waitFor('seen', async () => {
      const { status, metadata } = await client.get(DaemonSets, 'd', ns);
      return status?.observedGeneration === metadata.generation && (status?.updatedNumberScheduled ?? 0) === 0;
    });
    const [victim] = await livePods(client, ns);
    await client.delete(Pods, victim?.metadata.name ?? '', ns);
    await waitFor('one updated', async () => {
      const { status } = await client.get(DaemonSets, 'd', ns);
      return status?.updatedNumberScheduled === 1 && status.numberAvailable === NODES;
    });
  });

  test.each([
    ['Failed', 'FailedDaemonPod'],
    ['Succeeded', 'SucceededDaemonPod'],
  ])('a pod that is %s is reported and replaced', async (phase, reason) => {
    const { client } = world();
    const ns = await freshNamespace(client);
    await client.create(DaemonSets, daemonSet(ns, 'd'));
    await settled(ns, 'd');
    const [victim] = await livePods(client, ns);
    const target = { name: victim?.metadata.name ?? '', namespace: ns, subresource: 'status' };
    await client.patch(Pods, target, { type: 'merge', body: { status: { phase } } });
    await waitFor('replaced', async () => {
      const pods = await livePods(client, ns);
      return pods.length === NODES && pods.every((p) => p.status?.phase === 'Running');
    });
    expect((await livePods(client, ns)).some((p) => p.metadata.uid === victim?.metadata.uid)).toBe(false);
    await waitFor('an event', async () =>
      (await client.list(Events, { namespace: ns })).items.some((e) => e.reason === reason),
    );
  });
});

test(`never two daemons on a node, whatever happens to the controller manager (SEED=${seed})`, async () => {
  const { client } = world();
  const random = randomSource(seed);
  const ns = await freshNamespace(client);
  const updateStrategy = { type: 'RollingUpdate', rollingUpdate: { maxUnavailable: 2 } };
  await client.create(DaemonSets, daemonSet(ns, 'd', { updateStrategy }));
  await settled(ns, 'd');
  const killer = killing(world, random);
  let want = 'img:1';
  const doubled: string[] = [];
  for (let step = 0; step < 40; step++) {
    if (random(3) === 0) {
      want = `img:${random(4)}`;
      await patch(ns, 'd', image(want));
    } else {
      const pods = await livePods(client, ns);
      const victim = pods[random(pods.length || 1)];
      if (victim)
        await client.delete(Pods, victim.metadata.name, ns).catch((e) => {
          if (!isNotFound(e)) throw e;
        });
    }
    for (const [node, n] of perNode((await client.list(Pods, { namespace: ns })).items))
      if (n > 1) doubled.push(`${step}: ${n} on ${node}`);
    await systemClock.sleep(random(200));
  }
  await killer.stop();
  await settled(ns, 'd', 90_000);
  expect(doubled).toEqual([]);
  // A status that was written before the last deeds may still say that all is well: the pods themselves tell.
  await waitFor(`one pod of ${want} a node`, async () => {
    const pods = await livePods(client, ns);
    const right = pods.every((p) => p.spec?.containers?.[0]?.image === want);
    return right && pods.length === NODES && perNode(pods).size === NODES;
  });
}, 240_000);
