import { expect, test } from 'vitest';
import { countOrShare } from './amounts.ts';

test.each<[number | string | undefined, number, number, number]>([
  [3, 10, 3, 3],
  ['25%', 10, 3, 2],
  ['100%', 7, 7, 7],
  ['0%', 7, 0, 0],
  ['1%', 3, 1, 0],
  [undefined, 5, 0, 0],
])('%s of %i is %i rounded up and %i rounded down', (value, total, up, down) => {
  expect([countOrShare(value, total, Math.ceil), countOrShare(value, total, Math.floor)]).toEqual([up, down]);
});
