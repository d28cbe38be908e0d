/**
 * A revisioned key-value store, in the terms of etcd: every write raises one global revision, the present state and the
 * recent past can be read at a revision, and changes can be followed from any revision that is not compacted away.
 * Keys are ASCII strings in byte order, values are opaque.
 */
export interface Storage {
  /** A linearizable read. */
  get(key: string): Promise<KeyValue | undefined>;
  /**
   * Keys below `prefix` in key order, linearizable unless a revision is given. Without a limit the pages are read at one
   * revision and joined. @throws StorageError compacted
   */
  list(prefix: string, options?: ListOptions): Promise<ListResult>;
  /** @returns the new key's revision. @throws StorageError exists */
  create(key: string, value: Buffer, options?: WriteOptions): Promise<number>;
  /**
   * Replaces the value last written at `expectedModRevision`; a time to live not given again ends.
   * @returns the new revision. @throws StorageError conflict, missing
   */
  update(key: string, value: Buffer, expectedModRevision: number, options?: WriteOptions): Promise<number>;
  /** @returns the revision of the deletion. @throws StorageError conflict, missing */
  delete(key: string, expectedModRevision: number): Promise<number>;
  /** Writes whatever is there: only for markers that hold no state. @returns the new revision. */
  put(key: string, value: Buffer): Promise<number>;
  /** Follows all changes below `prefix` whose revision is `fromRevision` or later, until the signal aborts. */
  watch(prefix: string, fromRevision: number, options: WatchOptions): Watch;
  /** One linearizable read: no smaller than the revision of any write that has been answered. */
  currentRevision(): Promise<number>;
  /** Forgets the history before `revision`. Compacting what is compacted already is no error. */
  compact(revision: number): Promise<void>;
  /** Resolves when the store answers a linearizable read in time. @throws StorageError unavailable */
  health(timeoutMs: number): Promise<void>;
  close(): Promise<void>;
  /** Whether values of this key are kept in a form of their own (encrypted), so that `outdated` matters. */
  mayBeOutdated?(key: string): boolean;
  /** Whether the value is stored in another form than it would be written in now: writing it again has an effect. */
  outdated?(key: string): Promise<boolean>;
  /** Calls when values that could not be read before may be readable now: there are other keys. */
  onOtherKeys?(listener: () => void): void;
}

export interface KeyValue {
  readonly key: string;
  readonly value: Buffer;
  /** Revision of the last write. */
  readonly modRevision: number;
  /** Revision of the write that made the key. */
  readonly createRevision: number;
}

export interface ListOptions {
  /** Most items to return. */
  readonly limit?: number;
  /** Only keys after this one. */
  readonly after?: string;
  /** State at this revision; default: now. */
  readonly revision?: number;
}

export interface ListResult {
  readonly items: readonly KeyValue[];
  /** The revision whose state this is. */
  readonly revision: number;
  readonly more: boolean;
  /** How many keys follow the last item. */
  readonly remaining: number;
}

export interface WriteOptions {
  /** The key goes away by itself, at the earliest after this many seconds. */
  readonly ttlSeconds?: number;
}

export interface StorageEvent {
  readonly type: 'put' | 'delete';
  readonly key: string;
  /** Empty for a deletion. */
  readonly value: Buffer;
  readonly modRevision: number;
  /** For a put: the revision of the write that made the key. 0 for a deletion. */
  readonly createRevision: number;
  /** State before, if asked for and not compacted. */
  readonly previous?: KeyValue;
}

export interface WatchOptions {
  /**
   * Called in revision order, without gaps or repeats; all events of one revision come in the same batch. Must not
   * throw.
   */
  onEvents(events: readonly StorageEvent[]): void;
  /** Also report the state before each event. */
  readonly previous?: boolean;
  readonly signal: AbortSignal;
}

export interface Watch {
  /**
   * Resolves after the signal aborted. Rejects with StorageError compacted when events were lost: at `fromRevision` or
   * at a resumption. A lost connection is no reason to end.
   */
  readonly done: Promise<void>;
  /** For a consumer that knows it is behind: drop the connection and resume through another server. */
  reconnect(): void;
}

export type StorageErrorKind =
  /** create: the key is there. */
  | 'exists'
  /** update, delete: the key was written since. */
  | 'conflict'
  /** update, delete: no such key. */
  | 'missing'
  /** The revision asked for is no longer kept. */
  | 'compacted'
  /** Nobody answered in time; a write may or may not have happened. */
  | 'unavailable'
  | 'noSpace'
  | 'tooLarge';

/** Every expected failure of a Storage. */
export class StorageError extends Error {
  readonly kind: StorageErrorKind;
  /** exists, conflict: what is there instead, if known. */
  readonly current?: KeyValue;
  /** compacted: the oldest revision still kept, if known. */
  readonly compactRevision?: number;

  constructor(
    kind: StorageErrorKind,
    message: string,
    options: ErrorOptions & { current?: KeyValue; compactRevision?: number } = {},
  ) {
    super(message, options);
    this.name = 'StorageError';
    this.kind = kind;
    if (options.current) this.current = options.current;
    if (options.compactRevision !== undefined) this.compactRevision = options.compactRevision;
  }
}

/** Whether `e` is a StorageError of this kind. */
export const isStorageError = (e: unknown, kind: StorageErrorKind): e is StorageError =>
  e instanceof StorageError && e.kind === kind;
