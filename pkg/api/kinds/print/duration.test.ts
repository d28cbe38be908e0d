import { expect, test } from 'vitest';
import { ageSince, humanDuration } from './duration.ts';

const S = 1000;
const M = 60 * S;
const H = 60 * M;
const D = 24 * H;
const Y = 365 * D;

test.each([
  [-3 * S, '<invalid>'],
  [-1 * S, '0s'],
  [0, '0s'],
  [999, '0s'],
  [1 * S, '1s'],
  [119 * S, '119s'],
  [2 * M, '2m'],
  [2 * M + 1 * S, '2m1s'],
  [10 * M - 1, '9m59s'],
  [10 * M + 30 * S, '10m'],
  [3 * H - 1, '179m'],
  [3 * H, '3h'],
  [3 * H + 1 * M, '3h1m'],
  [8 * H - 1, '7h59m'],
  [8 * H + 30 * M, '8h'],
  [48 * H - 1, '47h'],
  [2 * D, '2d'],
  [2 * D + 1 * H, '2d1h'],
  [8 * D - 1, '7d23h'],
  [8 * D + 5 * H, '8d'],
  [2 * Y - 1, '729d'],
  [2 * Y, '2y'],
  [2 * Y + 1 * D, '2y1d'],
  [8 * Y - 1, '7y364d'],
  [8 * Y + 100 * D, '8y'],
])('%d ms is %s', (ms, want) => {
  expect(humanDuration(ms)).toBe(want);
});

test('age of a time', () => {
  const now = Date.parse('2026-01-02T03:04:05Z');
  expect(ageSince('2026-01-02T03:03:05Z', now)).toBe('60s');
  expect(ageSince(undefined, now)).toBe('<unknown>');
});
