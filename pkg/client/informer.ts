import type { Kind } from '#api/kind.ts';
import { isGone } from '#api/meta/errors.ts';
import type { KubeObject, Stored } from '#api/meta/objectmeta.ts';
import { type Backoff, createBackoff } from '#async/backoff.ts';
import type { Clock } from '#async/clock.ts';
import { abortable } from '#async/signals.ts';
import type { Logger } from '#process/logger.ts';
import { ConnectionError } from './connection-error.ts';
import { deepFreeze } from './freeze.ts';
import { isNewer, isTooLargeVersion } from './resource-version.ts';
import { ObjectStore, objectKeyOf } from './store.ts';
import type { Client, Informer, InformerHandlers, InformerOptions, Lister, WatchEvent } from './types.ts';

export interface InformerDeps {
  readonly client: Client;
  readonly clock: Clock;
  readonly logger: Logger;
  /**
   * The first list asks for the newest state instead of any: slower by a round trip to storage, but a process that
   * restarts against a lagging server does not start from the past.
   */
  readonly consistentStart?: boolean;
}

/** The server ends a watch after five to ten minutes, spread so that clients do not come back all at once. */
const MIN_WATCH_S = 300;
const LIST_TIMEOUT_MS = 60_000;
/** A watch that ends sooner is a failing server, not a normal end. */
const SHORT_WATCH_MS = 1000;
/** A watch that lived this long worked, even if nothing happened. */
const HEALTHY_WATCH_MS = 10_000;
/** A lagging server knows our version soon; one that does not after so many tries has lost its history. */
const MAX_TOO_LARGE = 3;

/** What the next list asks for: a version not older than ours (any, at first), or the newest there is. */
type ListMode = 'none' | 'cached' | 'newest';

/** Keeps objects, without their managedFields. List once, then follow; after a break go on from the last version seen, and list again only when history is gone. */
export class ListWatchInformer<T extends KubeObject> implements Informer<T> {
  readonly #kind: Kind<T>;
  readonly #options: InformerOptions;
  readonly #deps: InformerDeps;
  readonly #store = new ObjectStore<T>();
  readonly #handlers: InformerHandlers<T>[] = [];
  readonly #backoff: Backoff;
  readonly #sync = Promise.withResolvers<void>();
  #version = '';
  #list: ListMode;
  #synced = false;
  #started = false;
  #failures = 0;
  #tooLarge = 0;

  constructor(kind: Kind<T>, options: InformerOptions, deps: InformerDeps) {
    this.#kind = kind;
    this.#options = options;
    this.#deps = deps;
    this.#list = deps.consistentStart ? 'newest' : 'cached';
    this.#backoff = createBackoff({ clock: deps.clock, initialMs: 800, maxMs: 30_000, jitter: 1 });
  }

  get lister(): Lister<T> {
    return this.#store;
  }

  get resourceVersion(): string {
    return this.#version;
  }

  get started(): boolean {
    return this.#started;
  }

  hasSynced(): boolean {
    return this.#synced;
  }

  synced(signal?: AbortSignal): Promise<void> {
    return abortable(this.#sync.promise, signal);
  }

  addHandlers(handlers: InformerHandlers<T>): void {
    this.#handlers.push(handlers);
    for (const o of this.#store.list()) this.#call(() => handlers.onAdd?.(o));
  }

  addIndex(name: string, values: (o: Stored<T>) => readonly string[]): void {
    this.#store.addIndex(name, values);
  }

  /** Runs until the signal aborts. Rejects only for a defect of its own. */
  async run(signal: AbortSignal): Promise<void> {
    this.#started = true;
    const { clock } = this.#deps;
    while (!signal.aborted) {
      let wait = 0;
      let since = Number.POSITIVE_INFINITY;
      try {
        if (this.#list !== 'none') await this.#listAll(signal);
        since = clock.now();
        const progressed = await this.#watch(signal);
        if (!progressed && clock.now() - since < SHORT_WATCH_MS) wait = this.#backoff.next('short');
        else this.#backoff.reset('short');
      } catch (err) {
        if (signal.aborted) return;
        if (clock.now() - since >= HEALTHY_WATCH_MS) this.#succeeded();
        wait = this.#failed(err);
      }
      if (wait > 0) await clock.sleep(wait, signal).catch(() => {});
    }
  }

  /** Decides how to go on. @returns milliseconds to wait. */
  #failed(err: unknown): number {
    const { logger } = this.#deps;
    const kind = this.#kind.kind;
    if (isGone(err)) {
      this.#list = 'cached';
      logger.info({ kind, version: this.#version }, 'history is gone, listing again');
      // The first re-list is immediate; a server that keeps saying so is asked ever more slowly.
      const wait = this.#backoff.remaining('gone');
      this.#backoff.next('gone');
      return wait;
    }
    if (isTooLargeVersion(err) && ++this.#tooLarge >= MAX_TOO_LARGE) this.#list = 'newest';
    this.#failures++;
    const wait = this.#backoff.next('error');
    // A lost connection needs no stack trace: it happens at every restart of a server.
    const reason = err instanceof ConnectionError ? { reason: err.message } : { err };
    const fields = { ...reason, kind, failures: this.#failures, waitMs: Math.round(wait) };
    if (this.#failures === 1) logger.warn(fields, 'list-watch failed, will retry');
    else logger.debug(fields, 'list-watch failed again, will retry');
    return wait;
  }

  /** The server answered properly. */
  #succeeded(): void {
    if (this.#failures > 0) this.#deps.logger.info({ kind: this.#kind.kind }, 'list-watch works again');
    this.#failures = 0;
    this.#tooLarge = 0;
    this.#backoff.reset('error');
  }

  async #listAll(signal: AbortSignal): Promise<void> {
    const newest = this.#list === 'newest';
    const list = await this.#deps.client.list(this.#kind, {
      ...this.#options,
      // Never older than what was seen: a lagging server must not take the cache back in time.
      ...(newest ? {} : { resourceVersion: this.#version || '0' }),
      withoutManagedFields: true,
      timeoutMs: LIST_TIMEOUT_MS,
      signal,
    });
    const older = this.#version !== '' && isNewer(this.#version, list.resourceVersion);
    if (older) {
      const fields = { kind: this.#kind.kind, seen: this.#version, listed: list.resourceVersion };
      if (!newest) {
        this.#list = 'newest';
        this.#deps.logger.warn(fields, 'the server listed an older state than was seen, asking for the newest');
        return this.#listAll(signal);
      }
      this.#deps.logger.warn(fields, 'the newest state is older than what was seen: storage was restored');
    }
    this.#replace(list.items, older);
    this.#version = list.resourceVersion;
    this.#list = 'none';
    this.#succeeded();
    if (this.#synced) return;
    this.#synced = true;
    this.#sync.resolve();
  }

  /** @param backInTime the items replace newer ones. */
  #replace(items: readonly Stored<T>[], backInTime: boolean): void {
    const seen = new Set<string>();
    for (const o of items) {
      const key = objectKeyOf(o);
      seen.add(key);
      this.#upsert(key, o, backInTime);
    }
    if (seen.size === this.#store.size) return;
    for (const key of [...this.#store.keys()]) if (!seen.has(key)) this.#remove(key);
  }

  /** @returns whether anything was received. */
  async #watch(signal: AbortSignal): Promise<boolean> {
    const events = this.#deps.client.watch(this.#kind, {
      ...this.#options,
      resourceVersion: this.#version,
      withoutManagedFields: true,
      allowWatchBookmarks: true,
      timeoutSeconds: Math.round(MIN_WATCH_S * (1 + Math.random())),
      signal,
    });
    let progressed = false;
    for await (const e of events) {
      this.#apply(e);
      if (progressed) continue;
      progressed = true;
      this.#succeeded();
    }
    return progressed;
  }

  #apply(e: WatchEvent<T>): void {
    if (e.type === 'ADDED' || e.type === 'MODIFIED') this.#upsert(objectKeyOf(e.object), e.object, false);
    else if (e.type === 'DELETED') this.#deleted(e.object);
    if (!isNewer(this.#version, e.object.metadata.resourceVersion)) this.#version = e.object.metadata.resourceVersion;
  }

  #deleted(last: Stored<T>): void {
    const key = objectKeyOf(last);
    const known = this.#store.byKey(key);
    // An object made anew under the name outlives the news of its predecessor's end.
    if (known && isNewer(known.metadata.resourceVersion, last.metadata.resourceVersion)) return;
    this.#remove(key, deepFreeze(last));
  }

  #upsert(key: string, o: Stored<T>, backInTime: boolean): void {
    const known = this.#store.byKey(key)?.metadata;
    if (known) {
      if (known.resourceVersion === o.metadata.resourceVersion && known.uid === o.metadata.uid) return;
      if (!backInTime && isNewer(known.resourceVersion, o.metadata.resourceVersion)) return;
    }
    const old = this.#store.set(key, deepFreeze(o));
    if (old && old.metadata.uid !== o.metadata.uid) {
      // Deleted and made anew between two looks: users must see both.
      this.#each((h) => h.onDelete?.(old));
      this.#each((h) => h.onAdd?.(o));
    } else if (old) this.#each((h) => h.onUpdate?.(old, o));
    else this.#each((h) => h.onAdd?.(o));
  }

  #remove(key: string, last?: Stored<T>): void {
    const old = this.#store.delete(key);
    if (old) this.#each((h) => h.onDelete?.(last ?? old));
  }

  #each(call: (h: InformerHandlers<T>) => void): void {
    for (const h of this.#handlers) this.#call(() => call(h));
  }

  #call(fn: () => void): void {
    try {
      fn();
    } catch (err) {
      this.#deps.logger.error({ err, kind: this.#kind.kind }, 'an informer handler failed');
    }
  }
}
