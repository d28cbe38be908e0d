import { errors, StatusError } from '#api/meta/errors.ts';
import type { KubeObject, Stored } from '#api/meta/objectmeta.ts';
import { type KeyValue, type Storage, StorageError } from '#storage/storage.ts';
import type { Resource } from './resource.ts';

/** An object together with its JSON as clients get it. */
export interface Encoded {
  readonly object: Stored<KubeObject>;
  readonly bytes: Buffer;
}

/** What a change function wants done with the current object. */
export type Change =
  | { readonly do: 'write'; readonly object: KubeObject }
  | { readonly do: 'delete' }
  /** The object stays as it is; only how it is stored may be out of date. */
  | { readonly do: 'keep' }
  /** Nothing to write: answer with this object. */
  | { readonly do: 'nothing' };

interface Current extends Encoded {
  readonly revision: number;
}

/** An object after a change, or as it was before it was deleted. */
export interface Changed extends Encoded {
  readonly deleted: boolean;
  /** Of the write or the deletion; where there was nothing to do, of the object. */
  readonly revision: number;
}

/** Unconditional changes are retried this often against other writers before the client gets the conflict. */
const MAX_ATTEMPTS = 10;
/** A cache that has not caught up in this time, milliseconds, is not waited for: the object is read from etcd instead. */
const CACHE_MS = 1000;

/** Maps storage failures to what clients are told; the one place where this is decided. */
export function toStatusError(e: unknown, resource: Resource, name: string): unknown {
  if (!(e instanceof StorageError)) return e;
  switch (e.kind) {
    case 'exists':
      return errors.alreadyExists(resource.ref, name);
    case 'conflict':
      return errors.modified(resource.ref, name);
    case 'missing':
      return errors.notFound(resource.ref, name);
    case 'compacted':
      return errors.expired('The provided resource version is too old; list again.');
    case 'tooLarge':
      return errors.tooLarge(`Request entity too large: limit is 1.5 MiB: ${e.message}`);
    case 'noSpace':
      return errors.internal(
        `etcd is out of space; free it with "cox cluster defrag" or raise its quota: ${e.message}`,
      );
    case 'unavailable':
      return errors.unavailable(`etcd is not answering: ${e.message}`);
  }
}

/** @throws StatusError 500 which says where what is none lies: nothing but etcd's own tools can change it. */
function objectIn({ key, value, modRevision }: KeyValue): KubeObject {
  try {
    return JSON.parse(value.toString()) as KubeObject;
  } catch (e) {
    throw errors.internal(
      `the value of "${key}" in etcd (revision ${modRevision}) is no object: ${(e as Error).message}; "etcdctl del" removes it`,
    );
  }
}

/** Whether a write that failed like this may have been made nevertheless: what was reserved for it must stay reserved. */
export const outcomeUnknown = (e: unknown): boolean => e instanceof StatusError && e.status.code === 503;

/** Reads and writes objects of one resource. Every write is one etcd transaction guarded by mod_revision. */
export class ObjectStore {
  readonly #resource: Resource;
  readonly #storage: Storage;

  constructor(resource: Resource, storage: Storage) {
    this.#resource = resource;
    this.#storage = storage;
  }

  #encoded(object: KubeObject, stored: Buffer, revision: number): Current {
    const { kind, apiVersion, encoding } = this.#resource;
    const withVersion = {
      ...object,
      kind: kind.kind,
      apiVersion,
      metadata: { ...object.metadata, resourceVersion: String(revision) },
    } as Stored<KubeObject>;
    return { object: withVersion, bytes: encoding.withVersion(stored, revision), revision };
  }

  async create(key: string, name: string, object: KubeObject): Promise<Encoded> {
    const stored = this.#resource.encoding.encode(object);
    try {
      const revision = await this.#storage.create(this.#resource.prefix + key, stored, this.#ttl());
      return this.#encoded(object, stored, revision);
    } catch (e) {
      throw toStatusError(e, this.#resource, name);
    }
  }

  /** A quorum read. @throws StatusError 404 */
  async read(key: string, name: string): Promise<Encoded & { revision: number }> {
    try {
      const kv = await this.#storage.get(this.#resource.prefix + key);
      if (!kv) throw errors.notFound(this.#resource.ref, name);
      const stored = objectIn(kv);
      const { apiVersion = this.#resource.apiVersion } = stored;
      const current = this.#encoded(stored, kv.value, kv.modRevision);
      return this.#upToDate({ ...current, object: { ...current.object, apiVersion } });
    } catch (e) {
      throw toStatusError(e, this.#resource, name);
    }
  }

  /**
   * Changes one object: `decide` sees the current state (possibly a slightly stale cached one) and says what to do.
   * What it throws, a lost race, and that there is nothing to do count only when they hold for the state etcd has.
   */
  async change(
    key: string,
    name: string,
    decide: (current: Stored<KubeObject>) => Change | Promise<Change>,
  ): Promise<Changed> {
    const cached = this.#cached(key);
    const aged = cached && cached.object.apiVersion !== this.#resource.apiVersion;
    let current = aged ? await this.#upToDate(cached) : cached;
    let fresh = false;
    for (let attempt = 1; ; attempt++) {
      if (!current) {
        current = await this.read(key, name);
        fresh = true;
      }
      try {
        const change = await decide(current.object);
        const idle = change.do === 'nothing' || change.do === 'keep';
        if (fresh || !idle || (await this.#isLatest(key, current))) return await this.#attempt(key, current, change);
        current = undefined;
      } catch (e) {
        const lostRace = e instanceof StorageError && (e.kind === 'conflict' || e.kind === 'missing');
        const maybeStale = !fresh && e instanceof StatusError;
        if (!(lostRace || maybeStale) || attempt >= MAX_ATTEMPTS) throw toStatusError(e, this.#resource, name);
        current = undefined;
        fresh = false;
      }
    }
  }

  /**
   * Only a write that changes nothing would not notice that it was decided by an older state. The cache is asked once it
   * holds all that was written before: that costs one small read of etcd for all who ask at the same time.
   */
  async #isLatest(key: string, { revision }: Current): Promise<boolean> {
    const { cache } = this.#resource;
    await cache.consistent(CACHE_MS);
    return cache.get(key)?.revision === revision;
  }

  /** The object in the version it would be stored in now. */
  async #upToDate(current: Current): Promise<Current> {
    const { upToDate, apiVersion } = this.#resource;
    if (current.object.apiVersion === apiVersion) return current;
    const object = upToDate ? await upToDate(current.object) : { ...current.object, apiVersion };
    return { object, bytes: Buffer.from(JSON.stringify(object)), revision: current.revision };
  }

  /** Whether writing it again, unchanged, has an effect: it is encrypted otherwise, or in an older version. */
  async #outdated(path: string): Promise<boolean> {
    if (await this.#storage.outdated?.(path)) return true;
    if (!this.#resource.upToDate) return false;
    const kv = await this.#storage.get(path);
    return kv !== undefined && !this.#resource.encoding.isCurrent(kv.value);
  }

  async #attempt(key: string, current: Current, change: Change): Promise<Changed> {
    const path = this.#resource.prefix + key;
    const { object, bytes } = current;
    if (change.do === 'nothing') return { object, bytes, revision: current.revision, deleted: false };
    if (change.do === 'keep') {
      if (!(await this.#outdated(path))) return this.#attempt(key, current, { do: 'nothing' });
      return this.#attempt(key, current, { do: 'write', object: current.object });
    }
    if (change.do === 'delete') {
      const revision = await this.#storage.delete(path, current.revision);
      return { object, bytes, revision, deleted: true };
    }
    const stored = this.#resource.encoding.encode(change.object);
    const revision = await this.#storage.update(path, stored, current.revision, this.#ttl());
    return { ...this.#encoded(change.object, stored, revision), deleted: false };
  }

  #cached(key: string): Current | undefined {
    return this.#resource.cache.get(key);
  }

  #ttl(): { ttlSeconds?: number } {
    const { ttlSeconds } = this.#resource.kind;
    return ttlSeconds === undefined ? {} : { ttlSeconds };
  }
}
