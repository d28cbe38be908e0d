import { afterAll, beforeAll, describe, expect, it, onTestFinished } from 'vitest';
import { StatusError } from '#api/meta/errors.ts';
import { RegistryCache } from '#apiserver/cache/registry-cache.ts';
import type { CacheEvent, ResourceCache } from '#apiserver/cache/types.ts';
import { systemClock } from '#async/clock.ts';
import { silentLogger } from '#process/logger.ts';
import { isStorageError, type Storage } from '#storage/storage.ts';
import { type EtcdCluster, eventually, startEtcd } from './etcd-fixture.ts';
import { type TcpProxy, tcpProxy } from './tcp-proxy.ts';

const RESOURCES = ['configmaps', 'secrets', 'services'].map((plural) => ({
  group: '',
  plural,
  apiVersion: 'v1',
  kind: plural,
}));
const DEADLINE_MS = 60_000;

const stored = (name: string, n: number): Buffer =>
  Buffer.from(JSON.stringify({ metadata: { name }, data: { n, pad: 'x'.repeat(n % 700) } }));

/** A small seeded generator, so that a failing run can be repeated. */
function random(seed: number): (below: number) => number {
  let state = seed >>> 0;
  return (below) => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return Math.floor((state / 2 ** 32) * below);
  };
}

let cluster: EtcdCluster;
let proxy: TcpProxy;
let direct: Storage;

beforeAll(async () => {
  cluster = await startEtcd();
  proxy = await tcpProxy(cluster.members[0]?.port ?? 0);
  direct = await cluster.open();
});
afterAll(async () => {
  await cluster?.stop();
  await proxy?.close();
});

async function startCache(options: { events?: number } = {}) {
  const storage = await cluster.open([`http://127.0.0.1:${proxy.port}`]);
  const limits = { events: options.events ?? 4096, bytes: 32 << 20 };
  const cache = new RegistryCache({ storage, clock: systemClock, logger: silentLogger, limits });
  const resources = RESOURCES.map((r) => cache.resource(r));
  const stop = new AbortController();
  onTestFinished(() => stop.abort());
  await cache.start(stop.signal);
  return { cache, resources, storage };
}

/** A client: lists, watches, is cut off now and then, resumes, and lists again only when told that history is gone. */
class Follower {
  readonly state = new Map<string, string>();
  readonly #cache: ResourceCache;
  readonly problems: string[] = [];
  relists = 0;
  seen = 0;
  #stop: () => void = () => {};

  constructor(cache: ResourceCache) {
    this.#cache = cache;
    this.#relist();
  }

  #relist(): void {
    this.relists++;
    this.state.clear();
    for (const e of this.#cache.list('')) this.state.set(e.key, e.bytes.toString());
    this.seen = this.#cache.revision;
    this.#follow();
  }

  #follow(): void {
    try {
      this.#stop = this.#cache.watch(this.seen, { event: (e) => this.#event(e), end: () => {} });
    } catch (e) {
      if (!(e instanceof StatusError) || e.code !== 410) throw e;
      this.#relist();
    }
  }

  #event(e: CacheEvent): void {
    const { key } = e.entry;
    const known = this.state.get(key);
    if (e.revision <= this.seen) this.problems.push(`${e.revision} after ${this.seen}`);
    if ((e.type === 'ADDED') !== (known === undefined)) this.problems.push(`${e.type} ${key} at ${e.revision}`);
    if (e.previous && e.previous.bytes.toString() !== known) this.problems.push(`wrong state before ${e.revision}`);
    if (e.type === 'DELETED') this.state.delete(key);
    else this.state.set(key, e.entry.bytes.toString());
    this.seen = e.revision;
  }

  disconnect(): void {
    this.#stop();
  }

  resume(): void {
    this.#stop();
    this.#follow();
  }
}

/** Creates, updates and deletes at random until told to stop; several of these fight over the same keys. */
async function scribble(
  storage: Storage,
  next: (below: number) => number,
  signal: AbortSignal,
  wrote: () => void = () => {},
): Promise<void> {
  while (!signal.aborted) {
    const key = `/registry/core/${RESOURCES[next(3)]?.plural}/ns${next(3)}/n${next(40)}`;
    try {
      const kv = await storage.get(key);
      if (!kv) await storage.create(key, stored('x', next(10_000)));
      else if (next(4) === 0) await storage.delete(key, kv.modRevision);
      else await storage.update(key, stored('x', next(10_000)), kv.modRevision);
      wrote();
    } catch (e) {
      if (!['exists', 'conflict', 'missing'].some((k) => isStorageError(e, k as 'exists'))) throw e;
    }
  }
}

async function expectSameAsStore(resources: readonly ResourceCache[], followers: readonly Follower[][]): Promise<void> {
  for (const [i, cache] of resources.entries()) {
    await cache.consistent(DEADLINE_MS);
    const prefix = `/registry/core/${RESOURCES[i]?.plural}/`;
    const { items } = await direct.list(prefix);
    const expected = items.map((kv) => [
      kv.key.slice(prefix.length),
      kv.modRevision,
      JSON.parse(kv.value.toString()).data,
    ]);
    const shown = cache.list('').map((e) => [e.key, e.revision, JSON.parse(e.bytes.toString()).data]);
    expect(shown).toEqual(expected);
    for (const f of followers[i] ?? []) {
      f.resume();
      expect(f.problems).toEqual([]);
      expect(f.state).toEqual(new Map(cache.list('').map((e) => [e.key, e.bytes.toString()])));
    }
  }
}

describe('the watch cache over a real etcd', () => {
  for (const seed of [1, 7, 2026]) {
    it(`loses, repeats and reorders nothing under writers, cut connections and restarts of watches (seed ${seed})`, async () => {
      const next = random(seed);
      const { resources } = await startCache();
      const followers = resources.map((r) => [new Follower(r), new Follower(r), new Follower(r)]);
      const stop = new AbortController();
      let writes = 0;
      const scribbling = (i: number) => scribble(direct, random(seed * 100 + i), stop.signal, () => void writes++);
      const writers = Array.from({ length: 6 }, (_, i) => scribbling(i));
      for (let i = 0; i < 60; i++) {
        await systemClock.sleep(next(60));
        const follower = followers[next(3)]?.[next(3)];
        if (next(6) === 0) proxy.cut();
        else if (next(2) === 0) follower?.disconnect();
        else follower?.resume();
      }
      await eventually('enough writes', () => writes > 100);
      stop.abort();
      await Promise.all(writers);
      await expectSameAsStore(resources, followers);
      expect(followers.flat().map((f) => f.relists)).toEqual(followers.flat().map(() => 1));
    });
  }

  it('recovers when history is compacted while it is away', async () => {
    const { resources } = await startCache();
    const followers = resources.map((r) => [new Follower(r)]);
    proxy.loseAnswers = true;
    const stop = new AbortController();
    const writer = scribble(direct, random(5), stop.signal);
    await systemClock.sleep(300);
    await direct.compact(await direct.currentRevision());
    proxy.loseAnswers = false;
    proxy.cut();
    await systemClock.sleep(300);
    stop.abort();
    await writer;
    await expectSameAsStore(resources, followers);
  });

  it('shows two servers the same, each every write answered before', async () => {
    const [a, b] = [await startCache(), await startCache()];
    const [mapsA, mapsB] = [a.resources[0], b.resources[0]];
    for (let i = 0; i < 100; i++) {
      const revision = await (i % 2 ? a : b).storage.put(`/registry/core/configmaps/two/${i % 7}`, stored('x', i));
      const reader = i % 3 ? mapsA : mapsB;
      await reader?.consistent(DEADLINE_MS);
      expect(reader?.get(`two/${i % 7}`)?.revision).toBe(revision);
    }
    const r = await direct.put('/elsewhere', Buffer.from('x'));
    await Promise.all([mapsA?.consistent(DEADLINE_MS), mapsB?.consistent(DEADLINE_MS)]);
    expect(mapsA?.revision).toBeGreaterThanOrEqual(r);
  });

  it('lets watches resume across a restart, as far as history is not compacted', async () => {
    await direct.compact(await direct.put('/registry/core/configmaps/restart/before', stored('x', 1)));
    const before = await startCache();
    const follower = new Follower(before.resources[0] as ResourceCache);
    follower.disconnect();
    const r = await direct.put('/registry/core/configmaps/restart/a', stored('x', 1));
    const after = await startCache();
    const seen: number[] = [];
    after.resources[0]?.watch(follower.seen, { event: (e) => void seen.push(e.revision), end: () => {} });
    expect(seen).toEqual([r]);
  });

  it('loads a resource added under load', async () => {
    const { cache } = await startCache();
    const stop = new AbortController();
    const prefix = '/registry/example.com/widgets/';
    let n = 0;
    const writers = Array.from({ length: 4 }, async () => {
      while (!stop.signal.aborted) await direct.put(`${prefix}ns/${n % 300}`, stored('x', n++));
    });
    await eventually('some widgets', () => n > 500);
    const widgets = cache.resource({
      group: 'example.com',
      plural: 'widgets',
      apiVersion: 'example.com/v1',
      kind: 'Widget',
    });
    await widgets.ready();
    const follower = new Follower(widgets);
    await eventually('more widgets', () => n > 1500);
    stop.abort();
    await Promise.all(writers);
    await widgets.consistent(DEADLINE_MS);
    const { items } = await direct.list(prefix);
    expect(widgets.list('').map((e) => e.revision)).toEqual(items.map((kv) => kv.modRevision));
    expect(follower.problems).toEqual([]);
    expect(follower.state.size).toBe(items.length);
  });

  it('recovers from a member that keeps the connection but says nothing', async () => {
    const { resources } = await startCache();
    const maps = resources[0] as ResourceCache;
    await maps.consistent(DEADLINE_MS);
    const start = systemClock.now();
    proxy.loseAnswers = true;
    const waiting = maps.consistent(DEADLINE_MS);
    await systemClock.sleep(200);
    proxy.loseAnswers = false;
    await waiting;
    // Unanswered pings would tell after 15 s.
    expect(systemClock.now() - start).toBeLessThan(14_000);
  });
});
