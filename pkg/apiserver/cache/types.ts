import type { StatusError } from '#api/meta/errors.ts';
import type { KubeObject, Stored } from '#api/meta/objectmeta.ts';

/** One object of the watch cache: parsed once, encoded once. Shared by all readers: never change it. */
export interface CacheEntry {
  /** Storage key below the resource's prefix: "namespace/name" or "name". */
  readonly key: string;
  readonly object: Stored<KubeObject>;
  /** The object as JSON, resourceVersion, apiVersion and kind in it. */
  readonly bytes: Buffer;
  /** etcd mod_revision = the object's resourceVersion. */
  readonly revision: number;
}

export interface CacheEvent {
  readonly type: 'ADDED' | 'MODIFIED' | 'DELETED';
  /** For DELETED: the last state, carrying the revision of the deletion. */
  readonly entry: CacheEntry;
  /** State before; absent for ADDED. */
  readonly previous?: CacheEntry;
  readonly revision: number;
  /** Encoded watch frames, filled lazily by whoever sends them first, one per event type as a watcher sees it. */
  readonly frames: { ADDED?: Buffer; MODIFIED?: Buffer; DELETED?: Buffer };
}

/** A watcher's end of the cache. Called synchronously, in revision order. */
export interface WatchSink {
  event(e: CacheEvent): void;
  /** The cache itself ended the watch (shutdown, lost etcd history). */
  end(error?: StatusError): void;
}

/** The watch cache of one resource. All resources are fed by one ordered etcd watch on the whole registry. */
export interface ResourceCache {
  /** Everything up to this etcd revision is in the cache: also what bookmarks carry. */
  readonly revision: number;
  /** Resolves once the first complete load is done. */
  ready(signal?: AbortSignal): Promise<void>;
  /** Resolves when `revision` is reached; throws a 504 Timeout "Too large resource version" StatusError after `timeoutMs`. */
  waitUntil(revision: number, timeoutMs: number): Promise<void>;
  /** Linearizable: waits until the cache holds every write that finished before the call. Concurrent calls share one etcd read. */
  consistent(timeoutMs: number): Promise<void>;
  get(key: string): CacheEntry | undefined;
  /** Entries whose key starts with `prefix` ("" = all, "ns/" = one namespace), in key order. Do not change the array. */
  list(prefix: string): readonly CacheEntry[];
  readonly size: number;
  /**
   * Sends every event after revision `from`, first the remembered ones, then live ones. Throws a 410 Expired
   * StatusError ("too old resource version: FROM (OLDEST)") when `from` is before the remembered window.
   * @returns function that ends the watch.
   */
  watch(from: number, sink: WatchSink): () => void;
}
