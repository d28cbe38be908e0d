import { describe, expect, it, onTestFinished, vi } from 'vitest';
import type { StatusError } from '#api/meta/errors.ts';
import { FakeClock } from '#async/fake-clock.ts';
import { silentLogger } from '#process/logger.ts';
import { memoryStorage } from '#storage/memory/memory.ts';
import { type Storage, StorageError } from '#storage/storage.ts';
import { RegistryCache, type RegistryCacheDeps } from './registry-cache.ts';
import type { CacheEvent, ResourceCache, WatchSink } from './types.ts';

const CONFIG_MAPS = { group: '', plural: 'configmaps', apiVersion: 'v1', kind: 'ConfigMap' };
const DEPLOYMENTS = { group: 'apps', plural: 'deployments', apiVersion: 'apps/v1', kind: 'Deployment' };
const PREFIX = '/registry/core/configmaps/';

const stored = (name: string, data = ''): Buffer =>
  Buffer.from(JSON.stringify({ metadata: { name }, data: { v: data } }));

class Sink implements WatchSink {
  readonly events: CacheEvent[] = [];
  ended: { error?: StatusError } | undefined;
  event(e: CacheEvent): void {
    this.events.push(e);
  }
  end(error?: StatusError): void {
    this.ended = error ? { error } : {};
  }
  get summary(): string[] {
    return this.events.map((e) => `${e.type} ${e.entry.key} ${e.revision}`);
  }
}

interface Bed {
  readonly storage: Storage;
  readonly clock: FakeClock;
  readonly cache: RegistryCache;
  readonly maps: ResourceCache;
  readonly stop: AbortController;
}

function bed(deps: Partial<RegistryCacheDeps> = {}): Bed {
  const clock = new FakeClock();
  const storage = deps.storage ?? memoryStorage(clock);
  const cache = new RegistryCache({ clock, logger: silentLogger, ...deps, storage });
  const stop = new AbortController();
  onTestFinished(() => stop.abort());
  return { storage, clock, cache, maps: cache.resource(CONFIG_MAPS), stop };
}

/** A store whose events can be kept back, as by a slow member. */
function heldStream() {
  const clock = new FakeClock();
  const storage = memoryStorage(clock);
  const realWatch = storage.watch.bind(storage);
  const held: (() => void)[] = [];
  let holding = false;
  vi.spyOn(storage, 'watch').mockImplementation((prefix, from, options) =>
    realWatch(prefix, from, {
      ...options,
      onEvents: (events) => (holding ? void held.push(() => options.onEvents(events)) : options.onEvents(events)),
    }),
  );
  return {
    storage,
    clock,
    held,
    hold: () => {
      holding = true;
    },
  };
}

async function started(deps: Partial<RegistryCacheDeps> = {}): Promise<Bed> {
  const b = bed(deps);
  await b.cache.start(b.stop.signal);
  return b;
}

describe('loading', () => {
  it('holds what was stored before, with version, kind and bytes', async () => {
    const b = bed();
    const r = await b.storage.create(`${PREFIX}ns/a`, stored('a', 'x'));
    await b.storage.create('/registry/apps/deployments/ns/other', stored('other'));
    await b.cache.start(b.stop.signal);
    await b.maps.ready();
    expect(b.maps.size).toBe(1);
    const entry = b.maps.get('ns/a');
    const object = {
      apiVersion: 'v1',
      kind: 'ConfigMap',
      metadata: { name: 'a', resourceVersion: String(r) },
      data: { v: 'x' },
    };
    expect(entry?.object).toEqual(object);
    expect(entry?.bytes.toString()).toBe(JSON.stringify(object));
    expect(entry?.revision).toBe(r);
    expect(Object.isFrozen(entry?.object.metadata)).toBe(true);
  });

  it('uses a cheaper encoding if there is one', async () => {
    const b = bed();
    const withVersion = (s: Buffer, r: number) => Buffer.from(`${r}:${s.length}`);
    const encoding = { isCurrent: () => true, withVersion };
    const other = b.cache.resource({ ...DEPLOYMENTS, encoding });
    const r = await b.storage.create('/registry/apps/deployments/ns/a', stored('a'));
    await b.cache.start(b.stop.signal);
    expect(other.get('ns/a')?.bytes.toString()).toBe(`${r}:${stored('a').length}`);
  });

  it('passes over values that cannot be decoded', async () => {
    const b = bed();
    await b.storage.create(`${PREFIX}ns/bad`, Buffer.from('{'));
    await b.storage.create(`${PREFIX}ns/good`, stored('good'));
    await b.cache.start(b.stop.signal);
    expect(b.maps.list('').map((e) => e.key)).toEqual(['ns/good']);
  });

  it('replays recent history, so that watches from before a restart go on', async () => {
    const b = bed();
    const r1 = await b.storage.create(`${PREFIX}ns/a`, stored('a'));
    const r2 = await b.storage.create(`${PREFIX}ns/b`, stored('b'));
    await b.cache.start(b.stop.signal);
    const sink = new Sink();
    b.maps.watch(r1, sink);
    expect(sink.summary).toEqual([`ADDED ns/b ${r2}`]);
  });

  it('starts from now when history is compacted', async () => {
    const b = bed();
    const r1 = await b.storage.create(`${PREFIX}ns/a`, stored('a'));
    const r2 = await b.storage.update(`${PREFIX}ns/a`, stored('a', '2'), r1);
    await b.storage.compact(r2);
    const starting = b.cache.start(b.stop.signal);
    await b.clock.advance(1000);
    await starting;
    expect(b.maps.get('ns/a')?.revision).toBe(r2);
    expect(() => b.maps.watch(r1, new Sink())).toThrow(`too old resource version: ${r1} (${r2})`);
  });

  it('adds a resource while running, without losing or repeating changes', async () => {
    const b = await started();
    const r1 = await b.storage.create('/registry/apps/deployments/ns/a', stored('a'));
    const deployments = b.cache.resource(DEPLOYMENTS);
    const r2 = b.storage.update('/registry/apps/deployments/ns/a', stored('a', '2'), r1);
    await deployments.ready();
    await deployments.consistent(1000);
    expect(deployments.get('ns/a')?.revision).toBe(await r2);
    const sink = new Sink();
    deployments.watch(deployments.revision, sink);
    const r3 = await b.storage.delete('/registry/apps/deployments/ns/a', await r2);
    await deployments.waitUntil(r3, 1000);
    expect(sink.summary).toEqual([`DELETED ns/a ${r3}`]);
    expect(b.cache.resource(DEPLOYMENTS)).toBe(deployments);
  });

  it('does not apply again what a resource added while running already holds', async () => {
    const { storage, clock, held, hold } = heldStream();
    const b = await started({ storage, clock });
    hold();
    const key = '/registry/apps/deployments/ns/a';
    const r1 = await storage.create(key, stored('a', '1'));
    const r2 = await storage.update(key, stored('a', '2'), r1);
    const deployments = b.cache.resource(DEPLOYMENTS);
    await deployments.ready();
    expect(deployments.revision).toBe(r2);
    expect(b.maps.revision).toBeLessThan(r1);
    const sink = new Sink();
    deployments.watch(r2, sink);
    const r3 = await storage.delete(key, r2);
    await clock.advance(0);
    for (const release of held) release();
    expect(sink.summary).toEqual([`DELETED ns/a ${r3}`]);
    expect(b.maps.revision).toBe(r3);
  });

  it('keeps trying while the store is away', async () => {
    const clock = new FakeClock();
    const storage = memoryStorage(clock);
    const read = vi.spyOn(storage, 'currentRevision').mockRejectedValueOnce(new Error('down'));
    const b = bed({ storage, clock });
    const starting = b.cache.start(b.stop.signal);
    await clock.advance(200);
    await starting;
    expect(read).toHaveBeenCalledTimes(2);
  });

  it('gives up when told to', async () => {
    const clock = new FakeClock();
    const storage = memoryStorage(clock);
    vi.spyOn(storage, 'currentRevision').mockReturnValue(new Promise(() => {}));
    const b = bed({ storage, clock });
    const starting = b.cache.start(b.stop.signal);
    b.stop.abort(new Error('stopping'));
    await expect(starting).rejects.toThrow('stopping');
  });
});

describe('watching', () => {
  it('sends what happens, with the state before', async () => {
    const b = await started();
    const sink = new Sink();
    b.maps.watch(b.maps.revision, sink);
    const r1 = await b.storage.create(`${PREFIX}ns/a`, stored('a', '1'));
    const r2 = await b.storage.update(`${PREFIX}ns/a`, stored('a', '2'), r1);
    const r3 = await b.storage.delete(`${PREFIX}ns/a`, r2);
    await b.maps.waitUntil(r3, 1000);
    expect(sink.summary).toEqual([`ADDED ns/a ${r1}`, `MODIFIED ns/a ${r2}`, `DELETED ns/a ${r3}`]);
    expect(sink.events.map((e) => e.previous?.revision)).toEqual([undefined, r1, r2]);
    const last = sink.events[2]?.entry;
    expect(last?.object.metadata.resourceVersion).toBe(String(r3));
    expect(JSON.parse(last?.bytes.toString() ?? '')).toMatchObject({ data: { v: '2' } });
  });

  it('resumes from any remembered revision, and says 410 from others', async () => {
    const b = await started({ limits: { events: 2, bytes: 1 << 20 } });
    const start = b.maps.revision;
    const revisions: number[] = [];
    for (const name of ['a', 'b', 'c']) revisions.push(await b.storage.create(`${PREFIX}${name}`, stored(name)));
    const [r1 = 0, r2 = 0, r3 = 0] = revisions;
    await b.maps.waitUntil(r3, 1000);
    const sink = new Sink();
    b.maps.watch(r1, sink);
    expect(sink.summary).toEqual([`ADDED b ${r2}`, `ADDED c ${r3}`]);
    expect(() => b.maps.watch(start, new Sink())).toThrow(
      expect.objectContaining({ code: 410, reason: 'Expired', message: `too old resource version: ${start} (${r1})` }),
    );
  });

  it('sends nothing twice to a watch begun inside another one, and nothing after the end', async () => {
    const b = await started();
    const inner = new Sink();
    const outer = new Sink();
    const stopOuter = b.maps.watch(b.maps.revision, {
      event(e) {
        outer.event(e);
        if (outer.events.length === 1) b.maps.watch(e.revision - 1, inner);
        if (outer.events.length === 2) stopOuter();
      },
      end: () => {},
    });
    const revisions: number[] = [];
    for (const name of ['a', 'b', 'c']) revisions.push(await b.storage.create(`${PREFIX}${name}`, stored(name)));
    await b.maps.waitUntil(Math.max(...revisions), 1000);
    expect(inner.events.map((e) => e.entry.key)).toEqual(['a', 'b', 'c']);
    expect(outer.events.map((e) => e.entry.key)).toEqual(['a', 'b']);
  });

  it('survives a watcher that throws', async () => {
    const b = await started();
    const ended = vi.fn();
    b.maps.watch(b.maps.revision, {
      event: () => {
        throw new Error('bad sink');
      },
      end: ended,
    });
    const good = new Sink();
    b.maps.watch(b.maps.revision, good);
    const r = await b.storage.create(`${PREFIX}a`, stored('a'));
    await b.maps.waitUntil(r, 1000);
    expect(good.events).toHaveLength(1);
    expect(ended).toHaveBeenCalledOnce();
  });

  it('ends with the cache', async () => {
    const b = await started();
    const sink = new Sink();
    b.maps.watch(b.maps.revision, sink);
    b.stop.abort();
    await vi.waitFor(() => expect(sink.ended).toEqual({}), { timeout: 30_000 });
  });

  it('ends when the resource is removed', async () => {
    const b = await started();
    const sink = new Sink();
    b.maps.watch(b.maps.revision, sink);
    b.cache.remove(CONFIG_MAPS);
    expect(sink.ended).toEqual({});
    expect(b.cache.resource(CONFIG_MAPS)).not.toBe(b.maps);
  });
});

describe('freshness', () => {
  it('sees every write that finished before', async () => {
    const b = await started();
    for (let i = 0; i < 20; i++) {
      await b.storage.create(`${PREFIX}${i}`, stored(String(i)));
      await b.maps.consistent(1000);
      expect(b.maps.get(String(i))).toBeDefined();
    }
  });

  it('shares one read among all callers that came before it began', async () => {
    const b = await started();
    const read = vi.spyOn(b.storage, 'currentRevision');
    await Promise.all(Array.from({ length: 50 }, () => b.maps.consistent(1000)));
    expect(read).toHaveBeenCalledTimes(2);
    await b.maps.consistent(1000);
    expect(read).toHaveBeenCalledTimes(3);
  });

  it('does not share a read that began before the caller came', async () => {
    const { storage, clock, held, hold } = heldStream();
    const b = await started({ storage, clock });
    hold();
    const real = storage.currentRevision.bind(storage);
    const gate = Promise.withResolvers<void>();
    vi.spyOn(storage, 'currentRevision').mockImplementationOnce(async () => {
      const early = await real();
      await gate.promise;
      return early;
    });
    const first = b.maps.consistent(1000);
    const r = await storage.create(`${PREFIX}a`, stored('a'));
    const second = b.maps.consistent(1000).then(() => b.maps.revision);
    gate.resolve();
    await first;
    await clock.advance(0);
    for (const release of held) release();
    expect(await second).toBeGreaterThanOrEqual(r);
  });

  it('gets past revisions used up elsewhere, by one write for all who wait', async () => {
    const b = await started();
    await b.storage.create('/elsewhere', Buffer.from('x'));
    const put = vi.spyOn(b.storage, 'put');
    const waiting = Promise.all([b.maps.consistent(1000), b.maps.consistent(1000)]);
    await b.clock.advance(50);
    await waiting;
    expect(put).toHaveBeenCalledTimes(1);
    expect(b.maps.size).toBe(0);
    await b.maps.consistent(1000);
    expect(put).toHaveBeenCalledTimes(1);
  });

  it('says Too large resource version when a revision does not come', async () => {
    const b = await started();
    const now = b.maps.revision;
    const waiting = b.maps.waitUntil(now + 5, 3000).catch((e: unknown) => e);
    await b.clock.advance(3000);
    expect((await waiting) as StatusError).toMatchObject({
      code: 504,
      reason: 'Timeout',
      message: `Too large resource version: ${now + 5}, current: ${now}`,
      status: { details: { causes: [{ reason: 'ResourceVersionTooLarge' }] } },
    });
    // The next look for broken objects.
    expect(b.clock.pending).toBe(1);
  });
});

describe('lost history', () => {
  it('ends all watches with 410 and loads again', async () => {
    const clock = new FakeClock();
    const storage = memoryStorage(clock);
    const realWatch = storage.watch.bind(storage);
    const lose: ((e: Error) => void)[] = [];
    vi.spyOn(storage, 'watch').mockImplementation((prefix, from, options) => {
      const lost = new AbortController();
      const inner = realWatch(prefix, from, { ...options, signal: AbortSignal.any([options.signal, lost.signal]) });
      const { promise, resolve, reject } = Promise.withResolvers<void>();
      inner.done.then(() => !lost.signal.aborted && resolve(), reject);
      lose.push((e) => {
        lost.abort();
        reject(e);
      });
      return { done: promise, reconnect: () => {} };
    });
    const b = await started({ storage, clock });
    const r1 = await storage.create(`${PREFIX}gone`, stored('gone'));
    await b.maps.waitUntil(r1, 1000);
    const sink = new Sink();
    b.maps.watch(b.maps.revision, sink);
    lose.at(-1)?.(new StorageError('compacted', 'lost'));
    await storage.delete(`${PREFIX}gone`, r1);
    const r3 = await storage.create(`${PREFIX}new`, stored('new'));
    await storage.compact(r3);
    const fresh = b.maps.consistent(3000);
    await clock.advance(1000);
    await fresh;
    expect(sink.events).toEqual([]);
    expect(sink.ended?.error).toMatchObject({ code: 410, reason: 'Expired' });
    expect(b.maps.list('').map((e) => e.key)).toEqual(['new']);
    expect(() => b.maps.watch(r1, new Sink())).toThrow('too old resource version');
    const next = new Sink();
    b.maps.watch(b.maps.revision, next);
    const r4 = await storage.delete(`${PREFIX}new`, r3);
    await b.maps.waitUntil(r4, 1000);
    expect(next.summary).toEqual([`DELETED new ${r4}`]);
  });
});
