import { expect, test } from 'vitest';
import { isSet } from './query.ts';

test.each([
  ['', false],
  ['a', true],
  ['a=', true],
  ['a=true', true],
  ['a=True', true],
  ['a=1', true],
  ['a=yes', true],
  ['a=0', false],
  ['a=false', false],
  ['a=False', false],
  ['b=1', true],
  ['a=0&b=1', true],
  ['c=1', false],
])('?%s', (query, set) => {
  expect(isSet(new URLSearchParams(query), 'a', 'b')).toBe(set);
});
