import type { StatusError } from '#api/meta/errors.ts';
import type { KubeObject, Stored } from '#api/meta/objectmeta.ts';

/** One object of the watch cache: parsed and encoded once at most. Shared by all readers: never change it. */
export interface CacheEntry {
  /** Storage key below the resource's prefix: "namespace/name" or "name". */
  readonly key: string;
  readonly object: Stored<KubeObject>;
  /** The object as JSON, resourceVersion, apiVersion and kind in it. */
  readonly bytes: Buffer;
  /** etcd mod_revision = the object's resourceVersion. */
  readonly revision: number;
}

type EventType = 'ADDED' | 'MODIFIED' | 'DELETED';

/** The encoded forms of an event, each made by whoever sends it first. */
export class EventFrames {
  #made: Map<string, Buffer> | undefined;

  /** @param form tells apart what is made of the event: version, encoding, type as the watcher sees it */
  of(form: string, make: () => Buffer): Buffer {
    this.#made ??= new Map();
    let frame = this.#made.get(form);
    if (!frame) {
      frame = make();
      this.#made.set(form, frame);
    }
    return frame;
  }

  /** One that `of` has made already. */
  known(form: string): Buffer | undefined {
    return this.#made?.get(form);
  }

  /** Those who follow have theirs; whoever comes back for history has them made again. */
  forget(): void {
    this.#made = undefined;
  }
}

export interface CacheEvent {
  readonly type: EventType;
  /** For DELETED: the last state, carrying the revision of the deletion. */
  readonly entry: CacheEntry;
  /** State before; absent for ADDED. */
  readonly previous?: CacheEntry;
  readonly revision: number;
  /** Shared by all versions of the object. */
  readonly frames: EventFrames;
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
  /** Linearizable: waits until the cache holds every write that finished before the call. Concurrent calls share one etcd read. By default it has the time that a write has. */
  consistent(timeoutMs?: number): Promise<void>;
  get(key: string): CacheEntry | undefined;
  /** Entries whose key starts with `prefix` ("" = all, "ns/" = one namespace), in key order. Do not change the array. */
  list(prefix: string): readonly CacheEntry[];
  /**
   * The state below `prefix` as it was at `revision`, in key order, as far as the remembered events tell.
   * @returns undefined when they do not reach back that far.
   */
  listAt(prefix: string, revision: number): readonly CacheEntry[] | undefined;
  /** An entry from what the store holds; undefined when the value cannot be read. */
  decode(kv: { readonly key: string; readonly value: Buffer; readonly modRevision: number }): CacheEntry | undefined;
  /** Whether something is stored there that cannot be read: it is not shown, and the store says why. */
  isUnreadable(key: string): boolean;
  readonly size: number;
  /**
   * For caches whose objects take somebody else's help: call it before looking at `object` or `bytes` of entries.
   * @returns undefined when there is nothing to wait for. @throws StatusError 500
   */
  prepare?(entries: readonly CacheEntry[]): Promise<void> | undefined;
  /** Everything up to here has reached all watchers; default: `revision`. */
  readonly delivered?: number;
  /**
   * Sends every event after revision `from`, first the remembered ones, then live ones. Throws a 410 Expired
   * StatusError ("too old resource version: FROM (OLDEST)") when `from` is before the remembered window.
   * @returns function that ends the watch.
   */
  watch(from: number, sink: WatchSink): () => void;
}
