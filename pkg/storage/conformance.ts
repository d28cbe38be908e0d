import { describe, expect, it, onTestFinished } from 'vitest';
import {
  isStorageError,
  type Storage,
  type StorageErrorKind,
  type StorageEvent,
  type WatchOptions,
} from './storage.ts';

export interface ConformanceSubject {
  readonly storage: Storage;
  /** Lets a key with a time to live of `seconds` expire: real waiting or a clock moved on. */
  expire(seconds: number): Promise<void>;
}

const bytes = (s: string): Buffer => Buffer.from(s);

async function failure(kind: StorageErrorKind, p: Promise<unknown>) {
  const e = await p.then(
    () => undefined,
    (e: unknown) => e,
  );
  if (!isStorageError(e, kind)) throw new Error(`expected a StorageError ${kind}, got ${String(e)}`);
  return e;
}

/** A watch that keeps what it saw. */
class Recorder {
  readonly events: StorageEvent[] = [];
  readonly batches: number[][] = [];
  readonly done: Promise<void>;
  readonly #stop = new AbortController();
  #changed: () => void = () => {};

  constructor(storage: Storage, prefix: string, from: number, options: Partial<WatchOptions> = {}) {
    const onEvents = (batch: readonly StorageEvent[]): void => {
      this.events.push(...batch);
      this.batches.push(batch.map((e) => e.modRevision));
      this.#changed();
    };
    this.done = storage.watch(prefix, from, { ...options, onEvents, signal: this.#stop.signal }).done;
    this.done.catch(() => this.#changed());
    onTestFinished(() => this.#stop.abort());
  }

  async until(revision: number): Promise<void> {
    while ((this.events.at(-1)?.modRevision ?? 0) < revision) {
      await new Promise<void>((resolve) => {
        this.#changed = resolve;
      });
    }
  }

  async stop(): Promise<void> {
    this.#stop.abort();
    await this.done;
  }

  get summary(): string[] {
    return this.events.map((e) => `${e.type} ${e.key}=${e.value.toString()}`);
  }
}

let runs = 0;
/** Tests share a store: each has its own prefix. */
const freshPrefix = (): string => `/registry/conformance/${process.pid}-${runs++}/`;

/** What every Storage must do. Give a factory that makes or reuses a store. */
export function storageConformance(name: string, make: () => Promise<ConformanceSubject>): void {
  describe(`${name} as a Storage`, () => {
    writes(make);
    lists(make);
    watches(make);
    history(make);
  });
}

function writes(make: () => Promise<ConformanceSubject>): void {
  it('creates a key once', async () => {
    const { storage } = await make();
    const key = `${freshPrefix()}a`;
    const revision = await storage.create(key, bytes('1'));
    expect(await storage.get(key)).toEqual({
      key,
      value: bytes('1'),
      modRevision: revision,
      createRevision: revision,
    });
    const e = await failure('exists', storage.create(key, bytes('2')));
    expect(e.current?.modRevision).toBe(revision);
    expect((await storage.get(key))?.value).toEqual(bytes('1'));
  });

  it('updates only the expected revision', async () => {
    const { storage } = await make();
    const key = `${freshPrefix()}a`;
    await failure('missing', storage.update(key, bytes('0'), 1));
    const first = await storage.create(key, bytes('1'));
    const second = await storage.update(key, bytes('2'), first);
    expect(second).toBeGreaterThan(first);
    const e = await failure('conflict', storage.update(key, bytes('3'), first));
    expect(e.current).toEqual({ key, value: bytes('2'), modRevision: second, createRevision: first });
  });

  it('deletes only the expected revision', async () => {
    const { storage } = await make();
    const key = `${freshPrefix()}a`;
    const first = await storage.create(key, bytes('1'));
    const second = await storage.update(key, bytes('2'), first);
    await failure('conflict', storage.delete(key, first));
    expect(await storage.delete(key, second)).toBeGreaterThan(second);
    expect(await storage.get(key)).toBeUndefined();
    await failure('missing', storage.delete(key, second));
    const again = await storage.create(key, bytes('3'));
    expect((await storage.get(key))?.createRevision).toBe(again);
  });

  it('lets exactly one of many concurrent writers win', async () => {
    const { storage } = await make();
    const key = `${freshPrefix()}a`;
    const first = await storage.create(key, bytes('0'));
    const results = await Promise.allSettled(
      Array.from({ length: 20 }, (_, i) => storage.update(key, bytes(String(i)), first)),
    );
    expect(results.filter((r) => r.status === 'fulfilled')).toHaveLength(1);
    for (const r of results) if (r.status === 'rejected') expect(isStorageError(r.reason, 'conflict')).toBe(true);
  });

  it('puts unconditionally', async () => {
    const { storage } = await make();
    const key = `${freshPrefix()}a`;
    const first = await storage.put(key, bytes('1'));
    const second = await storage.put(key, bytes('2'));
    expect(await storage.get(key)).toEqual({ key, value: bytes('2'), modRevision: second, createRevision: first });
    expect(await storage.currentRevision()).toBeGreaterThanOrEqual(second);
  });

  it('removes keys whose time to live is over, and only those', async () => {
    const { storage, expire } = await make();
    const prefix = freshPrefix();
    const start = await storage.create(`${prefix}mortal-a`, bytes('1'), { ttlSeconds: 1 });
    await storage.create(`${prefix}mortal-b`, bytes('1'), { ttlSeconds: 1 });
    for (let kept = false; !kept; ) {
      const revision = await storage.create(`${prefix}kept`, bytes('1'), { ttlSeconds: 1 });
      kept = await storage.update(`${prefix}kept`, bytes('2'), revision).then(
        () => true,
        // Its time was over before it was kept: a busy machine.
        (e: unknown) => failure('missing', Promise.reject(e)).then(() => false),
      );
    }
    const seen = new Recorder(storage, prefix, start);
    await expire(1);
    await storage.put(`${prefix}end`, bytes(''));
    expect((await storage.list(prefix)).items.map((kv) => kv.key)).toEqual([`${prefix}end`, `${prefix}kept`]);
    await seen.until((await storage.get(`${prefix}end`))?.modRevision ?? 0);
    expect(seen.summary.filter((s) => s.startsWith('delete')).sort()).toEqual([
      `delete ${prefix}mortal-a=`,
      `delete ${prefix}mortal-b=`,
    ]);
  });

  it('answers the health check', async () => {
    const { storage } = await make();
    await storage.health(2000);
  });
}

function lists(make: () => Promise<ConformanceSubject>): void {
  it('lists in key order, by prefix', async () => {
    const { storage } = await make();
    const prefix = freshPrefix();
    for (const k of ['b', 'a/2', 'a-1/1', 'a/1', 'a']) await storage.create(prefix + k, bytes(k));
    const all = await storage.list(prefix);
    expect(all.items.map((kv) => kv.value.toString())).toEqual(['a', 'a-1/1', 'a/1', 'a/2', 'b']);
    expect(all).toMatchObject({ more: false, remaining: 0 });
    const some = await storage.list(`${prefix}a/`);
    expect(some.items.map((kv) => kv.value.toString())).toEqual(['a/1', 'a/2']);
    expect(await storage.list(`${prefix}none/`)).toMatchObject({ items: [], more: false, remaining: 0 });
  });

  it('lists in pages at one revision, whatever is written meanwhile', async () => {
    const { storage } = await make();
    const prefix = freshPrefix();
    for (let i = 0; i < 5; i++) await storage.create(`${prefix}${i}`, bytes(String(i)));
    const first = await storage.list(prefix, { limit: 2 });
    expect(first).toMatchObject({ more: true, remaining: 3 });
    await storage.create(`${prefix}11`, bytes('new'));
    const two = first.items[1];
    if (!two) throw new Error('a page of two');
    await storage.put(`${prefix}4`, bytes('changed'));
    const rest = await storage.list(prefix, { limit: 9, after: two.key, revision: first.revision });
    expect(rest.items.map((kv) => kv.value.toString())).toEqual(['2', '3', '4']);
    expect(rest).toMatchObject({ more: false, remaining: 0, revision: first.revision });
  });

  it('reads the state at an earlier revision', async () => {
    const { storage } = await make();
    const prefix = freshPrefix();
    const first = await storage.create(`${prefix}a`, bytes('1'));
    await storage.delete(`${prefix}a`, first);
    expect((await storage.list(prefix, { revision: first })).items).toHaveLength(1);
    expect((await storage.list(prefix)).items).toHaveLength(0);
  });
}

function watches(make: () => Promise<ConformanceSubject>): void {
  it('sends history, then what happens, in order', async () => {
    const { storage } = await make();
    const prefix = freshPrefix();
    const r1 = await storage.create(`${prefix}a`, bytes('1'));
    const r2 = await storage.update(`${prefix}a`, bytes('2'), r1);
    const seen = new Recorder(storage, prefix, r2);
    await seen.until(r2);
    await storage.put('/registry/elsewhere', bytes('x'));
    const r3 = await storage.delete(`${prefix}a`, r2);
    const r4 = await storage.create(`${prefix}a`, bytes('3'));
    await seen.until(r4);
    expect(seen.events.map((e) => [e.type, e.value.toString(), e.modRevision, e.createRevision])).toEqual([
      ['put', '2', r2, r1],
      ['delete', '', r3, 0],
      ['put', '3', r4, r4],
    ]);
    expect(seen.events.every((e) => e.previous === undefined)).toBe(true);
  });

  it('reports the state before, when asked', async () => {
    const { storage } = await make();
    const prefix = freshPrefix();
    const r1 = await storage.create(`${prefix}a`, bytes('1'));
    const r2 = await storage.update(`${prefix}a`, bytes('2'), r1);
    const r3 = await storage.delete(`${prefix}a`, r2);
    const seen = new Recorder(storage, prefix, r1, { previous: true });
    await seen.until(r3);
    expect(seen.events.map((e) => e.previous?.value.toString())).toEqual([undefined, '1', '2']);
  });

  it('starts from a revision still to come', async () => {
    const { storage } = await make();
    const prefix = freshPrefix();
    const now = await storage.currentRevision();
    const seen = new Recorder(storage, prefix, now + 2);
    const first = await storage.create(`${prefix}a`, bytes('skipped'));
    const r = await storage.update(`${prefix}a`, bytes('seen'), first);
    await seen.until(r);
    expect(seen.summary).toEqual([`put ${prefix}a=seen`]);
  });

  it('ends quietly with its signal', async () => {
    const { storage } = await make();
    const prefix = freshPrefix();
    const seen = new Recorder(storage, prefix, 1 + (await storage.currentRevision()));
    const r = await storage.put(`${prefix}a`, bytes('1'));
    await seen.until(r);
    await seen.stop();
    await storage.put(`${prefix}a`, bytes('2'));
    expect(seen.events).toHaveLength(1);
  });
}

function history(make: () => Promise<ConformanceSubject>): void {
  it('forgets what is compacted, and says so', async () => {
    const { storage } = await make();
    const prefix = freshPrefix();
    const r1 = await storage.create(`${prefix}a`, bytes('1'));
    const r2 = await storage.update(`${prefix}a`, bytes('2'), r1);
    const r3 = await storage.update(`${prefix}a`, bytes('3'), r2);
    await storage.compact(r2);
    await storage.compact(r2);
    await storage.compact(r1);
    await failure('compacted', storage.list(prefix, { revision: r1 }));
    expect((await storage.list(prefix, { revision: r2 })).items[0]?.value).toEqual(bytes('2'));
    const e = await failure('compacted', new Recorder(storage, prefix, r1).done);
    expect(e.compactRevision).toBe(r2);
    const seen = new Recorder(storage, prefix, r3);
    await seen.until(r3);
    expect(seen.summary).toEqual([`put ${prefix}a=3`]);
  });

  it('never leaves out a deletion at the very revision of the compaction', async () => {
    const { storage } = await make();
    const prefix = freshPrefix();
    const r1 = await storage.create(`${prefix}a`, bytes('1'));
    const gone = await storage.delete(`${prefix}a`, r1);
    const r3 = await storage.create(`${prefix}b`, bytes('1'));
    await storage.compact(gone);
    await failure('compacted', new Recorder(storage, prefix, gone).done);
    const seen = new Recorder(storage, prefix, gone + 1);
    await seen.until(r3);
    expect(seen.summary).toEqual([`put ${prefix}b=1`]);
  });
}
