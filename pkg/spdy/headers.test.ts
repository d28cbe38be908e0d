import { constants, createDeflate, createInflate } from 'node:zlib';
import { fc, test } from '@fast-check/vitest';
import { describe, expect } from 'vitest';
import { HEADER_DICTIONARY, HEADER_DICTIONARY_ID } from './dictionary.ts';
import { ProtocolError } from './frames.ts';
import { HeaderDecoder, HeaderEncoder, type Headers } from './headers.ts';

const names = fc.stringMatching(/^[a-z][a-z-]{0,20}$/);
const values = fc.stringMatching(/^[ -~]{0,300}$/);
const blocks = fc.array(fc.dictionary(names, values, { maxKeys: 6, noNullPrototype: true }), {
  minLength: 1,
  maxLength: 40,
});

function layOut(headers: Headers): Buffer {
  const parts: Buffer[] = [];
  const number = (n: number) => {
    const b = Buffer.alloc(4);
    b.writeUInt32BE(n);
    parts.push(b);
  };
  number(Object.keys(headers).length);
  for (const text of Object.entries(headers).flat()) {
    number(text.length);
    parts.push(Buffer.from(text, 'latin1'));
  }
  return Buffer.concat(parts);
}

/** What zlib itself makes of the blocks, each ended by a sync flush, as Go's clients do. */
async function deflateBlocks(plain: readonly Buffer[]): Promise<Buffer[]> {
  const deflate = createDeflate({ dictionary: HEADER_DICTIONARY });
  let collected: Buffer[] = [];
  deflate.on('data', (chunk: Buffer) => collected.push(chunk));
  const result: Buffer[] = [];
  for (const block of plain) {
    deflate.write(block);
    await new Promise<void>((resolve) => deflate.flush(constants.Z_SYNC_FLUSH, resolve));
    result.push(Buffer.concat(collected));
    collected = [];
  }
  deflate.destroy();
  return result;
}

test('the dictionary is the one of SPDY/3.1', () => {
  let a = 1;
  let b = 0;
  for (const byte of HEADER_DICTIONARY) {
    a = (a + byte) % 65521;
    b = (b + a) % 65521;
  }
  expect(HEADER_DICTIONARY.length).toBe(1423);
  expect(((b << 16) | a) >>> 0).toBe(HEADER_DICTIONARY_ID);
});

describe('HeaderDecoder', () => {
  test.prop([blocks])('reads a whole session of blocks that zlib made', async (list) => {
    const decoder = new HeaderDecoder();
    const compressed = await deflateBlocks(list.map(layOut));
    expect(compressed.map((block) => ({ ...decoder.decode(block) }))).toEqual(list);
  });

  test('remembers no more than 32 KB', async () => {
    const list = Array.from({ length: 60 }, (_, i) => ({ name: `${i}`.repeat(1000), other: 'x'.repeat(i) }));
    const decoder = new HeaderDecoder();
    const compressed = await deflateBlocks(list.map(layOut));
    expect(compressed.map((block) => ({ ...decoder.decode(block) }))).toEqual(list);
  });

  test('takes the first of several values', async () => {
    const [block] = await deflateBlocks([layOut({ name: 'first\0second' })]);
    expect({ ...new HeaderDecoder().decode(block as Buffer) }).toEqual({ name: 'first' });
  });

  test('refuses a block that inflates beyond bounds, a truncated one, and one without the dictionary', async () => {
    const [bomb, short] = await Promise.all([
      deflateBlocks([Buffer.alloc(10 << 20)]),
      deflateBlocks([layOut({ name: 'value' }).subarray(0, 10)]),
    ]);
    for (const block of [bomb[0], short[0], Buffer.from([0x78, 0x9c, 1, 2, 3, 4, 5]), Buffer.alloc(0)]) {
      expect(() => new HeaderDecoder().decode(block as Buffer)).toThrow(ProtocolError);
    }
  });
});

test.prop([blocks])('HeaderEncoder: zlib and our decoder read it', async (list) => {
  const encoder = new HeaderEncoder();
  const encoded = list.map((headers) => encoder.encode(headers));
  const decoder = new HeaderDecoder();
  expect(encoded.map((block) => ({ ...decoder.decode(block) }))).toEqual(list);
  const inflate = createInflate({ dictionary: HEADER_DICTIONARY });
  const plain: Buffer[] = [];
  inflate.on('data', (chunk: Buffer) => plain.push(chunk));
  for (const block of encoded) await new Promise<unknown>((resolve) => inflate.write(block, resolve));
  expect(Buffer.concat(plain)).toEqual(Buffer.concat(list.map(layOut)));
  inflate.destroy();
});
