import { fc, test } from '@fast-check/vitest';
import { expect, test as plain } from 'vitest';
import { LineSplitter } from './json-lines.ts';

test.prop([
  fc.array(
    fc.string({ unit: 'grapheme' }).map((s) => s.replaceAll('\n', '')),
    { maxLength: 8 },
  ),
  fc.array(fc.nat(40)),
])('lines come out as they went in, however the bytes are cut', (lines, cuts) => {
  const bytes = Buffer.from(lines.map((l) => `${l}\n`).join(''));
  const splitter = new LineSplitter();
  const seen: string[] = [];
  let at = 0;
  for (const size of [...cuts, bytes.length]) {
    splitter.push(bytes.subarray(at, at + size), (l) => seen.push(l.toString()));
    at += size;
  }
  expect(seen).toEqual(lines.filter((l) => l !== ''));
});

plain('a line beyond the limit is an error, many short ones are not', () => {
  const splitter = new LineSplitter(100);
  for (let i = 0; i < 50; i++) splitter.push(Buffer.from('0123456789\n'), () => {});
  splitter.push(Buffer.alloc(60, 'x'), () => {});
  expect(() => splitter.push(Buffer.alloc(60, 'x'), () => {})).toThrow('more than 100 bytes');
});
