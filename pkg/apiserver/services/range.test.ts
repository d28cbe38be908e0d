import { expect, test } from 'vitest';
import { pickFree } from './range.ts';

const range = { first: 30_000, count: 200 };

test('stays in the range', () => {
  for (let i = 0; i < 1000; i++) {
    const n = pickFree(range, () => false) ?? -1;
    expect(n >= 30_000 && n < 30_200).toBe(true);
  }
});

test.each([30_000, 30_077, 30_199])('finds %i, the only free number', (free) => {
  expect(pickFree(range, (n) => n !== free)).toBe(free);
});

test('nothing free, or nothing at all', () => {
  expect(pickFree(range, () => true)).toBeUndefined();
  expect(pickFree({ first: 1, count: 0 }, (n) => n !== 0)).toBeUndefined();
});

test('handing out a whole range', () => {
  const taken = new Set<number>();
  for (let i = 0; i < range.count; i++) taken.add(pickFree(range, (n) => taken.has(n)) ?? -1);
  expect(taken.size).toBe(range.count);
  expect(taken.has(-1)).toBe(false);
});
