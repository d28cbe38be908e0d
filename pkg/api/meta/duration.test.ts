import { expect, test } from 'vitest';
import { formatDuration, parseDuration } from './duration.ts';

test.each([
  ['0s', 0],
  ['1ns', 1],
  ['1.5µs', 1500],
  ['100ms', 1e8],
  ['1.5s', 1.5e9],
  ['1m30s', 9e10],
  ['1h0m0s', 3.6e12],
  ['-2h3m4.5s', -(2 * 3.6e12 + 3 * 6e10 + 4.5e9)],
])('%s is %d ns and back', (text, ns) => {
  expect(parseDuration(text)).toBe(ns);
  expect(formatDuration(ns)).toBe(text);
});

test.each([
  ['1h', 3.6e12],
  ['0', 0],
  ['2us', 2000],
  ['+.5s', 5e8],
])('%s', (text, ns) => expect(parseDuration(text)).toBe(ns));

test.each(['', '-', '5', '1d', 's', '1m x', '1.2.3s'])('%j is no duration', (text) =>
  expect(parseDuration(text)).toBeUndefined(),
);
