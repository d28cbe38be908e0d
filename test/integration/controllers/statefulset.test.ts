import { describe, expect, test } from 'vitest';
import {
  ControllerRevisions,
  PersistentVolumeClaims,
  type Pod,
  Pods,
  type StatefulSet,
  StatefulSets,
} from '#api/kinds/index.ts';
import { isConflict, isNotFound } from '#api/meta/errors.ts';
import type { Stored } from '#api/meta/objectmeta.ts';
import { systemClock } from '#async/clock.ts';
import { waitFor } from '../../bed/wait.ts';
import { killing, meanwhile, randomSource, seed } from './chaos.ts';
import { freshNamespace, isReady, livePods, podTemplate, useWorld } from './world.ts';

const world = useWorld('controllers-statefulset');

const statefulSet = (namespace: string, name: string, spec: object = {}): StatefulSet =>
  ({
    metadata: { namespace, name },
    spec: {
      replicas: 3,
      serviceName: name,
      selector: { matchLabels: { app: name } },
      template: podTemplate({ app: name }),
      ...spec,
    },
  }) as StatefulSet;
const image = (i: string) => ({ template: { spec: { containers: [{ name: 'main', image: i }] } } });
const patch = (ns: string, spec: object) =>
  world().client.patch(StatefulSets, { name: 'web', namespace: ns }, { type: 'strategic', body: { spec } });
const get = (ns: string) => world().client.get(StatefulSets, 'web', ns);
const pods = async (ns: string): Promise<Stored<Pod>[]> => (await world().client.list(Pods, { namespace: ns })).items;
const images = async (ns: string): Promise<string> =>
  (await livePods(world().client, ns))
    .sort((a, b) => (a.metadata.name < b.metadata.name ? -1 : 1))
    .map((p) => p.spec?.containers?.[0]?.image)
    .join(' ');

/** Waits until all wanted pods are available; with `updated`, of the newest revision too. */
const settled = (ns: string, { updated = true, timeoutMs = 60_000 } = {}): Promise<Stored<StatefulSet>> =>
  waitFor(
    'web settled',
    async () => {
      const set = await get(ns);
      const { status, spec, metadata } = set;
      if (status?.observedGeneration !== metadata.generation || status?.replicas !== spec?.replicas) return undefined;
      const done = status?.availableReplicas === spec?.replicas;
      const rolled = status?.currentRevision === status?.updateRevision && status?.updatedReplicas === spec?.replicas;
      return done && (!updated || rolled) ? set : undefined;
    },
    { timeoutMs, everyMs: 20 },
  );
async function started(spec: object = {}): Promise<string> {
  const { client, nodes } = world();
  nodes.policy = {};
  const ns = await freshNamespace(client);
  await client.create(StatefulSets, statefulSet(ns, 'web', spec));
  await settled(ns);
  return ns;
}
const byTime = (key: (p: Stored<Pod>) => string) => (a: Stored<Pod>, b: Stored<Pod>) => (key(a) < key(b) ? -1 : 1);

describe('StatefulSet', () => {
  test('starts one pod after the other, under lasting names, and ends them from above', async () => {
    const { client, nodes } = world();
    const ns = await freshNamespace(client);
    nodes.policy = { ready: (p) => p.metadata.name !== 'web-1' || p.metadata.namespace !== ns };
    await client.create(StatefulSets, statefulSet(ns, 'web', { minReadySeconds: 1 }));
    await waitFor('the second', async () => (await pods(ns)).length === 2);
    await systemClock.sleep(300);
    expect((await pods(ns)).map((p) => p.metadata.name).sort()).toEqual(['web-0', 'web-1']);
    nodes.policy = {};
    await nodes.poke();
    const set = await settled(ns);
    expect(set.status).toMatchObject({ replicas: 3, readyReplicas: 3, currentReplicas: 3, updatedReplicas: 3 });
    const all = (await pods(ns)).sort(byTime((p) => p.metadata.creationTimestamp));
    expect(all.map((p) => [p.metadata.name, p.spec?.hostname, p.spec?.subdomain])).toEqual(
      [0, 1, 2].map((i) => [`web-${i}`, `web-${i}`, 'web']),
    );
    // A deleted pod comes back as itself, and as another.
    const victim = all[1] as Stored<Pod>;
    await client.delete(Pods, 'web-1', ns);
    await waitFor('web-1 again', async () => {
      const p = await client.get(Pods, 'web-1', ns);
      return p.metadata.uid !== victim.metadata.uid && isReady(p);
    });
    nodes.policy = { ends: (p) => p.metadata.name !== 'web-2' || p.metadata.namespace !== ns };
    await patch(ns, { replicas: 1 });
    await waitFor('web-2 ends', async () => (await client.get(Pods, 'web-2', ns)).metadata.deletionTimestamp);
    await systemClock.sleep(300);
    expect((await client.get(Pods, 'web-1', ns)).metadata.deletionTimestamp).toBeUndefined();
    nodes.policy = {};
    await nodes.poke();
    await settled(ns);
    expect((await pods(ns)).map((p) => p.metadata.name)).toEqual(['web-0']);
  });

  test('rolls out downwards, never more than one missing, held by a partition; and back', async () => {
    const ns = await started({ updateStrategy: { type: 'RollingUpdate', rollingUpdate: { partition: 2 } } });
    await patch(ns, image('img:2'));
    await waitFor('the last one', async () => (await images(ns)) === 'img:1 img:1 img:2');
    await waitFor('its status', async () => (await get(ns)).status?.updatedReplicas === 1);
    const held = await settled(ns, { updated: false });
    expect(held.status).toMatchObject({ currentReplicas: 2, updatedReplicas: 1 });
    await world().client.delete(Pods, 'web-0', ns);
    await waitFor('it comes back as it was', async () => (await images(ns)) === 'img:1 img:1 img:2');
    await settled(ns, { updated: false });
    let most = 0;
    const look = async () => {
      most = Math.max(most, 3 - (await livePods(world().client, ns)).filter(isReady).length);
    };
    await meanwhile(look, async () => {
      await patch(ns, { updateStrategy: { type: 'RollingUpdate', rollingUpdate: { partition: 0 } } });
      await settled(ns);
    });
    // The one that is missing may not be seen.
    expect(most).toBeLessThanOrEqual(1);
    expect(await images(ns)).toBe('img:2 img:2 img:2');
    await patch(ns, image('img:1'));
    await settled(ns);
    const revisions = (await world().client.list(ControllerRevisions, { namespace: ns })).items;
    expect([await images(ns), revisions.map((r) => r.revision).sort()]).toEqual(['img:1 img:1 img:1', [2, 3]]);
  });

  test('Parallel starts all at once, maxUnavailable updates several, OnDelete none', async () => {
    const { client, nodes } = world();
    const ns = await freshNamespace(client);
    nodes.policy = { ready: (p) => p.metadata.namespace !== ns };
    const updateStrategy = { type: 'RollingUpdate', rollingUpdate: { maxUnavailable: 2 } };
    await client.create(StatefulSets, statefulSet(ns, 'web', { podManagementPolicy: 'Parallel', updateStrategy }));
    await waitFor('all three, none ready', async () => (await get(ns)).status?.replicas === 3);
    nodes.policy = {};
    await nodes.poke();
    await settled(ns);
    nodes.policy = { ready: (p) => p.metadata.namespace !== ns || p.spec?.containers?.[0]?.image !== 'img:2' };
    await patch(ns, image('img:2'));
    await waitFor('two at a time', async () => (await images(ns)) === 'img:1 img:2 img:2');
    await systemClock.sleep(200);
    expect(await images(ns)).toBe('img:1 img:2 img:2');
    nodes.policy = {};
    await nodes.poke();
    await settled(ns);
    await patch(ns, { updateStrategy: { type: 'OnDelete', rollingUpdate: null } });
    await patch(ns, image('img:3'));
    await waitFor('seen', async () => (await get(ns)).status?.updatedReplicas === undefined);
    await client.delete(Pods, 'web-1', ns);
    await waitFor('only that one', async () => (await images(ns)) === 'img:2 img:3 img:2');
  });

  test('claims stay, go with the pod or go with the set, as the policy says', async () => {
    const { client } = world();
    const volumeClaimTemplates = [
      {
        metadata: { name: 'data' },
        spec: { accessModes: ['ReadWriteOnce'], resources: { requests: { storage: '1Gi' } } },
      },
    ];
    const claims = async (ns: string) =>
      (await client.list(PersistentVolumeClaims, { namespace: ns })).items.map((c) => c.metadata.name).sort();
    const kept = await started({ volumeClaimTemplates });
    const policy = { whenScaled: 'Delete', whenDeleted: 'Delete' };
    const gone = await started({ volumeClaimTemplates, persistentVolumeClaimRetentionPolicy: policy });
    const [pod] = await pods(kept);
    expect(pod?.spec?.volumes?.find((v) => v.name === 'data')).toMatchObject({
      persistentVolumeClaim: { claimName: `data-${pod?.metadata.name}` },
    });
    for (const ns of [kept, gone]) await patch(ns, { replicas: 1 });
    await Promise.all([settled(kept), settled(gone)]);
    await waitFor('claims of the pods that went', async () => (await claims(gone)).join() === 'data-web-0');
    for (const ns of [kept, gone]) await client.delete(StatefulSets, 'web', ns);
    await waitFor('claims of the set', async () => (await claims(gone)).length === 0);
    await waitFor('its pods', async () => (await pods(kept)).length === 0);
    expect(await claims(kept)).toEqual(['data-web-0', 'data-web-1', 'data-web-2']);
  });

  test('a failed pod is replaced, and foreign pods of other names are not adopted', async () => {
    const { client } = world();
    const ns = await started();
    const stray = { metadata: { namespace: ns, name: 'stray', labels: { app: 'web' } }, spec: podTemplate({}).spec };
    await client.create(Pods, stray as Pod);
    const before = await client.get(Pods, 'web-1', ns);
    const target = { name: 'web-1', namespace: ns, subresource: 'status' };
    await client.patch(Pods, target, { type: 'merge', body: { status: { phase: 'Failed' } } });
    await waitFor('replaced', async () => {
      const p = await client.get(Pods, 'web-1', ns);
      return p.metadata.uid !== before.metadata.uid && isReady(p);
    });
    expect((await client.get(Pods, 'stray', ns)).metadata.ownerReferences).toBeUndefined();
  });
});

test(`one pod at a time is missing, and each name is alive once, whatever happens (SEED=${seed})`, async () => {
  const { client } = world();
  const random = randomSource(seed);
  const ns = await started({ replicas: 4 });
  const killer = killing(world, random);
  let want = 'img:1';
  const broken: string[] = [];
  const look = async () => {
    await systemClock.sleep(20);
    const all = await pods(ns);
    const ended = all.filter((p) => p.metadata.deletionTimestamp && !p.metadata.annotations?.victim).length;
    if (ended > 1) broken.push(`${ended} ended at a time`);
    if (new Set(all.map((p) => p.metadata.name)).size !== all.length) broken.push('a name twice');
  };
  await meanwhile(look, async () => {
    for (let i = 0; i < 25; i++) {
      const choice = random(9);
      if (choice < 3) {
        want = `img:${random(4)}`;
        await patch(ns, image(want));
      } else if (choice < 5) {
        const [name, annotations] = [`web-${random(4)}`, { victim: 'yes' }];
        try {
          const body = { metadata: { annotations } };
          const { metadata } = await client.patch(Pods, { name, namespace: ns }, { type: 'merge', body });
          // Not the one that has taken its place meanwhile: that would not be marked.
          await client.delete(Pods, name, ns, { preconditions: { uid: metadata.uid } });
        } catch (e) {
          if (!isNotFound(e) && !isConflict(e)) throw e;
        }
      }
      await systemClock.sleep(random(400));
    }
    await killer.stop();
    await settled(ns);
  });
  expect(broken).toEqual([]);
  // The last pod deleted may not be back yet, nor its absence be in the status.
  const all = new Array(4).fill(want).join(' ');
  await waitFor(`all of ${want}`, async () => (await images(ns)) === all);
}, 240_000);
