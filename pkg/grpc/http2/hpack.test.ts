import { describe, expect, test } from 'vitest';
import { HpackDecoder, headerBlock } from './hpack.ts';

const bytes = (hex: string): Buffer => Buffer.from(hex.replaceAll(' ', ''), 'hex');

function headersOf(decoder: HpackDecoder, block: Buffer): string[] {
  const found: string[] = [];
  decoder.decode(block, (name, value) => found.push(`${name}: ${value}`));
  return found;
}

describe('blocks of headers', () => {
  test('the three answers of RFC 7541 appendix C.6: packed texts, and a table that is too small for all', () => {
    const decoder = new HpackDecoder(256);
    const date = (second: number) => `date: Mon, 21 Oct 2013 20:13:${second} GMT`;
    const location = 'location: https://www.example.com';
    const first =
      `4882 6402 5885 aec3 771a 4b61 96d0 7abe 9410 54d4 44a8 2005 9504 0b81 66e0 82a6 2d1b ff6e 919d 29ad 1718 63c7
      8f0b 97c8 e9ae 82ae 43d3`.replaceAll(/\s/g, '');
    expect(headersOf(decoder, bytes(first))).toEqual([':status: 302', 'cache-control: private', date(21), location]);
    expect(headersOf(decoder, bytes('4883 640e ffc1 c0bf'))).toEqual([
      ':status: 307',
      'cache-control: private',
      date(21),
      location,
    ]);
    const third =
      `88c1 6196 d07a be94 1054 d444 a820 0595 040b 8166 e084 a62d 1bff c05a 839b d9ab 77ad 94e7 821d d7f2 e6c7
      b335 dfdf cd5b 3960 d5af 2708 7f36 72c1 ab27 0fb5 291f 9587 3160 65c0 03ed 4ee5 b106 3d50 07`.replaceAll(
        /\s/g,
        '',
      );
    expect(headersOf(decoder, bytes(third))).toEqual([
      ':status: 200',
      'cache-control: private',
      date(22),
      location,
      'content-encoding: gzip',
      'set-cookie: foo=ASDJKHQKBZXOQWEOPIUAXQWEOIU; max-age=3600; version=1',
    ]);
  });

  test('what we write is read as it is, and leaves no trace in the table', () => {
    const block = headerBlock({ ':path': '/etcdserverpb.KV/Txn', te: 'trailers', long: 'x'.repeat(300) });
    const decoder = new HpackDecoder(0);
    for (let i = 0; i < 2; i++) {
      expect(headersOf(decoder, block)).toEqual([
        ':path: /etcdserverpb.KV/Txn',
        'te: trailers',
        `long: ${'x'.repeat(300)}`,
      ]);
    }
  });

  test('damaged ones', () => {
    const read = (hex: string) => () => headersOf(new HpackDecoder(), bytes(hex));
    expect(read('be')).toThrow('there is no header 62');
    expect(read('80')).toThrow('there is no header 0');
    expect(read('4082')).toThrow('ends too early');
    expect(read('0005 61')).toThrow('ends too early');
    expect(read('3fe2 1f')).toThrow('a table of 4097 bytes for headers is more than was allowed');
    expect(read('7fff ffff ff0f')).toThrow('too large');
    // "a" and seven zeros; then a byte of nothing but filling; then the code that stands for the end.
    expect(read('0081 1800')).toThrow('ends within a code');
    expect(read('0082 1fff 00')).toThrow('ends within a code');
    expect(read('0084 ffff fffc 00')).toThrow('means nothing');
  });
});
