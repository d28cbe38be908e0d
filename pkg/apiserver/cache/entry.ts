import { errors } from '#api/meta/errors.ts';
import type { KubeObject, Stored } from '#api/meta/objectmeta.ts';
import type { CacheEntry } from './types.ts';

/** A resource as the cache needs to know it. */
export interface CachedResource {
  /** API group, "" for core. */
  readonly group: string;
  readonly plural: string;
  readonly apiVersion: string;
  readonly kind: string;
  /** Stored bytes → object; default: JSON. For values that are encrypted at rest. */
  readonly decode?: (stored: Buffer) => KubeObject;
  /** Objects keep the apiVersion they were stored in; default: they are all taken for `apiVersion`. */
  readonly asStored?: boolean;
  /** A cheaper way to the client's bytes than to stringify anew: the stored ones, if they are current, with the version put in. */
  readonly encoding?: { isCurrent(stored: Buffer): boolean; withVersion(stored: Buffer, revision: number): Buffer };
}

/** Under test, writes to cached objects throw. */
const FREEZE = process.env.VITEST !== undefined;

function deepFreeze<T>(o: T): T {
  if (typeof o === 'object' && o !== null && !Object.isFrozen(o)) {
    Object.freeze(o);
    for (const v of Object.values(o)) deepFreeze(v);
  }
  return o;
}

/** Bytes an entry is reckoned to cost beyond its JSON. */
const OVERHEAD = 256;

/** A cache entry that knows about how much memory it holds, bytes. */
export interface SizedEntry extends CacheEntry {
  readonly size: number;
  /** Nobody has looked yet whether it is the object it seems to be. */
  readonly isDoubted: boolean;
  /** @throws StatusError 500 when it is no object. */
  check(): void;
  /** It is history now: whoever still asks for its object has it made again from the bytes. */
  retire(): void;
}

const shared = <T>(o: T): T => (FREEZE ? deepFreeze(o) : o);

class Entry implements SizedEntry {
  readonly key: string;
  readonly revision: number;
  readonly size: number;
  #object: Stored<KubeObject> | undefined;
  #bytes: Buffer | undefined;
  #checked = false;

  /** @param form the object or its bytes; what is missing is made of the other */
  constructor(o: { key: string; revision: number; size: number }, form: Stored<KubeObject> | Buffer) {
    this.key = o.key;
    this.revision = o.revision;
    this.size = o.size;
    if (Buffer.isBuffer(form)) this.#bytes = form;
    else this.#object = shared(form);
  }

  /** Parsed when first asked for: many objects are stored and read by clients without anybody here looking into them. */
  get object(): Stored<KubeObject> {
    this.#object ??= shared(this.#parsed());
    return this.#object;
  }

  get isDoubted(): boolean {
    return !this.#object && !this.#checked;
  }

  check(): void {
    this.#parsed();
    this.#checked = true;
  }

  #parsed(): Stored<KubeObject> {
    try {
      return JSON.parse((this.#bytes as Buffer).toString()) as Stored<KubeObject>;
    } catch (e) {
      throw errors.internal(`${this.key} at revision ${this.revision} is no object: ${(e as Error).message}`);
    }
  }

  /** Made when first asked for: many objects change more often than they are read. */
  get bytes(): Buffer {
    this.#bytes ??= Buffer.from(JSON.stringify(this.#object));
    return this.#bytes;
  }

  /** An object takes several times the memory of its bytes. */
  retire(): void {
    if (this.#bytes) this.#object = undefined;
  }
}

class DeletedEntry implements SizedEntry {
  readonly key: string;
  readonly revision: number;
  readonly size: number;
  readonly #last: SizedEntry;
  #object: Stored<KubeObject> | undefined;

  constructor(last: SizedEntry, revision: number) {
    this.key = last.key;
    this.revision = revision;
    this.size = last.size;
    this.#last = last;
  }

  get object(): Stored<KubeObject> {
    if (!this.#object) {
      const { object } = this.#last;
      this.#object = shared({ ...object, metadata: { ...object.metadata, resourceVersion: String(this.revision) } });
    }
    return this.#object;
  }

  /** Frames are made of them once, and nothing else. */
  get bytes(): Buffer {
    return Buffer.from(JSON.stringify(this.object));
  }

  get isDoubted(): boolean {
    return this.#last.isDoubted;
  }

  check(): void {
    this.#last.check();
  }

  retire(): void {
    this.#object = undefined;
    this.#last.retire();
  }
}

/** @throws whatever decoding throws on a value that is no object; one that begins and ends like ours is taken for one. */
export function decodeEntry(r: CachedResource, key: string, stored: Buffer, revision: number): SizedEntry {
  const about = { key, revision, size: stored.length + OVERHEAD };
  if (!r.decode && r.encoding?.isCurrent(stored)) return new Entry(about, r.encoding.withVersion(stored, revision));
  const parsed = r.decode ? r.decode(stored) : (JSON.parse(stored.toString()) as KubeObject);
  const { apiVersion: storedIn, kind: _k, metadata, ...rest } = parsed;
  const object = {
    apiVersion: (r.asStored && storedIn) || r.apiVersion,
    kind: r.kind,
    metadata: { ...metadata, resourceVersion: String(revision) },
    ...rest,
  } as Stored<KubeObject>;
  return new Entry(about, object);
}

/** The last state of a deleted object, as DELETED events show it: with the revision of the deletion. */
export const deletedEntry = (last: SizedEntry, revision: number): SizedEntry => new DeletedEntry(last, revision);
