import type { Kind } from '#api/kind.ts';
import type { KubeObject, Stored } from '#api/meta/objectmeta.ts';

/** Options of every call. The default timeout of a call is 30 s. */
export interface CallOptions {
  signal?: AbortSignal;
  /** For the whole call, retries included. */
  timeoutMs?: number;
  /** Called right before each try goes onto the wire; what it throws ends the call unsent (fencing of old leaders). */
  guard?(): void;
}
export interface ListOptions extends CallOptions {
  /** Objects come with nothing but their metadata. */
  metadataOnly?: boolean;
  /** Objects come without `metadata.managedFields`: what is kept and not shown to anybody needs half the memory. */
  withoutManagedFields?: boolean;
  namespace?: string;
  labelSelector?: string;
  fieldSelector?: string;
  /** "0" = any version from the server's cache; unset = most recent. */
  resourceVersion?: string;
  limit?: number;
  continue?: string;
}
export interface ListResult<T extends KubeObject> {
  items: Stored<T>[];
  resourceVersion: string;
  continue?: string;
}
export interface WatchOptions extends CallOptions {
  /** Objects come with nothing but their metadata. */
  metadataOnly?: boolean;
  /** Objects come without `metadata.managedFields`: what is kept and not shown to anybody needs half the memory. */
  withoutManagedFields?: boolean;
  namespace?: string;
  labelSelector?: string;
  fieldSelector?: string;
  resourceVersion?: string;
  allowWatchBookmarks?: boolean;
  /** The server ends the watch after this many seconds. */
  timeoutSeconds?: number;
}
export type WatchEvent<T extends KubeObject> =
  | { type: 'ADDED' | 'MODIFIED' | 'DELETED'; object: Stored<T> }
  | { type: 'BOOKMARK'; object: { metadata: { resourceVersion: string } } };

export interface DeleteOptions extends CallOptions {
  gracePeriodSeconds?: number;
  propagationPolicy?: 'Foreground' | 'Background' | 'Orphan';
  preconditions?: { uid?: string; resourceVersion?: string };
}
export type PatchType = 'json' | 'merge' | 'strategic' | 'apply';

/**
 * Typed access to the API server. Every failure is a `StatusError` (API answered) or a `ConnectionError` (it did not).
 * Reads are retried a few times on connection loss and 429/503; writes are retried only when the request was never sent.
 */
export interface Client {
  get<T extends KubeObject>(kind: Kind<T>, name: string, namespace?: string, options?: CallOptions): Promise<Stored<T>>;
  list<T extends KubeObject>(kind: Kind<T>, options?: ListOptions): Promise<ListResult<T>>;
  /** Ends normally when the server closes the stream; throws StatusError on an ERROR event (410 Gone). */
  watch<T extends KubeObject>(kind: Kind<T>, options: WatchOptions): AsyncIterable<WatchEvent<T>>;
  /** Namespace from `object.metadata.namespace`. */
  create<T extends KubeObject>(kind: Kind<T>, object: T, options?: CallOptions): Promise<Stored<T>>;
  update<T extends KubeObject>(kind: Kind<T>, object: T, options?: CallOptions): Promise<Stored<T>>;
  updateStatus<T extends KubeObject>(kind: Kind<T>, object: T, options?: CallOptions): Promise<Stored<T>>;
  patch<T extends KubeObject>(
    kind: Kind<T>,
    target: { name: string; namespace?: string; subresource?: string },
    patch: { type: PatchType; body: unknown; fieldManager?: string; force?: boolean },
    options?: CallOptions,
  ): Promise<Stored<T>>;
  /** Resolves to the object as last seen, or the Status. */
  delete<T extends KubeObject>(
    kind: Kind<T>,
    name: string,
    namespace?: string,
    options?: DeleteOptions,
  ): Promise<unknown>;
  /** POST to a subresource such as pods/binding, serviceaccounts/token. */
  createSubresource<R = unknown>(
    kind: Kind,
    target: { name: string; namespace?: string; subresource: string },
    body: unknown,
    options?: CallOptions,
  ): Promise<R>;
  /** Any path, JSON in and out: discovery, /version, review kinds. */
  raw<R = unknown>(method: string, path: string, body?: unknown, options?: CallOptions): Promise<R>;
  close(): Promise<void>;
}

/** What a lister answers from; objects are shared and must not be changed. */
export interface Lister<T extends KubeObject> {
  get(name: string, namespace?: string): Stored<T> | undefined;
  list(namespace?: string): Iterable<Stored<T>>;
  /** Objects whose index `name` holds `value`. */
  byIndex(name: string, value: string): readonly Stored<T>[];
}

export interface InformerHandlers<T extends KubeObject> {
  onAdd?(o: Stored<T>): void;
  onUpdate?(old: Stored<T>, o: Stored<T>): void;
  /** `o` is the last known state; it may be stale when the deletion was seen by a re-list. */
  onDelete?(o: Stored<T>): void;
}

/** List-watch into a local cache, with re-list on 410, back-off on errors and bookmarks in use. */
export interface Informer<T extends KubeObject> {
  readonly lister: Lister<T>;
  /** Handlers run synchronously, in event order; a late handler first gets an onAdd for each cached object. */
  addHandlers(handlers: InformerHandlers<T>): void;
  /** Before start only. */
  addIndex(name: string, values: (o: Stored<T>) => readonly string[]): void;
  hasSynced(): boolean;
  /** Resolves at the first complete list, rejects when the signal aborts. */
  synced(signal?: AbortSignal): Promise<void>;
  /** resourceVersion of the newest event in the cache. */
  readonly resourceVersion: string;
}

export interface InformerOptions {
  /** Keep nothing but the metadata of objects. */
  metadataOnly?: boolean;
  namespace?: string;
  labelSelector?: string;
  fieldSelector?: string;
}

/** One informer per kind and filter, shared by all users in the process. */
export interface InformerFactory {
  informer<T extends KubeObject>(kind: Kind<T>, options?: InformerOptions): Informer<T>;
  /** Starts informers not started yet; safe to call again. They stop with the signal given to the factory. */
  start(): void;
  /** Ends an informer and forgets it: one asked for later begins anew. Its handlers hear nothing more. */
  stop(kind: Kind, options?: InformerOptions): void;
  /** All started informers have synced. */
  synced(signal?: AbortSignal): Promise<void>;
}

/** Writes Events, aggregated like client-go's recorder; never throws, never blocks (bounded buffer, drops the oldest). */
export interface EventRecorder {
  event(
    about: KubeObject & { metadata: { name: string; namespace?: string; uid?: string } },
    type: 'Normal' | 'Warning',
    reason: string,
    message: string,
  ): void;
  /** Waits until everything buffered is written or given up. */
  flush(): Promise<void>;
}
