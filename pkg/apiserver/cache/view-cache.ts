import type { KubeObject, Stored } from '#api/meta/objectmeta.ts';
import type { KeyValue } from '#storage/storage.ts';
import type { CacheEntry, CacheEvent, ResourceCache, WatchSink } from './types.ts';

/** An entry that shows another one in another form; its bytes are made when first asked for. */
export abstract class ViewEntry implements CacheEntry {
  readonly key: string;
  readonly revision: number;
  readonly stored: CacheEntry;
  #bytes: Buffer | undefined;

  constructor(stored: CacheEntry) {
    this.key = stored.key;
    this.revision = stored.revision;
    this.stored = stored;
  }

  abstract get object(): Stored<KubeObject>;

  get bytes(): Buffer {
    this.#bytes ??= Buffer.from(JSON.stringify(this.object));
    return this.#bytes;
  }
}

/**
 * A watch cache seen in another form. There is one entry of the view for one of the cache, whoever asks, and its events
 * have the frames of the cache's: what is made for one reader is there for all.
 */
export abstract class ViewCache<E extends ViewEntry> implements ResourceCache {
  protected readonly stored: ResourceCache;
  readonly #entries = new WeakMap<CacheEntry, E>();

  constructor(stored: ResourceCache) {
    this.stored = stored;
  }

  /** Called once for each entry of the cache beneath. */
  protected abstract make(stored: CacheEntry): E;

  protected entry(stored: CacheEntry): E {
    let entry = this.#entries.get(stored);
    if (!entry) {
      entry = this.make(stored);
      this.#entries.set(stored, entry);
    }
    return entry;
  }

  protected event({ type, revision, entry, previous, frames }: CacheEvent): CacheEvent {
    const seen = previous ? { previous: this.entry(previous) } : {};
    return { type, revision, entry: this.entry(entry), ...seen, frames };
  }

  get revision(): number {
    return this.stored.revision;
  }

  get size(): number {
    return this.stored.size;
  }

  ready(signal?: AbortSignal): Promise<void> {
    return this.stored.ready(signal);
  }

  waitUntil(revision: number, timeoutMs: number): Promise<void> {
    return this.stored.waitUntil(revision, timeoutMs);
  }

  consistent(timeoutMs?: number): Promise<void> {
    return this.stored.consistent(timeoutMs);
  }

  get(key: string): CacheEntry | undefined {
    const stored = this.stored.get(key);
    return stored && this.entry(stored);
  }

  isUnreadable(key: string): boolean {
    return this.stored.isUnreadable(key);
  }

  list(prefix: string): readonly CacheEntry[] {
    return this.stored.list(prefix).map((e) => this.entry(e));
  }

  listAt(prefix: string, revision: number): readonly CacheEntry[] | undefined {
    return this.stored.listAt(prefix, revision)?.map((e) => this.entry(e));
  }

  decode(kv: KeyValue): CacheEntry | undefined {
    const stored = this.stored.decode(kv);
    return stored && this.entry(stored);
  }

  abstract watch(from: number, sink: WatchSink): () => void;
}
