import { expect, test } from 'vitest';
import { sameJson } from './equal.ts';

test.each([
  [1, 1, true],
  ['1', 1, false],
  [null, undefined, false],
  [{ a: 1, b: undefined }, { a: 1 }, true],
  [{ a: 1 }, { a: 1, b: undefined }, true],
  [{ a: 1 }, { a: 1, b: null }, false],
  [{ a: [1, { x: 2 }] }, { a: [1, { x: 2 }] }, true],
  [{ a: [1, { x: 2 }] }, { a: [1, { x: 3 }] }, false],
  [[], {}, false],
  [{ a: {} }, { a: null }, false],
])('%j = %j: %s', (a, b, want) => {
  expect(sameJson(a, b)).toBe(want);
  expect(sameJson(b, a)).toBe(want);
});
