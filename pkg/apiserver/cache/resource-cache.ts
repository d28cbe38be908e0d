import { errors } from '#api/meta/errors.ts';
import type { Clock } from '#async/clock.ts';
import { abortable } from '#async/signals.ts';
import type { Logger } from '#process/logger.ts';
import type { KeyValue, StorageEvent } from '#storage/storage.ts';
import { type CachedResource, decodeEntry, deletedEntry, type SizedEntry } from './entry.ts';
import type { Freshness } from './freshness.ts';
import { type Progress, within } from './progress.ts';
import { overlaid, SortedEntries } from './sorted-entries.ts';
import { type CacheEntry, type CacheEvent, EventFrames, type ResourceCache, type WatchSink } from './types.ts';
import { EventWindow, type WindowLimits } from './window.ts';

/**
 * How long whoever needs the most recent state waits for it, milliseconds: as long as a write waits for etcd, which may be
 * about to elect another leader.
 */
const MOST_RECENT_MS = 10_000;

export interface ResourceCacheDeps {
  readonly clock: Clock;
  readonly logger: Logger;
  readonly progress: Progress;
  readonly freshness: Freshness;
  readonly limits: WindowLimits;
  /** `/registry/<group>/<plural>/`. */
  readonly prefix: string;
}

interface SizedEvent extends CacheEvent {
  readonly entry: SizedEntry;
  readonly previous?: SizedEntry;
}

interface Subscription {
  readonly sink: WatchSink;
  /** Sequence number of the event to be sent next. */
  next: number;
}

/** A load in progress: changes that arrive meanwhile are kept for its end. */
export interface Load {
  readonly events: StorageEvent[];
  overflowed: boolean;
}

const MAX_EVENTS_WHILE_LOADING = 50_000;
/** Entries passed by in one search for broken ones. */
const MOST_VISITS = 5000;

/** The watch cache of one resource; RegistryCache loads and feeds it. */
export class LoadedResourceCache implements ResourceCache {
  readonly prefix: string;
  readonly #resource: CachedResource;
  readonly #deps: ResourceCacheDeps;
  readonly #entries = new SortedEntries<SizedEntry>();
  readonly #window: EventWindow<CacheEvent>;
  readonly #watchers = new Set<Subscription>();
  readonly #ready = Promise.withResolvers<void>();
  /** While set, the cache shows the state before the load. */
  #load: Load | undefined;
  #loaded = Promise.withResolvers<void>();
  #loadedAt = 0;
  /** What `revision` was when the load began. */
  #before = 0;
  /** Keys in the store whose values could not be read. */
  readonly #unreadable = new Set<string>();
  /** Of values that seemed to be objects and are none: their revisions, by key in the store. */
  readonly #broken = new Map<string, number>();
  /** Where among the entries the search for such values goes on. */
  #next = 0;

  constructor(resource: CachedResource, deps: ResourceCacheDeps) {
    this.prefix = deps.prefix;
    this.#resource = resource;
    this.#deps = deps;
    this.#window = new EventWindow(deps.limits);
  }

  get revision(): number {
    if (!this.#complete) return this.#before;
    return Math.max(this.#loadedAt, this.#deps.progress.revision);
  }

  /** Whether something is stored that the cache cannot show. Resolves when no load is under way. */
  async lacks(): Promise<boolean> {
    await this.#loaded.promise;
    return this.#unreadable.size > 0;
  }

  /** False before and during a load. */
  get #complete(): boolean {
    return !this.#load && this.#loadedAt !== 0;
  }

  get size(): number {
    return this.#entries.size;
  }

  ready(signal?: AbortSignal): Promise<void> {
    return abortable(this.#ready.promise, signal);
  }

  get(key: string): CacheEntry | undefined {
    return this.#entries.get(key);
  }

  isUnreadable(key: string): boolean {
    return this.#unreadable.size > 0 && this.#unreadable.has(this.prefix + key);
  }

  list(prefix: string): readonly CacheEntry[] {
    return this.#entries.list(prefix);
  }

  listAt(prefix: string, revision: number): readonly CacheEntry[] | undefined {
    if (!this.#complete || revision < this.#window.start) return undefined;
    const before = this.#undone(prefix, revision);
    const now = this.#entries.list(prefix);
    return before.size === 0 ? now : overlaid(now, before);
  }

  /** What the keys that have changed since `revision` held then; undefined: they were not there. */
  #undone(prefix: string, revision: number): Map<string, CacheEntry | undefined> {
    const before = new Map<string, CacheEntry | undefined>();
    for (let i = this.#window.firstAfter(revision); i < this.#window.end; i++) {
      const e = this.#window.at(i);
      if (!e?.entry.key.startsWith(prefix) || before.has(e.entry.key)) continue;
      before.set(e.entry.key, e.previous);
    }
    return before;
  }

  decode(kv: Pick<KeyValue, 'key' | 'value' | 'modRevision'>): CacheEntry | undefined {
    return this.#decode(kv.key, kv.value, kv.modRevision);
  }

  async waitUntil(revision: number, timeoutMs: number): Promise<void> {
    await this.#reach(revision, timeoutMs, (ms) => this.#deps.progress.reach(revision, ms));
  }

  async consistent(timeoutMs = MOST_RECENT_MS): Promise<void> {
    const { clock, freshness } = this.#deps;
    const until = clock.now() + timeoutMs;
    const revision = await freshness.current(timeoutMs);
    if (this.revision >= revision) return;
    await this.#reach(revision, until - clock.now(), (ms) => freshness.reach(revision, ms));
  }

  async #reach(revision: number, timeoutMs: number, wait: (ms: number) => Promise<boolean>): Promise<void> {
    const { clock } = this.#deps;
    const until = clock.now() + timeoutMs;
    while (this.revision < revision) {
      const left = until - clock.now();
      if (left <= 0) throw errors.tooLargeResourceVersion(revision, this.revision);
      if (!this.#complete) await within(clock, this.#loaded.promise, left);
      else await wait(left);
    }
  }

  watch(from: number, sink: WatchSink): () => void {
    if (!this.#complete || from < this.#window.start) throw this.#tooOld(from);
    const subscription: Subscription = { sink, next: this.#window.firstAfter(from) };
    this.#watchers.add(subscription);
    this.#send(subscription);
    return () => void this.#watchers.delete(subscription);
  }

  #tooOld(from: number): Error {
    const oldest = this.#complete ? this.#window.start : this.#deps.progress.revision;
    return errors.expired(`too old resource version: ${from} (${oldest})`);
  }

  /** Sends what the watcher has not had yet. Its sink may end it, or start others, at any event. */
  #send(s: Subscription): void {
    try {
      while (s.next < this.#window.end && this.#watchers.has(s)) {
        const event = this.#window.at(s.next++);
        if (event) s.sink.event(event);
      }
    } catch (err) {
      this.#deps.logger.error({ err, resource: this.prefix }, 'a watcher failed on an event');
      this.#watchers.delete(s);
      s.sink.end(errors.internal('the watch failed'));
    }
  }

  /** Begins a load. Watchers cannot be carried across it: what happened between is unknown. */
  beginLoad(): Load {
    if (this.#complete) {
      this.#before = this.revision;
      this.#loaded = Promise.withResolvers<void>();
      this.#window.reset(this.#before);
    }
    this.#load = { events: [], overflowed: false };
    this.endWatchers(errors.expired('The resourceVersion for the provided watch is too old.'));
    return this.#load;
  }

  /**
   * Ends a load with the state at `revision`.
   * @returns overflowed: more happened meanwhile than could be kept, load again; replaced: another load has begun since.
   */
  install(load: Load, items: readonly KeyValue[], revision: number): 'installed' | 'overflowed' | 'replaced' {
    if (load !== this.#load) return 'replaced';
    if (load.overflowed) return 'overflowed';
    this.#entries.clear();
    this.#unreadable.clear();
    for (const kv of items) {
      const entry = this.#decode(kv.key, kv.value, kv.modRevision);
      if (entry) this.#entries.set(entry);
      else this.#unreadable.add(kv.key);
    }
    this.#window.reset(revision);
    this.#loadedAt = revision;
    this.#load = undefined;
    for (const e of load.events) this.apply(e);
    this.#loaded.resolve();
    return 'installed';
  }

  /**
   * Looks into up to `most` objects that nobody has looked into: a value that begins and ends like one is taken for one, and
   * only its readers would notice. @returns how many, and whether one is none: then the cache is to be loaded anew, without it.
   */
  examine(most: number): { readonly looked: number; readonly isBroken: boolean } {
    let looked = 0;
    const visits = this.#complete ? Math.min(MOST_VISITS, this.#entries.size) : 0;
    for (let visited = 0; visited < visits && looked < most; visited++) {
      this.#next = (this.#next + 1) % this.#entries.size;
      const entry = this.#entries.at(this.#next);
      if (!entry?.isDoubted) continue;
      looked++;
      try {
        entry.check();
      } catch (err) {
        const key = this.prefix + entry.key;
        this.#deps.logger.error({ err, key, revision: entry.revision }, 'a stored object is broken');
        this.#broken.set(key, entry.revision);
        return { looked, isBroken: true };
      }
    }
    return { looked, isBroken: false };
  }

  markReady(): void {
    this.#ready.resolve();
  }

  /** One change below the prefix; called in revision order. */
  apply(e: StorageEvent): void {
    if (this.#load) {
      if (this.#load.events.length >= MAX_EVENTS_WHILE_LOADING) {
        this.#load.overflowed = true;
        this.#load.events.length = 0;
      }
      if (!this.#load.overflowed) this.#load.events.push(e);
      return;
    }
    if (e.modRevision <= this.#loadedAt) return;
    const event = this.#change(e);
    if (!event) return;
    this.#window.push(event, event.entry.size);
    for (const s of this.#watchers) this.#send(s);
    event.frames.forget();
    event.previous?.retire();
    if (event.type === 'DELETED') event.entry.retire();
  }

  #change(e: StorageEvent): SizedEvent | undefined {
    const { modRevision: revision } = e;
    const frames = new EventFrames();
    const entry = e.type === 'put' ? this.#decode(e.key, e.value, revision) : undefined;
    if (e.type === 'put' && !entry) this.#unreadable.add(e.key);
    else if (this.#unreadable.size > 0) this.#unreadable.delete(e.key);
    if (entry) {
      const previous = this.#entries.set(entry);
      if (!previous) return { type: 'ADDED', entry, revision, frames };
      return { type: 'MODIFIED', entry, previous, revision, frames };
    }
    // A value that cannot be read is shown as absent rather than as what it was before.
    const previous = this.#entries.delete(e.key.slice(this.prefix.length));
    return previous && { type: 'DELETED', entry: deletedEntry(previous, revision), previous, revision, frames };
  }

  #decode(key: string, value: Buffer, revision: number): SizedEntry | undefined {
    if (this.#broken.size > 0) {
      if (this.#broken.get(key) === revision) return undefined;
      this.#broken.delete(key);
    }
    try {
      return decodeEntry(this.#resource, key.slice(this.prefix.length), value, revision);
    } catch (err) {
      this.#deps.logger.error({ err, key, revision }, 'a stored object cannot be decoded');
      return undefined;
    }
  }

  /** Ends all watches. */
  endWatchers(error?: ReturnType<typeof errors.expired>): void {
    const watchers = [...this.#watchers];
    this.#watchers.clear();
    for (const { sink } of watchers) {
      try {
        sink.end(error);
      } catch (err) {
        this.#deps.logger.error({ err, resource: this.prefix }, 'a watcher failed at its end');
      }
    }
  }
}
