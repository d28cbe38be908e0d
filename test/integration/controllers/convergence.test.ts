import { expect, test } from 'vitest';
import { ConfigMaps, Deployments, Pods } from '#api/kinds/index.ts';
import { isConflict, isNotFound } from '#api/meta/errors.ts';
import type { OwnerReference } from '#api/meta/objectmeta.ts';
import { systemClock } from '#async/clock.ts';
import { waitFor } from '../../bed/wait.ts';
import { killing, randomSource, seed } from './chaos.ts';
import { deployment, freshNamespace, isReady, livePods, rolledOut, setsOf, useWorld } from './world.ts';

const world = useWorld('controllers-convergence');

test(`Deployments converge under random edits, deleted pods and a controller manager that is killed (SEED=${seed})`, async () => {
  const { client } = world();
  const random = randomSource(seed);
  const ns = await freshNamespace(client);
  const names = ['a', 'b', 'c'];
  const strategy = { type: 'RollingUpdate', rollingUpdate: { maxSurge: 2, maxUnavailable: 1 } };
  for (const n of names) await client.create(Deployments, deployment(ns, n, { replicas: 4, strategy }));
  for (const n of names) await rolledOut(client, ns, n);
  const wanted = new Map(names.map((n) => [n, { replicas: 4, image: 'img:1' }]));
  const killer = killing(world, random);
  const excess: string[] = [];
  for (let step = 0; step < 60; step++) {
    const name = names[random(names.length)] ?? 'a';
    const want = wanted.get(name) ?? { replicas: 0, image: '' };
    const choice = random(10);
    if (choice < 4) want.replicas = random(9);
    else if (choice < 7) want.image = `img:${random(4)}`;
    const spec = { replicas: want.replicas, template: { spec: { containers: [{ name: 'main', image: want.image }] } } };
    await client.patch(Deployments, { name, namespace: ns }, { type: 'strategic', body: { spec } });
    if (choice >= 7) {
      const pods = await livePods(client, ns);
      const victim = pods[random(pods.length)];
      if (victim)
        await client.delete(Pods, victim.metadata.name, ns).catch((e) => {
          if (!isNotFound(e)) throw e;
        });
    }
    // At no time more pods than the largest size so far and the surge allow.
    for (const n of names) {
      const count = (await livePods(client, ns)).filter((p) => p.metadata.labels?.app === n).length;
      if (count > 8 + 2) excess.push(`${n}: ${count} pods`);
    }
    await systemClock.sleep(random(200));
  }
  const kills = await killer.stop();
  for (const n of names) await rolledOut(client, ns, n, 90_000);
  // A status that was written before the last deeds may still say that all is well: the pods themselves tell.
  const present = async (): Promise<string> =>
    (await livePods(client, ns))
      .map((p) => `${p.metadata.labels?.app} ${p.spec?.containers?.[0]?.image} ${isReady(p)}`)
      .sort()
      .join('; ');
  const all = [...wanted]
    .flatMap(([name, { replicas, image }]) => new Array<string>(replicas).fill(`${name} ${image} true`))
    .sort();
  await waitFor(`these pods: ${all.join('; ')}`, async () => (await present()) === all.join('; '));
  expect(excess).toEqual([]);
  expect(kills).toBeGreaterThan(0);
  const templates = (await setsOf(client, ns)).map(
    (rs) => `${rs.metadata.labels?.app} ${JSON.stringify(rs.spec?.template?.spec)}`,
  );
  expect(new Set(templates).size).toBe(templates.length);
}, 360_000);

test(`the garbage collector deletes nothing whose owner exists, whatever happens to it (SEED=${seed})`, async () => {
  const { client } = world();
  const random = randomSource(seed);
  const spaces = [await freshNamespace(client), await freshNamespace(client)];
  const killer = killing(world, random);
  type Entry = { ns: string; name: string; uid: string; owners: Entry[]; deleted: boolean };
  const all: Entry[] = [];
  for (let i = 0; i < 150; i++) {
    const ns = spaces[random(2)] ?? '';
    // Owners of the same namespace that are not being deleted; sometimes one that never was beside them.
    const candidates = all.filter((e) => e.ns === ns && !e.deleted);
    const owners = [
      ...new Set(Array.from({ length: random(3) }, () => candidates[random(candidates.length || 1)])),
    ].filter((e) => e !== undefined);
    const refs: OwnerReference[] = owners.map((o) => ({
      apiVersion: 'v1',
      kind: 'ConfigMap',
      name: o.name,
      uid: o.uid,
      blockOwnerDeletion: random(2) === 0,
    }));
    if (refs.length > 0 && random(4) === 0)
      refs.push({ apiVersion: 'v1', kind: 'ConfigMap', name: 'never', uid: crypto.randomUUID() });
    const made = await client.create(ConfigMaps, { metadata: { namespace: ns, name: `m${i}`, ownerReferences: refs } });
    all.push({ ns, name: `m${i}`, uid: made.metadata.uid, owners, deleted: false });
    if (random(5) === 0) {
      const victim = candidates[random(candidates.length || 1)];
      if (victim) {
        const propagationPolicy = random(2) ? 'Background' : 'Foreground';
        await client.delete(ConfigMaps, victim.name, victim.ns, { propagationPolicy }).catch((e) => {
          if (!isNotFound(e) && !isConflict(e)) throw e;
        });
        victim.deleted = true;
      }
    }
  }
  await killer.stop();
  /** Deleted by us, or all of its owners (it had some) were. */
  const falls = (e: Entry): boolean => e.deleted || (e.owners.length > 0 && e.owners.every(falls));
  const stays = all
    .filter((e) => !falls(e))
    .map((e) => e.uid)
    .sort();
  const present = async (): Promise<string[]> => {
    const lists = await Promise.all(spaces.map((namespace) => client.list(ConfigMaps, { namespace })));
    return lists
      .flatMap((l) => l.items)
      .filter((m) => m.metadata.name !== 'kube-root-ca.crt')
      .map((m) => m.metadata.uid)
      .sort();
  };
  await waitFor('what must go is gone', async () => (await present()).length <= stays.length, { timeoutMs: 90_000 });
  expect(await present()).toEqual(stays);
}, 240_000);
