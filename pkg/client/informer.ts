import type { Kind } from '#api/kind.ts';
import { isGone } from '#api/meta/errors.ts';
import type { KubeObject, Stored } from '#api/meta/objectmeta.ts';
import { createBackoff } from '#async/backoff.ts';
import type { Clock } from '#async/clock.ts';
import { abortable } from '#async/signals.ts';
import type { Logger } from '#process/logger.ts';
import { deepFreeze } from './freeze.ts';
import { ObjectStore, objectKeyOf } from './store.ts';
import type { Client, Informer, InformerHandlers, InformerOptions, Lister, WatchEvent } from './types.ts';

export interface InformerDeps {
  readonly client: Client;
  readonly clock: Clock;
  readonly logger: Logger;
}

/** The server ends a watch after five to ten minutes, spread so that clients do not come back all at once. */
const MIN_WATCH_S = 300;
const LIST_TIMEOUT_MS = 60_000;

/** List once, then follow; after a break go on from the last version seen, and list again only when history is gone. */
export class ListWatchInformer<T extends KubeObject> implements Informer<T> {
  readonly #kind: Kind<T>;
  readonly #options: InformerOptions;
  readonly #deps: InformerDeps;
  readonly #store = new ObjectStore<T>();
  readonly #handlers: InformerHandlers<T>[] = [];
  #version = '';
  #synced = false;
  #started = false;
  readonly #firstSync: Promise<void>;
  #resolveSync: () => void = () => {};

  constructor(kind: Kind<T>, options: InformerOptions, deps: InformerDeps) {
    this.#kind = kind;
    this.#options = options;
    this.#deps = deps;
    this.#firstSync = new Promise((resolve) => {
      this.#resolveSync = resolve;
    });
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
    return abortable(this.#firstSync, signal);
  }

  addHandlers(handlers: InformerHandlers<T>): void {
    this.#handlers.push(handlers);
    for (const o of this.#store.list()) this.#call(() => handlers.onAdd?.(o));
  }

  addIndex(name: string, values: (o: Stored<T>) => readonly string[]): void {
    this.#store.addIndex(name, values);
  }

  /** Runs until the signal aborts. */
  async run(signal: AbortSignal): Promise<void> {
    this.#started = true;
    const { clock, logger } = this.#deps;
    const backoff = createBackoff({ clock, initialMs: 800, maxMs: 30_000, resetAfterMs: 120_000, jitter: 1 });
    let relist = true;
    while (!signal.aborted) {
      try {
        if (relist) await this.#list(signal);
        relist = false;
        await this.#watch(signal);
      } catch (err) {
        if (signal.aborted) return;
        if (isGone(err)) {
          relist = true;
          logger.info({ kind: this.#kind.kind, version: this.#version }, 'history is gone, listing again');
          // The first re-list is immediate; a server that keeps saying so is asked ever more slowly.
          if (backoff.remaining('gone') > 0) await clock.sleep(backoff.remaining('gone'), signal).catch(() => {});
          backoff.next('gone');
          continue;
        }
        logger.warn({ err, kind: this.#kind.kind }, 'list-watch failed, will retry');
        await clock.sleep(backoff.next('error'), signal).catch(() => {});
      }
    }
  }

  async #list(signal: AbortSignal): Promise<void> {
    // Never older than what was seen: a lagging server must not take the cache back in time.
    const list = await this.#deps.client.list(this.#kind, {
      ...this.#options,
      resourceVersion: this.#version || '0',
      timeoutMs: LIST_TIMEOUT_MS,
      signal,
    });
    const seen = new Set<string>();
    for (const o of list.items) {
      const key = objectKeyOf(o);
      seen.add(key);
      this.#upsert(key, o);
    }
    for (const key of [...this.#store.keys()]) if (!seen.has(key)) this.#remove(key);
    this.#version = list.resourceVersion;
    if (!this.#synced) {
      this.#synced = true;
      this.#resolveSync();
    }
  }

  async #watch(signal: AbortSignal): Promise<void> {
    const events = this.#deps.client.watch(this.#kind, {
      ...this.#options,
      resourceVersion: this.#version,
      allowWatchBookmarks: true,
      timeoutSeconds: Math.round(MIN_WATCH_S * (1 + Math.random())),
      signal,
    });
    for await (const e of events) this.#apply(e);
  }

  #apply(e: WatchEvent<T>): void {
    const version = e.object.metadata.resourceVersion;
    if (e.type === 'ADDED' || e.type === 'MODIFIED') this.#upsert(objectKeyOf(e.object), e.object);
    else if (e.type === 'DELETED') this.#remove(objectKeyOf(e.object), e.object);
    this.#version = version;
  }

  #upsert(key: string, o: Stored<T>): void {
    const known = this.#store.byKey(key);
    if (known) {
      if (known.metadata.resourceVersion === o.metadata.resourceVersion) return;
      if (Number(o.metadata.resourceVersion) < Number(known.metadata.resourceVersion)) return;
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
