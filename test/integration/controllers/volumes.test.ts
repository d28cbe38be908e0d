import { describe, expect, test } from 'vitest';
import {
  Events,
  type PersistentVolume,
  type PersistentVolumeClaim,
  PersistentVolumeClaims,
  PersistentVolumes,
  type Pod,
  Pods,
  StorageClasses,
} from '#api/kinds/index.ts';
import { isConflict, isNotFound } from '#api/meta/errors.ts';
import type { Stored } from '#api/meta/objectmeta.ts';
import { systemClock } from '#async/clock.ts';
import { waitFor } from '../../bed/wait.ts';
import { killing, randomSource, seed } from './chaos.ts';
import { freshNamespace, podTemplate, useWorld } from './world.ts';

const world = useWorld('controllers-volumes', { hollow: 2 });

const volume = (name: string, size: string, spec: object = {}): PersistentVolume =>
  ({
    metadata: { name },
    spec: {
      capacity: { storage: size },
      accessModes: ['ReadWriteOnce'],
      hostPath: { path: `/tmp/${name}` },
      persistentVolumeReclaimPolicy: 'Retain',
      ...spec,
    },
  }) as PersistentVolume;
const claim = (namespace: string, name: string, size: string, spec: object = {}): PersistentVolumeClaim =>
  ({
    metadata: { namespace, name },
    spec: { accessModes: ['ReadWriteOnce'], resources: { requests: { storage: size } }, storageClassName: '', ...spec },
  }) as PersistentVolumeClaim;
const phaseOf = async (name: string) => (await world().client.get(PersistentVolumes, name)).status?.phase;
const phase = (name: string, want: string) =>
  waitFor(`${name} ${want}`, async () => (await phaseOf(name)) === want, { everyMs: 30 });
const bound = (ns: string, name: string): Promise<Stored<PersistentVolumeClaim>> =>
  waitFor(`${name} bound`, async () => {
    const c = await world().client.get(PersistentVolumeClaims, name, ns);
    return c.status?.phase === 'Bound' ? c : undefined;
  });
const user = (namespace: string, name: string, claimName: string): Pod => ({
  metadata: { namespace, name },
  spec: { ...podTemplate({}).spec, volumes: [{ name: 'data', persistentVolumeClaim: { claimName } }] } as Pod['spec'],
});

describe('volumes and claims', () => {
  test('a volume to be recycled is emptied by a pod and free again; one that cannot be is left', async () => {
    const { client, nodes } = world();
    const ns = await freshNamespace(client);
    const recycled = { persistentVolumeReclaimPolicy: 'Recycle', accessModes: ['ReadOnlyMany'] };
    const codes = new Map([
      ['recycler-for-good', 0],
      ['recycler-for-bad', 1],
    ]);
    nodes.policy = { exits: (p) => codes.get(p.metadata.name) };
    try {
      for (const name of ['good', 'bad']) {
        await client.create(PersistentVolumes, volume(name, '1Gi', recycled));
        await phase(name, 'Available');
        const wish = { accessModes: ['ReadOnlyMany'], volumeName: name };
        await client.create(PersistentVolumeClaims, claim(ns, name, '1Gi', wish));
        await bound(ns, name);
        await client.delete(PersistentVolumeClaims, name, ns);
      }
      await phase('good', 'Available');
      await phase('bad', 'Failed');
      expect((await client.get(PersistentVolumes, 'good')).spec?.claimRef?.uid).toBeUndefined();
      expect((await client.get(PersistentVolumes, 'bad')).status?.message).toContain('Recycle failed: ');
      await waitFor('no recyclers', async () => {
        const { items } = await client.list(Pods, { namespace: 'default' });
        return items.length === 0;
      });
    } finally {
      nodes.policy = {};
    }
    for (const name of ['good', 'bad']) await client.delete(PersistentVolumes, name);
  });

  test('the smallest that fits is bound, from both sides; released when its claim goes, and free when it is freed', async () => {
    const { client } = world();
    const ns = await freshNamespace(client);
    await client.create(PersistentVolumes, volume('s-5', '5Gi'));
    await client.create(PersistentVolumes, volume('s-2', '2Gi'));
    await Promise.all([phase('s-5', 'Available'), phase('s-2', 'Available')]);
    await client.create(PersistentVolumeClaims, claim(ns, 'c', '1Gi'));
    const c = await bound(ns, 'c');
    expect(c).toMatchObject({ spec: { volumeName: 's-2' }, status: { capacity: { storage: '2Gi' } } });
    expect((await client.get(PersistentVolumes, 's-2')).spec?.claimRef).toMatchObject({
      namespace: ns,
      name: 'c',
      uid: c.metadata.uid,
    });
    await phase('s-2', 'Bound');
    await client.delete(PersistentVolumeClaims, 'c', ns);
    await phase('s-2', 'Released');
    const remove = [{ op: 'remove', path: '/spec/claimRef' }];
    await client.patch(PersistentVolumes, { name: 's-2' }, { type: 'json', body: remove });
    await phase('s-2', 'Available');
    await client.create(PersistentVolumeClaims, claim(ns, 'later', '8Gi'));
    await client.create(PersistentVolumes, volume('s-9', '9Gi'));
    expect((await bound(ns, 'later')).spec?.volumeName).toBe('s-9');
    for (const name of ['s-2', 's-5']) await client.delete(PersistentVolumes, name);
  });

  test('the user can choose either side; a lost volume is reported', async () => {
    const { client } = world();
    const ns = await freshNamespace(client);
    await client.create(PersistentVolumes, volume('u-1', '1Gi', { claimRef: { namespace: ns, name: 'a' } }));
    await client.create(PersistentVolumes, volume('u-2', '1Gi'));
    await client.create(PersistentVolumeClaims, claim(ns, 'b', '1Gi', { volumeName: 'u-2' }));
    await client.create(PersistentVolumeClaims, claim(ns, 'a', '1Gi'));
    expect([(await bound(ns, 'a')).spec?.volumeName, (await bound(ns, 'b')).spec?.volumeName]).toEqual(['u-1', 'u-2']);
    await client.delete(PersistentVolumes, 'u-2');
    expect((await client.get(PersistentVolumes, 'u-2')).metadata.deletionTimestamp).toBeDefined();
    await client.patch(PersistentVolumes, { name: 'u-2' }, { type: 'merge', body: { metadata: { finalizers: null } } });
    await waitFor('lost', async () => (await client.get(PersistentVolumeClaims, 'b', ns)).status?.phase === 'Lost');
  });

  test('binding waits for the first pod, and takes a volume that its node reaches', async () => {
    const { client, nodes } = world();
    const ns = await freshNamespace(client);
    await nodes.add('disks', { pool: 'disks' });
    const binding = { provisioner: 'kubernetes.io/no-provisioner', volumeBindingMode: 'WaitForFirstConsumer' as const };
    await client.create(StorageClasses, { metadata: { name: 'local' }, ...binding });
    const affinity = (pool: string) => ({
      storageClassName: 'local',
      nodeAffinity: {
        required: { nodeSelectorTerms: [{ matchExpressions: [{ key: 'pool', operator: 'In', values: [pool] }] }] },
      },
    });
    await client.create(PersistentVolumes, volume('w-near', '5Gi', affinity('disks')));
    await client.create(PersistentVolumes, volume('w-far', '1Gi', affinity('other')));
    await client.create(PersistentVolumeClaims, claim(ns, 'c', '1Gi', { storageClassName: 'local' }));
    await Promise.all([phase('w-near', 'Available'), phase('w-far', 'Available')]);
    expect((await client.get(PersistentVolumeClaims, 'c', ns)).status?.phase).toBe('Pending');
    const pod = user(ns, 'p', 'c');
    await client.create(Pods, { ...pod, spec: { ...pod.spec, nodeSelector: { pool: 'disks' } } as Pod['spec'] });
    expect((await bound(ns, 'c')).spec?.volumeName).toBe('w-near');
  });

  test('an ephemeral volume has a claim of its own, which goes with the pod; a foreign one is not used', async () => {
    const { client } = world();
    const ns = await freshNamespace(client);
    await client.create(PersistentVolumes, volume('e-1', '1Gi', { storageClassName: 'fleeting' }));
    await phase('e-1', 'Available');
    await client.create(PersistentVolumeClaims, claim(ns, 'other-scratch', '1Gi', { storageClassName: 'nobody' }));
    const { spec } = claim(ns, '', '1Gi', { storageClassName: 'fleeting' });
    const volumes = [
      { name: 'scratch', ephemeral: { volumeClaimTemplate: { metadata: { labels: { of: 'p' } }, spec } } },
    ];
    const make = (name: string) =>
      client.create(Pods, { metadata: { namespace: ns, name }, spec: { ...podTemplate({}).spec, volumes } } as Pod);
    const { metadata } = await make('p');
    await make('other');
    await waitFor('its claim', async () => (await client.list(PersistentVolumeClaims, { namespace: ns })).items[1]);
    const made = await bound(ns, 'p-scratch');
    expect([made.metadata.labels, made.spec?.volumeName]).toEqual([{ of: 'p' }, 'e-1']);
    expect(made.metadata.ownerReferences).toMatchObject([{ kind: 'Pod', uid: metadata.uid, controller: true }]);
    await waitFor('it is said', async () =>
      (await client.list(Events, { namespace: ns })).items.some(
        (e) =>
          e.reason === 'FailedBinding' &&
          e.message?.includes('(pod is not owner)') &&
          e.involvedObject.name === 'other',
      ),
    );
    await client.delete(Pods, 'p', ns);
    await waitFor('the claim is gone', () =>
      client.get(PersistentVolumeClaims, 'p-scratch', ns).then(() => false, isNotFound),
    );
    expect((await client.get(PersistentVolumeClaims, 'other-scratch', ns)).metadata.deletionTimestamp).toBeUndefined();
  });

  test('a claim that a pod uses, and a volume that is bound, stay until they are not', async () => {
    const { client } = world();
    const ns = await freshNamespace(client);
    await client.create(PersistentVolumes, volume('p-1', '1Gi'));
    await phase('p-1', 'Available');
    await client.create(PersistentVolumeClaims, claim(ns, 'c', '1Gi'));
    expect((await bound(ns, 'c')).spec?.volumeName).toBe('p-1');
    await client.create(Pods, user(ns, 'p', 'c'));
    await waitFor('it runs', async () => (await client.get(Pods, 'p', ns)).status?.phase === 'Running');
    await client.delete(PersistentVolumeClaims, 'c', ns);
    await client.delete(PersistentVolumes, 'p-1');
    await systemClock.sleep(300);
    expect((await client.get(PersistentVolumeClaims, 'c', ns)).metadata.finalizers).toEqual([
      'kubernetes.io/pvc-protection',
    ]);
    expect(await phaseOf('p-1')).toBe('Bound');
    await client.delete(Pods, 'p', ns);
    const gone = (get: Promise<unknown>) => get.then(() => false, isNotFound);
    await waitFor('the claim', () => gone(client.get(PersistentVolumeClaims, 'c', ns)));
    await waitFor('the volume', () => gone(client.get(PersistentVolumes, 'p-1')));
  });
});

test(`no volume is given away twice, whatever happens to the controller manager (SEED=${seed})`, async () => {
  const { client } = world();
  const random = randomSource(seed);
  const ns = await freshNamespace(client);
  const spec = { storageClassName: 'chaos' };
  for (let i = 0; i < 12; i++) await client.create(PersistentVolumes, volume(`x-${i}`, `${1 + (i % 4)}Gi`, spec));
  const killer = killing(world, random);
  const ids = new Set<string>();
  for (let i = 0; i < 40; i++) {
    const name = `c-${random(12)}`;
    try {
      if (ids.has(name)) await client.delete(PersistentVolumeClaims, name, ns);
      else await client.create(PersistentVolumeClaims, claim(ns, name, `${1 + random(3)}Gi`, spec));
      if (!ids.delete(name)) ids.add(name);
      const { items } = await client.list(PersistentVolumes);
      const released = items.find((v) => v.status?.phase === 'Released' && v.metadata.name.startsWith('x-'));
      const body = { metadata: { resourceVersion: released?.metadata.resourceVersion }, spec: { claimRef: null } };
      if (released) await client.patch(PersistentVolumes, { name: released.metadata.name }, { type: 'merge', body });
    } catch (e) {
      if (!isNotFound(e) && !isConflict(e) && (e as { reason?: string }).reason !== 'AlreadyExists') throw e;
    }
    await systemClock.sleep(random(250));
  }
  await killer.stop();
  await client.create(PersistentVolumes, volume('x-new', '9Gi', spec));
  await waitFor(
    'both sides agree',
    async () => {
      const volumes = (await client.list(PersistentVolumes)).items.filter((v) => v.metadata.name.startsWith('x-'));
      const claims = (await client.list(PersistentVolumeClaims, { namespace: ns })).items;
      const taken = claims.flatMap((c) => (c.status?.phase === 'Bound' ? [c.spec?.volumeName] : []));
      if (new Set(taken).size !== taken.length) throw new Error(`given twice: ${taken.join()}`);
      const settled = volumes.every((v) => {
        const owner = claims.find((c) => c.metadata.uid === v.spec?.claimRef?.uid);
        if (v.status?.phase === 'Bound')
          return owner?.spec?.volumeName === v.metadata.name && owner.status?.phase === 'Bound';
        return !owner && ['Available', 'Released'].includes(v.status?.phase ?? '');
      });
      return settled && claims.every((c) => c.status?.phase === 'Bound' || c.status?.phase === 'Pending');
    },
    { timeoutMs: 90_000 },
  );
}, 240_000);
