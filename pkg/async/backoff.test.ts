import { expect, test } from 'vitest';
import { createBackoff } from './backoff.ts';
import { FakeClock } from './fake-clock.ts';

test('grows by the factor up to the maximum, per key', () => {
  const backoff = createBackoff({ clock: new FakeClock(), initialMs: 10, maxMs: 50, factor: 2 });
  expect([1, 2, 3, 4, 5].map(() => backoff.next('a'))).toEqual([10, 20, 40, 50, 50]);
  expect(backoff.next('b')).toBe(10);
  backoff.reset('a');
  expect(backoff.next('a')).toBe(10);
});

test('remaining counts down; a key quiet for long enough starts anew', async () => {
  const clock = new FakeClock();
  const backoff = createBackoff({ clock, initialMs: 10_000, maxMs: 300_000, resetAfterMs: 600_000 });
  expect(backoff.remaining('a')).toBe(0);
  backoff.next('a');
  expect(backoff.remaining('a')).toBe(10_000);
  await clock.advance(4000);
  expect(backoff.remaining('a')).toBe(6000);
  await clock.advance(6000 + 600_000);
  expect(backoff.remaining('a')).toBe(0);
  expect(backoff.next('a')).toBe(20_000);
  await clock.advance(20_000 + 600_001);
  expect(backoff.next('a')).toBe(10_000);
});

test('jitter adds up to its share and never passes the maximum', () => {
  const backoff = createBackoff({ clock: new FakeClock(), initialMs: 800, maxMs: 1000, jitter: 1 });
  const waits = Array.from({ length: 200 }, (_, i) => backoff.next(String(i)));
  expect(Math.min(...waits)).toBeGreaterThanOrEqual(800);
  expect(Math.max(...waits)).toBeLessThanOrEqual(1000);
  expect(new Set(waits).size).toBeGreaterThan(5);
});
