import { expect, test } from 'vitest';
import { ConfigMaps, Deployments, Pods } from '#api/kinds/index.ts';
import { isConflict, isNotFound } from '#api/meta/errors.ts';
import type { OwnerReference } from '#api/meta/objectmeta.ts';
import { systemClock } from '#async/clock.ts';
import { waitFor } from '../../bed/wait.ts';
import { deployment, freshNamespace, isReady, livePods, rolledOut, setsOf, useWorld } from './world.ts';

const world = useWorld('controllers-convergence');

/** A reproducible sequence; the seed is printed with the test. */
function randomSource(seed: number): (n: number) => number {
  let state = seed;
  return (n) => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return Math.floor((state / 2 ** 32) * n);
  };
}
const seed = Number(process.env.SEED ?? Date.now() % 100_000);

/** `kill -9` and a new start of the controller manager, again and again, until `stop`. */
function killing(random: (n: number) => number): { stop(): Promise<number> } {
  const manager = world().cluster.processes['controller-manager'];
  let running = true;
  const done = (async () => {
    let kills = 0;
    while (running) {
      await systemClock.sleep(1500 + random(2500));
      await manager.kill('SIGKILL');
      await manager.start();
      kills++;
    }
    return kills;
  })();
  return {
    stop() {
      running = false;
      return done;
    },
  };
}

test(`Deployments converge under random edits, deleted pods and a controller manager that is killed (SEED=${seed})`, async () => {
  const { client } = world();
  const random = randomSource(seed);
  const ns = await freshNamespace(client);
  const names = ['a', 'b', 'c'];
  const strategy = { type: 'RollingUpdate', rollingUpdate: { maxSurge: 2, maxUnavailable: 1 } };
  for (const n of names) await client.create(Deployments, deployment(ns, n, { replicas: 4, strategy }));
  for (const n of names) await rolledOut(client, ns, n);
  const wanted = new Map(names.map((n) => [n, { replicas: 4, image: 'img:1' }]));
  const killer = killing(random);
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
  for (const n of names) await rolledOut(client, ns, n, 60_000);
  const pods = await livePods(client, ns);
  for (const [name, want] of wanted) {
    const mine = pods.filter((p) => p.metadata.labels?.app === name);
    expect([name, mine.length, mine.every(isReady)]).toEqual([name, want.replicas, true]);
    expect(mine.every((p) => p.spec?.containers?.[0]?.image === want.image)).toBe(true);
  }
  expect(excess).toEqual([]);
  expect(kills).toBeGreaterThan(1);
  const templates = (await setsOf(client, ns)).map(
    (rs) => `${rs.metadata.labels?.app} ${JSON.stringify(rs.spec?.template?.spec)}`,
  );
  expect(new Set(templates).size).toBe(templates.length);
});

test(`the garbage collector deletes nothing whose owner exists, whatever happens to it (SEED=${seed})`, async () => {
  const { client } = world();
  const random = randomSource(seed);
  const spaces = [await freshNamespace(client), await freshNamespace(client)];
  const killer = killing(random);
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
  await waitFor('what must go is gone', async () => (await present()).length <= stays.length, { timeoutMs: 60_000 });
  expect(await present()).toEqual(stays);
});
