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

export function encodingOf(kind: Kind): Encoding {
  const head = `{"kind":${JSON.stringify(kind.kind)},"apiVersion":${JSON.stringify(apiVersionOf(kind))},"metadata":{`;
  const headBytes = Buffer.from(head);
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
        const version = `"resourceVersion":"${revision}",`;
        // Memory of its own: a piece of a shared slab that lives on in the cache would hold the rest of the slab too.
        const bytes = Buffer.allocUnsafeSlow(stored.length + version.length);
        headBytes.copy(bytes);
        bytes.write(version, headBytes.length, 'latin1');
        stored.copy(bytes, headBytes.length + version.length, headBytes.length);
        return bytes;
      }
      const o = JSON.parse(stored.toString()) as KubeObject;
      return Buffer.from(JSON.stringify({ ...o, metadata: { ...o.metadata, resourceVersion: String(revision) } }));
    },
  };
}
