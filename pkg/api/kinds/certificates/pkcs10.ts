/** ASN.1 tags in DER (X.690). */
const INTEGER = 0x02;
const BIT_STRING = 0x03;
const SEQUENCE = 0x30;
const ATTRIBUTES = 0xa0;

interface Element {
  readonly tag: number;
  readonly content: Buffer;
}

/** The elements that fill the bytes exactly; undefined: they are no DER. */
function elementsOf(bytes: Buffer): Element[] | undefined {
  const found: Element[] = [];
  let at = 0;
  while (at < bytes.length) {
    const tag = bytes[at] ?? 0;
    let length = bytes[at + 1];
    if (length === undefined) return undefined;
    at += 2;
    if (length >= 0x80) {
      const size = length - 0x80;
      if (size === 0 || size > 4 || at + size > bytes.length) return undefined;
      length = bytes.readUIntBE(at, size);
      at += size;
    }
    if (at + length > bytes.length) return undefined;
    found.push({ tag, content: bytes.subarray(at, at + length) });
    at += length;
  }
  return found;
}

const isMadeOf = (elements: readonly Element[] | undefined, ...tags: number[]): elements is Element[] =>
  elements?.length === tags.length && tags.every((t, i) => elements[i]?.tag === t);

const PEM = /-----BEGIN CERTIFICATE REQUEST-----\s*([A-Za-z0-9+/=\s]*?)\s*-----END CERTIFICATE REQUEST-----/;

/** What is wrong with a PEM-encoded certification request (RFC 2986 section 4), by its structure; undefined: nothing. */
export function requestProblem(text: string): string | undefined {
  const pem = PEM.exec(text);
  if (!pem) return 'PEM block type must be CERTIFICATE REQUEST';
  const wrong = 'asn1: structure error: not a PKCS#10 certification request';
  const whole = elementsOf(Buffer.from(pem[1] ?? '', 'base64'));
  if (!isMadeOf(whole, SEQUENCE)) return wrong;
  const parts = elementsOf(whole[0]?.content ?? Buffer.alloc(0));
  if (!isMadeOf(parts, SEQUENCE, SEQUENCE, BIT_STRING)) return wrong;
  const info = elementsOf(parts[0]?.content ?? Buffer.alloc(0));
  if (!isMadeOf(info, INTEGER, SEQUENCE, SEQUENCE, ATTRIBUTES)) return wrong;
  return isMadeOf(elementsOf(info[2]?.content ?? Buffer.alloc(0)), SEQUENCE, BIT_STRING) ? undefined : wrong;
}
