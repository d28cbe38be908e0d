import { afterAll, beforeAll, describe, expect, it, onTestFinished } from 'vitest';
import { isStorageError, type Storage, type StorageEvent } from '#storage/storage.ts';
import { type EtcdCluster, eventually, startEtcd } from './etcd-fixture.ts';
import { type TcpProxy, tcpProxy } from './tcp-proxy.ts';

const bytes = (s: string | number): Buffer => Buffer.from(String(s));

describe('one member behind a bad network', () => {
  let cluster: EtcdCluster;
  let proxy: TcpProxy;
  let direct: Storage;
  let shaky: Storage;

  beforeAll(async () => {
    cluster = await startEtcd();
    proxy = await tcpProxy(cluster.members[0]?.port ?? 0);
    direct = await cluster.open();
    shaky = await cluster.open([`http://127.0.0.1:${proxy.port}`]);
  });
  afterAll(async () => {
    await cluster?.stop();
    await proxy?.close();
  });

  function follow(prefix: string, from: number, previous = false): StorageEvent[][] {
    const stop = new AbortController();
    onTestFinished(() => stop.abort());
    const batches: StorageEvent[][] = [];
    const watch = shaky.watch(prefix, from, {
      previous,
      signal: stop.signal,
      onEvents: (e) => void batches.push([...e]),
    });
    watch.done.catch(() => {});
    return batches;
  }

  it('loses and repeats no event over cut connections', async () => {
    const prefix = '/registry/cut/';
    const total = 6000;
    const from = 1 + (await direct.currentRevision());
    const batches = follow(prefix, from);
    const before = proxy.connections;
    let i = 0;
    const writer = async (): Promise<void> => {
      while (i < total) {
        const n = i++;
        await direct.put(`${prefix}${n % 50}`, bytes(n));
        if (n % 500 === 499) proxy.cut();
      }
    };
    await Promise.all(Array.from({ length: 16 }, writer));
    const last = await direct.put(`${prefix}last`, bytes('end'));
    await eventually('the last event', () => batches.at(-1)?.at(-1)?.modRevision === last);
    const revisions = batches.flat().map((e) => e.modRevision);
    // A put whose answer is late is made again: there may be more of them.
    expect(revisions).toEqual(Array.from({ length: last + 1 - from }, (_, n) => from + n));
    expect(revisions.length).toBeGreaterThan(total);
    expect(proxy.connections - before).toBeGreaterThanOrEqual(5);
  }, 300_000);

  it('catches up on a long history over a cut', async () => {
    const prefix = '/registry/long/';
    const from = 1 + (await direct.currentRevision());
    let i = 0;
    const writer = async (): Promise<void> => {
      while (i < 8001) await direct.put(`${prefix}${i++ % 50}`, bytes('x'.repeat(500)));
    };
    await Promise.all(Array.from({ length: 32 }, writer));
    const batches = follow(prefix, from);
    await eventually('some history', () => batches.length > 0);
    proxy.cut();
    const last = await direct.currentRevision();
    await eventually('all of it', () => batches.at(-1)?.at(-1)?.modRevision === last);
    const revisions = batches.flat().map((e) => e.modRevision);
    expect(revisions).toEqual(Array.from({ length: last + 1 - from }, (_, n) => from + n));
    expect(revisions.length).toBeGreaterThan(8000);
  }, 300_000);

  /** Lets `call` take effect in etcd without its answer getting through. */
  async function withLostAnswer<T>(call: () => Promise<T>, landed: () => Promise<boolean>): Promise<T> {
    // A connection that is up: on a new one nothing is sent before the server's first answer.
    await shaky.currentRevision();
    proxy.loseAnswers = true;
    const result = call();
    result.catch(() => {});
    try {
      await eventually('the write lands', landed);
    } finally {
      proxy.loseAnswers = false;
      proxy.cut();
    }
    return result;
  }

  const valueIs = (key: string, v: string) => async () => (await direct.get(key))?.value.toString() === v;

  it('does not take its own create for somebody else’s', async () => {
    const key = '/registry/lost/create';
    const revision = await withLostAnswer(() => shaky.create(key, bytes('mine')), valueIs(key, 'mine'));
    expect(await direct.get(key)).toMatchObject({ modRevision: revision, createRevision: revision });
  });

  it('recognises its own create even when it was changed since', async () => {
    const key = '/registry/lost/create-changed';
    const revision = await withLostAnswer(
      () => shaky.create(key, bytes('mine')),
      async () => {
        const kv = await direct.get(key);
        if (kv) await direct.update(key, bytes('theirs'), kv.modRevision);
        return kv !== undefined;
      },
    );
    expect(await direct.get(key)).toMatchObject({ createRevision: revision, value: bytes('theirs') });
  });

  it('does not take its own update for a conflict', async () => {
    const key = '/registry/lost/update';
    const r1 = await direct.create(key, bytes('1'));
    const r2 = await withLostAnswer(() => shaky.update(key, bytes('2'), r1), valueIs(key, '2'));
    expect(await direct.get(key)).toMatchObject({ modRevision: r2, value: bytes('2') });
    const later = withLostAnswer(
      () => shaky.update(key, bytes('3'), r2),
      async () => {
        const kv = await direct.get(key);
        if (kv?.value.toString() !== '3') return false;
        await direct.update(key, bytes('5'), await direct.update(key, bytes('4'), kv.modRevision));
        return true;
      },
    );
    expect(await later).toBe(r2 + 1);
  });

  it('does not take its own deletion for a missing key', async () => {
    const key = '/registry/lost/delete';
    const r1 = await direct.create(key, bytes('1'));
    await withLostAnswer(
      () => shaky.delete(key, r1),
      async () => (await direct.get(key)) === undefined,
    );
    expect(await direct.get(key)).toBeUndefined();
  });

  it('still tells real conflicts when answers are lost', async () => {
    const key = '/registry/lost/foreign';
    const r1 = await direct.create(key, bytes('theirs'));
    const r2 = await direct.update(key, bytes('theirs again'), r1);
    const asked = proxy.connections;
    const lost = (call: () => Promise<unknown>): Promise<unknown> => {
      let waited = 0;
      return withLostAnswer(call, async () => ++waited > 10).then(
        () => 'done',
        (e: unknown) => e,
      );
    };
    expect(isStorageError(await lost(() => shaky.create(key, bytes('mine'))), 'exists')).toBe(true);
    expect(isStorageError(await lost(() => shaky.update(key, bytes('mine'), r1)), 'conflict')).toBe(true);
    expect(isStorageError(await lost(() => shaky.delete(key, r1)), 'conflict')).toBe(true);
    expect(isStorageError(await lost(() => shaky.update(`${key}-none`, bytes('x'), r1)), 'missing')).toBe(true);
    expect(proxy.connections).toBeGreaterThan(asked);
    expect(await direct.get(key)).toMatchObject({ modRevision: r2 });
  });

  it('reports a resumption whose history was compacted meanwhile', async () => {
    const prefix = '/registry/compacted/';
    const r1 = await direct.put(`${prefix}a`, bytes(1));
    const stop = new AbortController();
    onTestFinished(() => stop.abort());
    const seen: number[] = [];
    const watch = shaky.watch(prefix, r1, {
      signal: stop.signal,
      onEvents: (e) => void seen.push(...e.map((x) => x.modRevision)),
    });
    await eventually('the first event', () => seen.length === 1);
    proxy.loseAnswers = true;
    await direct.put(`${prefix}a`, bytes(2));
    const r3 = await direct.put(`${prefix}a`, bytes(3));
    await direct.compact(r3);
    proxy.loseAnswers = false;
    proxy.cut();
    const e = await watch.done.catch((e: unknown) => e);
    expect(isStorageError(e, 'compacted') && e.compactRevision).toBe(r3);
    expect(seen).toEqual([r1]);
  });

  it('delivers one large revision whole, though it comes in fragments', async () => {
    const prefix = '/registry/large/';
    const from = 1 + (await direct.currentRevision());
    const value = Buffer.alloc(16 << 10, 'x');
    // All keys of a lease go in one revision: 400 × 16 KiB of previous values do not fit one answer. They are written long
    // before it is over.
    await Promise.all(Array.from({ length: 400 }, (_, n) => direct.create(`${prefix}${n}`, value, { ttlSeconds: 8 })));
    const batches = follow(prefix, from, true);
    const deletions = (): StorageEvent[] => batches.flat().filter((e) => e.type === 'delete');
    await eventually('all expire', () => deletions().length === 400);
    const byRevision = Map.groupBy(deletions(), (e) => e.modRevision);
    expect([...byRevision.values()].some((e) => e.length >= 300)).toBe(true);
    for (const [revision, events] of byRevision) {
      const together = batches.filter((b) => b.some((e) => e.modRevision === revision));
      expect(together).toHaveLength(1);
      expect(events.every((e) => e.previous?.value.length === value.length)).toBe(true);
    }
  });

  it('says when a value is too large', async () => {
    for (const size of [1_600_000, 4 << 20]) {
      const e = await direct.create('/registry/huge', Buffer.alloc(size)).catch((e: unknown) => e);
      expect(isStorageError(e, 'tooLarge')).toBe(true);
    }
  });
});

it('says when the quota is used up, and still reads', async () => {
  const cluster = await startEtcd({ flags: ['--quota-backend-bytes', String(4 << 20)] });
  onTestFinished(() => cluster.stop());
  const storage = await cluster.open();
  const value = Buffer.alloc(500_000, 'x');
  let e: unknown;
  for (let i = 0; i < 200 && !e; i++) {
    e = await storage.create(`/registry/full/${i}`, value).then(
      () => undefined,
      (e: unknown) => e,
    );
  }
  expect(e).toMatchObject({ name: 'StorageError', kind: 'noSpace' });
  expect((await storage.get('/registry/full/0'))?.value.length).toBe(value.length);
});
