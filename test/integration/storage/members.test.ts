import { afterEach, beforeEach, expect, it, vi } from 'vitest';
import type { Storage } from '#storage/storage.ts';
import { type EtcdCluster, type EtcdMember, eventually, startEtcd } from './etcd-fixture.ts';

let cluster: EtcdCluster;
let storage: Storage;

beforeEach(async () => {
  cluster = await startEtcd({ members: 3, tls: true });
  storage = await cluster.open();
});
afterEach(() => cluster?.stop());

/** What one writer did to the keys only it writes, and how long the slowest write took. */
interface Record {
  readonly values: Map<string, string>;
  slowestMs: number;
  writes: number;
}

/** Creates, updates and deletes keys of its own until told to stop. Any error fails the test: nobody else writes there. */
async function write(prefix: string, signal: AbortSignal): Promise<Record> {
  const record: Record = { values: new Map(), slowestMs: 0, writes: 0 };
  const timed = async <T>(p: () => Promise<T>): Promise<T> => {
    const start = performance.now();
    const result = await p();
    record.slowestMs = Math.max(record.slowestMs, performance.now() - start);
    record.writes++;
    return result;
  };
  for (let i = 0; !signal.aborted; i++) {
    const key = `${prefix}${i}`;
    const first = await timed(() => storage.create(key, Buffer.from(`${i} created`)));
    record.values.set(key, `${i} created`);
    const second = await timed(() => storage.update(key, Buffer.from(`${i} updated`), first));
    record.values.set(key, `${i} updated`);
    if (i % 3 !== 0) continue;
    await timed(() => storage.delete(key, second));
    record.values.delete(key);
  }
  return record;
}

let rounds = 0;

async function disturbed(disturb: () => Promise<void>): Promise<Record[]> {
  const prefix = `/registry/kill-${rounds++}/`;
  const stop = new AbortController();
  const from = 1 + (await storage.currentRevision());
  const events = new Map<string, string>();
  const watch = storage.watch(prefix, from, {
    signal: stop.signal,
    onEvents(batch) {
      for (const e of batch) {
        if (e.type === 'put') events.set(e.key, e.value.toString());
        else events.delete(e.key);
      }
    },
  });
  const writing = new AbortController();
  const writers = Array.from({ length: 8 }, (_, i) => write(`${prefix}${i}-`, writing.signal));
  await eventually('writes under way', async () => (await storage.list(prefix)).items.length > 50);
  await disturb();
  const count = (await storage.list(prefix)).items.length;
  await eventually('writes go on', async () => (await storage.list(prefix)).items.length > count + 50);
  writing.abort();
  const records = await Promise.all(writers);
  const expected = new Map(records.flatMap((r) => [...r.values]));
  const stored = (await storage.list(prefix)).items.map((kv) => [kv.key, kv.value.toString()] as const);
  expect(new Map(stored)).toEqual(expected);
  await vi.waitFor(() => expect(events, 'the watch catches up').toEqual(expected), { timeout: 60_000 });
  stop.abort();
  await watch.done;
  return records;
}

const slowest = (records: readonly Record[]): number => Math.max(...records.map((r) => r.slowestMs));

it('loses no acknowledged write and sees no false conflict when the leader is killed', async () => {
  let dead: EtcdMember | undefined;
  const records = await disturbed(async () => {
    dead = await cluster.leader();
    await dead.kill();
  });
  expect(slowest(records)).toBeLessThan(30_000);
  dead?.start();
  await storage.health(60_000);
});

it('is hardly delayed when any one member is killed, one after the other', async () => {
  for (const m of cluster.members) {
    const records = await disturbed(() => m.kill());
    expect(slowest(records)).toBeLessThan(30_000);
    m.start();
    await eventually('the member is back', async () => {
      const one = await cluster.open([m.url]);
      return one.health(5000).then(
        () => true,
        () => false,
      );
    });
  }
});

it('goes on by TLS with the others when the member of its own machine is killed', async () => {
  const [near, ...others] = cluster.members as [EtcdMember, ...EtcdMember[]];
  storage = await cluster.open([near.socket, ...others.map((m) => m.url)]);
  const records = await disturbed(() => near.kill());
  expect(slowest(records)).toBeLessThan(30_000);
  // What the killed one left of its socket is not in the way of the next.
  near.start();
  const again = await cluster.open([near.socket]);
  await eventually('the member is back', () =>
    again.health(5000).then(
      () => true,
      () => false,
    ),
  );
});

it('leaves a member that stops answering after one short wait', async () => {
  const clients = await Promise.all(cluster.endpoints.map(() => cluster.open()));
  for (const c of clients) await c.health(60_000);
  const frozen = await cluster.leader();
  frozen.freeze();
  try {
    for (const c of clients) {
      // Whichever member it uses, the first call may cost an attempt or two; those after it nothing.
      await c.currentRevision();
      const start = performance.now();
      for (let i = 0; i < 60; i++) await c.put('/registry/frozen', Buffer.from(String(i)));
      // Had each of them to wait for that member, it were more than 60 s.
      expect(performance.now() - start).toBeLessThan(45_000);
    }
  } finally {
    frozen.thaw();
  }
});

it('comes back after the whole cluster was away', async () => {
  await storage.put('/registry/a', Buffer.from('1'));
  for (const m of cluster.members) await m.kill();
  const e = await storage.health(500).catch((e: unknown) => e);
  expect(e).toMatchObject({ name: 'StorageError', kind: 'unavailable' });
  for (const m of cluster.members) m.start();
  await eventually('an answer', () =>
    storage.health(5000).then(
      () => true,
      () => false,
    ),
  );
  expect((await storage.get('/registry/a'))?.value.toString()).toBe('1');
});
