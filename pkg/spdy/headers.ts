import { constants, inflateRawSync } from 'node:zlib';
import { HEADER_DICTIONARY, HEADER_DICTIONARY_ID } from './dictionary.ts';
import { ProtocolError } from './frames.ts';

/** Header names are lower case. Of several values the first counts. */
export type Headers = Readonly<Record<string, string>>;

/** Deflate cannot look further back than this. */
const WINDOW = 32 * 1024;
/** A header block that inflates to more is an attack. */
const MAX_BLOCK = 64 * 1024;
const MAX_STORED = 0xffff;
/** An empty stored block: what a zlib sync flush ends with, and what makes the peer's inflater hand over its output. */
const SYNC_FLUSH = Buffer.from([0x00, 0x00, 0x00, 0xff, 0xff]);

/** Name/value pairs as they are laid out before compression. */
function serialize(headers: Headers): Buffer {
  const entries = Object.entries(headers);
  const parts: Buffer[] = [uint32(entries.length)];
  for (const [name, value] of entries) {
    for (const text of [name.toLowerCase(), value]) parts.push(uint32(text.length), Buffer.from(text, 'latin1'));
  }
  return Buffer.concat(parts);
}

function uint32(n: number): Buffer {
  const b = Buffer.allocUnsafe(4);
  b.writeUInt32BE(n, 0);
  return b;
}

function parse(block: Buffer): Headers {
  let at = 0;
  const number = (): number => {
    if (at + 4 > block.length) throw new ProtocolError('truncated header block');
    const n = block.readUInt32BE(at);
    at += 4;
    return n;
  };
  const text = (): string => {
    const length = number();
    if (at + length > block.length) throw new ProtocolError('truncated header block');
    at += length;
    return block.toString('latin1', at - length, at);
  };
  const headers: Record<string, string> = Object.create(null);
  for (let pairs = number(); pairs > 0; pairs--) {
    const name = text().toLowerCase();
    headers[name] ??= text().split('\0', 1)[0] ?? '';
  }
  return headers;
}

/**
 * Writes header blocks as one endless zlib stream of stored (uncompressed) blocks: what we send is tiny, so real
 * compression would only cost a zlib context per session and make sending asynchronous.
 */
export class HeaderEncoder {
  #started = false;

  encode(headers: Headers): Buffer {
    const plain = serialize(headers);
    const parts: Buffer[] = [];
    if (!this.#started) {
      this.#started = true;
      parts.push(Buffer.from([0x78, 0xbb]), uint32(HEADER_DICTIONARY_ID));
    }
    for (let at = 0; at < plain.length; at += MAX_STORED) {
      const piece = plain.subarray(at, at + MAX_STORED);
      const head = Buffer.alloc(5);
      head.writeUInt16LE(piece.length, 1);
      head.writeUInt16LE(piece.length ^ 0xffff, 3);
      parts.push(head, piece);
    }
    parts.push(SYNC_FLUSH);
    return Buffer.concat(parts);
  }
}

/**
 * Reads the peer's header blocks. SPDY ends each with a sync flush, hence on a byte boundary, so each block inflates
 * on its own given the last 32 KB of what came before: synchronous, and no zlib context to leak.
 */
export class HeaderDecoder {
  #history: Buffer | null = null;

  /** @throws ProtocolError when the block is damaged or too large; the session cannot continue then. */
  decode(block: Buffer): Headers {
    const raw = this.#history ? block : this.#skipZlibHeader(block);
    const history = this.#history ?? HEADER_DICTIONARY;
    let plain: Buffer;
    try {
      plain = inflateRawSync(raw, {
        dictionary: history,
        finishFlush: constants.Z_SYNC_FLUSH,
        maxOutputLength: MAX_BLOCK,
      });
    } catch (cause) {
      throw new ProtocolError('damaged header block', { cause });
    }
    const all = Buffer.concat([history, plain]);
    this.#history = all.length > WINDOW ? Buffer.from(all.subarray(-WINDOW)) : all;
    return parse(plain);
  }

  #skipZlibHeader(block: Buffer): Buffer {
    const valid =
      block.length >= 6 &&
      (block.readUInt8(0) & 0x0f) === 8 &&
      block.readUInt16BE(0) % 31 === 0 &&
      (block.readUInt8(1) & 0x20) !== 0 &&
      block.readUInt32BE(2) === HEADER_DICTIONARY_ID;
    if (!valid) throw new ProtocolError('header compression does not start with the SPDY/3.1 dictionary');
    return block.subarray(6);
  }
}
