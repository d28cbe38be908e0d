import type { Clock } from '#async/clock.ts';
import { createSemaphore } from '#async/semaphore.ts';
import { abortable } from '#async/signals.ts';
import type { Logger } from '#process/logger.ts';
import { isStorageError, type Storage, type StorageEvent, type Watch } from '#storage/storage.ts';
import type { CachedResource } from './entry.ts';
import { Freshness } from './freshness.ts';
import { Progress, within } from './progress.ts';
import { LoadedResourceCache } from './resource-cache.ts';
import type { ResourceCache } from './types.ts';
import type { WindowLimits } from './window.ts';

export interface RegistryCacheDeps {
  readonly storage: Storage;
  readonly clock: Clock;
  readonly logger: Logger;
  /** How much a resource remembers for watches to resume from. */
  readonly limits?: WindowLimits;
  /** How many past revisions are replayed at the start, so that a restart does not make every client list again. */
  readonly history?: number;
}

const ROOT = '/registry/';
const LIMITS: WindowLimits = { events: 4096, bytes: 32 << 20 };
const HISTORY = 4096;
const PARALLEL_LOADS = 4;
const FIRST_PAUSE_MS = 100;
const MAX_PAUSE_MS = 5000;
const EXPLANATION_MS = 1000;
/** The first catching-up has no client waiting for it. */
const CATCH_UP_MS = 5000;
/** How often objects are examined, and how many: a thousandth of a core at most. */
const EXAMINE_MS = 1000;
const EXAMINED = 50;

/**
 * The watch caches of all resources, fed by one ordered watch of the whole registry. All writes lie below its prefix, so
 * the revision of the stream's last event says how fresh every cache is, and an idle registry costs nothing.
 */
export class RegistryCache {
  readonly #deps: RegistryCacheDeps;
  readonly #progress: Progress;
  readonly #freshness: Freshness;
  readonly #resources = new Map<string, LoadedResourceCache>();
  readonly #loads = createSemaphore(PARALLEL_LOADS);
  #signal: AbortSignal | undefined;
  #examined = 0;
  #watch: Watch | undefined;

  constructor(deps: RegistryCacheDeps) {
    const { storage, clock, logger } = deps;
    this.#deps = deps;
    this.#progress = new Progress(clock);
    const reconnect = (): void => this.#watch?.reconnect();
    this.#freshness = new Freshness({ storage, clock, logger, progress: this.#progress, reconnect });
  }

  /** The cache of a resource. One first asked for after the start is loaded in the background: see `ready`. */
  resource(r: CachedResource): ResourceCache {
    const prefix = prefixOf(r);
    const known = this.#resources.get(prefix);
    if (known) return known;
    const cache = new LoadedResourceCache(r, {
      clock: this.#deps.clock,
      logger: this.#deps.logger,
      progress: this.#progress,
      freshness: this.#freshness,
      limits: this.#deps.limits ?? LIMITS,
      prefix,
    });
    this.#resources.set(prefix, cache);
    if (this.#signal) void this.#addRunning(cache, this.#signal);
    return cache;
  }

  /** Forgets a resource that is no longer served and ends its watches. */
  remove(r: { readonly group: string; readonly plural: string }): void {
    const cache = this.#resources.get(prefixOf(r));
    this.#resources.delete(prefixOf(r));
    cache?.endWatchers();
  }

  /** Loads those resources anew of which something could not be read: with other keys it may be readable now. */
  readAgain(): void {
    const signal = this.#signal;
    if (!signal) return;
    for (const cache of this.#resources.values()) {
      void cache.lacks().then((lacking) => (lacking ? this.#addRunning(cache, signal) : undefined));
    }
  }

  /**
   * Loads everything and follows the store in the background until the signal aborts.
   * @returns a promise that resolves when the caches hold what was stored when this was called; rejects when the signal
   * aborts before.
   */
  async start(signal: AbortSignal): Promise<void> {
    const ready = Promise.withResolvers<void>();
    this.#signal = signal;
    void this.#run(signal, ready.resolve);
    this.#examineNow(signal);
    await abortable(ready.promise, signal);
  }

  /** Now and then a few of the objects nobody has looked into; each once, so that nothing is to be done in the end. */
  #examineNow(signal: AbortSignal): void {
    if (signal.aborted) return;
    const caches = [...this.#resources.values()];
    let left = EXAMINED;
    for (let i = 0; i < caches.length && left > 0; i++) {
      const cache = caches[(this.#examined + i) % caches.length];
      if (!cache) continue;
      const { looked, isBroken } = cache.examine(left);
      left -= looked;
      if (isBroken) void this.#addRunning(cache, signal);
    }
    // Each has its turn to be the first: one that always changes must not keep the others waiting.
    this.#examined++;
    this.#deps.clock.after(EXAMINE_MS, () => this.#examineNow(signal), { unref: true });
  }

  async #run(signal: AbortSignal, ready: () => void): Promise<void> {
    const { clock, logger } = this.#deps;
    // The oldest revision worth trying: grows to what etcd still has.
    let oldest = 0;
    for (let pause = FIRST_PAUSE_MS; !signal.aborted; pause = Math.min(pause * 2, MAX_PAUSE_MS)) {
      try {
        await this.#follow(signal, oldest, () => {
          pause = FIRST_PAUSE_MS;
          ready();
        });
      } catch (err) {
        const compacted = isStorageError(err, 'compacted') ? (err.compactRevision ?? Number.POSITIVE_INFINITY) : 0;
        if (compacted > oldest) {
          oldest = compacted;
          continue;
        }
        logger.warn({ err }, 'the caches lost touch with etcd and are loaded again');
        await clock.sleep(pause, signal).catch(() => {});
      }
    }
    for (const r of this.#resources.values()) r.endWatchers();
  }

  /**
   * Loads all resources at one revision, `oldest` or later, and follows the store from there. Ends with the signal, or by
   * an error.
   */
  async #follow(signal: AbortSignal, oldest: number, ready: () => void): Promise<void> {
    const end = new AbortController();
    const both = AbortSignal.any([signal, end.signal]);
    try {
      const now = await abortable(this.#deps.storage.currentRevision(), both);
      // What has been shown must not be taken back.
      const wanted = Math.max(1, this.#progress.revision, oldest, now - (this.#deps.history ?? HISTORY));
      const from = Math.min(wanted, now);
      const resources = [...this.#resources.values()];
      const loads = resources.map((cache) => ({ cache, load: cache.beginLoad() }));
      this.#progress.advance(from);
      const onEvents = (events: readonly StorageEvent[]): void => this.#apply(events);
      this.#watch = this.#deps.storage.watch(ROOT, from + 1, { onEvents, signal: both });
      const lost = this.#watch.done.then(() => Promise.reject(signal.reason));
      lost.catch(() => {});
      await Promise.race([lost, this.#loadAll(loads, from, both)]).catch((err: unknown) => this.#explained(err, lost));
      await Promise.race([lost, this.#catchUp(now, both)]);
      for (const r of resources) r.markReady();
      ready();
      await this.#watch.done;
    } finally {
      end.abort(new Error('the load was given up'));
    }
  }

  /** Only a watch learns from etcd how far history goes back: if a list failed for want of it, the watch is failing too. */
  async #explained(err: unknown, lost: Promise<never>): Promise<never> {
    if (isStorageError(err, 'compacted') && err.compactRevision === undefined) {
      await within(this.#deps.clock, lost, EXPLANATION_MS);
    }
    throw err;
  }

  async #loadAll(
    loads: readonly { cache: LoadedResourceCache; load: ReturnType<LoadedResourceCache['beginLoad']> }[],
    revision: number,
    signal: AbortSignal,
  ): Promise<void> {
    const one = async ({ cache, load }: (typeof loads)[number]): Promise<void> => {
      const { items } = await abortable(this.#deps.storage.list(cache.prefix, { revision }), signal);
      if (cache.install(load, items, revision) === 'overflowed') {
        throw new Error(`too many changes while loading ${cache.prefix}`);
      }
    };
    await Promise.all(loads.map((l) => this.#loads.run(() => one(l), signal)));
  }

  async #catchUp(revision: number, signal: AbortSignal): Promise<void> {
    while (!signal.aborted && !(await this.#freshness.reach(revision, CATCH_UP_MS)));
  }

  /** Loads a resource that was added while the stream is running: at the newest revision, ahead of the stream if need be. */
  async #addRunning(cache: LoadedResourceCache, signal: AbortSignal): Promise<void> {
    const { clock, logger, storage } = this.#deps;
    for (let pause = FIRST_PAUSE_MS; !signal.aborted; pause = Math.min(pause * 2, MAX_PAUSE_MS)) {
      try {
        const load = cache.beginLoad();
        const { items, revision } = await this.#loads.run(() => storage.list(cache.prefix), signal);
        const outcome = cache.install(load, items, revision);
        if (outcome === 'installed') cache.markReady();
        // A replaced load is completed by whoever began the other one.
        if (outcome !== 'overflowed') return;
      } catch (err) {
        if (!signal.aborted) logger.warn({ err, resource: cache.prefix }, 'loading a resource failed');
      }
      await clock.sleep(pause, signal).catch(() => {});
    }
  }

  #apply(events: readonly StorageEvent[]): void {
    for (const e of events) {
      // "/registry/<group>/<plural>/<key>"
      const group = e.key.indexOf('/', ROOT.length);
      const plural = group < 0 ? -1 : e.key.indexOf('/', group + 1);
      if (plural > 0) this.#resources.get(e.key.slice(0, plural + 1))?.apply(e);
    }
    const last = events.at(-1);
    if (last) this.#progress.advance(last.modRevision);
  }
}

const prefixOf = (r: { group: string; plural: string }): string => `${ROOT}${r.group || 'core'}/${r.plural}/`;
