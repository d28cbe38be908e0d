import { apiVersionOf, type Kind } from '#api/kind.ts';
import type { KubeObject } from '#api/meta/objectmeta.ts';

/**
 * How objects lie in etcd: `{"kind":K,"apiVersion":V,"metadata":{…},…}` without a resourceVersion. Because the head is
 * constant per kind, the version etcd assigns is spliced into the bytes; no object is stringified twice.
 */
export interface Encoding {
  /** Bytes for storage. `o` is not changed. */
  encode(o: KubeObject): Buffer;
  /** Whether bytes are what `encode` makes, in this version of the kind, as far as both of their ends tell. */
  isCurrent(stored: Buffer): boolean;
  /** What a client gets: the stored bytes with the resourceVersion put in. */
  withVersion(stored: Buffer, revision: number): Buffer;
}

const QUOTE = '"'.charCodeAt(0);
const BRACE = '}'.charCodeAt(0);

/** Writes whose answer and event are under way at a time, more or less; each keeps its bytes from collection. */
const MOST_SHARED = 64;
/** Copying larger ones is nothing beside the rest of what they cost, and keeping them would be much. */
const LARGEST_SHARED = 16 << 10;

/** The same bytes are made for the answer to a write and for the cache that hears of it: whoever comes second is given the first ones. */
class Shared {
  readonly #made = new Map<number, Buffer>();

  keep(revision: number, bytes: Buffer): void {
    if (bytes.length > LARGEST_SHARED) return;
    this.#made.set(revision, bytes);
    if (this.#made.size <= MOST_SHARED) return;
    for (const oldest of this.#made.keys()) {
      this.#made.delete(oldest);
      return;
    }
  }

  /** Those of the revision if they end in what `stored` has from `from` on, so that they are of the same object. */
  take(revision: number, stored: Buffer, from: number): Buffer | undefined {
    const bytes = this.#made.get(revision);
    if (!bytes) return undefined;
    this.#made.delete(revision);
    const at = bytes.length - (stored.length - from);
    return at > from && bytes.compare(stored, from, stored.length, at) === 0 ? bytes : undefined;
  }
}

export function encodingOf(kind: Kind): Encoding {
  const head = `{"kind":${JSON.stringify(kind.kind)},"apiVersion":${JSON.stringify(apiVersionOf(kind))},"metadata":{`;
  const headBytes = Buffer.from(head);
  const shared = new Shared();
  const isCurrent = (stored: Buffer): boolean =>
    stored.length > headBytes.length + 1 &&
    headBytes.compare(stored, 0, headBytes.length) === 0 &&
    stored[headBytes.length] === QUOTE &&
    stored[stored.length - 1] === BRACE;
  return {
    encode(o) {
      const { apiVersion: _v, kind: _k, metadata, ...rest } = o;
      const meta = JSON.stringify({ ...metadata, resourceVersion: undefined });
      const body = JSON.stringify(rest);
      return Buffer.from(head + meta.slice(1) + (body === '{}' ? '}' : `,${body.slice(1)}`));
    },
    isCurrent,
    withVersion(stored, revision) {
      if (isCurrent(stored)) {
        const known = shared.take(revision, stored, headBytes.length);
        if (known) return known;
        const version = `"resourceVersion":"${revision}",`;
        // Memory of its own: a piece of a shared slab that lives on in the cache would hold the rest of the slab too.
        const bytes = Buffer.allocUnsafeSlow(stored.length + version.length);
        headBytes.copy(bytes);
        bytes.write(version, headBytes.length, 'latin1');
        stored.copy(bytes, headBytes.length + version.length, headBytes.length);
        shared.keep(revision, bytes);
        return bytes;
      }
      const o = JSON.parse(stored.toString()) as KubeObject;
      return Buffer.from(JSON.stringify({ ...o, metadata: { ...o.metadata, resourceVersion: String(revision) } }));
    },
  };
}
