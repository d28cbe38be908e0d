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
  /** A cheaper way to the client's bytes than to stringify anew: the stored ones with the version put in. */
  readonly encoding?: { withVersion(stored: Buffer, revision: number): Buffer };
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

class Entry implements CacheEntry {
  readonly key: string;
  readonly object: Stored<KubeObject>;
  readonly revision: number;
  readonly size: number;
  #bytes: Buffer | undefined;

  constructor(o: { key: string; object: Stored<KubeObject>; revision: number; size: number; bytes?: Buffer }) {
    this.key = o.key;
    this.object = FREEZE ? deepFreeze(o.object) : o.object;
    this.revision = o.revision;
    this.size = o.size;
    this.#bytes = o.bytes;
  }

  /** Made when first asked for: many objects change more often than they are read. */
  get bytes(): Buffer {
    this.#bytes ??= Buffer.from(JSON.stringify(this.object));
    return this.#bytes;
  }
}

/** A cache entry that knows about how much memory it holds, bytes. */
export interface SizedEntry extends CacheEntry {
  readonly size: number;
}

/** @throws whatever decoding throws on a value that is no object. */
export function decodeEntry(r: CachedResource, key: string, stored: Buffer, revision: number): SizedEntry {
  const parsed = r.decode ? r.decode(stored) : (JSON.parse(stored.toString()) as KubeObject);
  const { apiVersion: _v, kind: _k, metadata, ...rest } = parsed;
  const object = {
    apiVersion: r.apiVersion,
    kind: r.kind,
    metadata: { ...metadata, resourceVersion: String(revision) },
    ...rest,
  } as Stored<KubeObject>;
  const size = stored.length + OVERHEAD;
  if (r.decode || !r.encoding) return new Entry({ key, object, revision, size });
  return new Entry({ key, object, revision, size, bytes: r.encoding.withVersion(stored, revision) });
}

/** The last state of a deleted object, as DELETED events show it: with the revision of the deletion. */
export function deletedEntry(last: SizedEntry, revision: number): SizedEntry {
  const metadata = { ...last.object.metadata, resourceVersion: String(revision) };
  return new Entry({ key: last.key, object: { ...last.object, metadata }, revision, size: last.size });
}
