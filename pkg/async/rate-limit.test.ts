import { expect, test } from 'vitest';
import { FakeClock } from './fake-clock.ts';
import { createRateLimit } from './rate-limit.ts';

function bench(perSecond: number, burst: number) {
  const clock = new FakeClock();
  const limit = createRateLimit({ clock, perSecond, burst });
  const begun = clock.now();
  /** When each had its turn, milliseconds from the beginning. */
  const turns: number[] = [];
  const ask = (signal?: AbortSignal): Promise<void> =>
    limit.turn(signal).then(() => void turns.push(clock.now() - begun));
  return { clock, turns, ask };
}

test('a burst goes at once, what comes after it at the rate, in its order', async () => {
  const { clock, turns, ask } = bench(5, 2);
  for (let i = 0; i < 5; i++) void ask();
  await clock.advance(0);
  expect(turns).toEqual([0, 0]);
  for (let i = 0; i < 6; i++) await clock.advance(100);
  expect(turns).toEqual([0, 0, 200, 400, 600]);
  // A long pause allows no more than a burst.
  await clock.advance(60_000);
  for (let i = 0; i < 3; i++) void ask();
  await clock.advance(0);
  expect(turns.slice(5)).toEqual([60_600, 60_600]);
  await clock.advance(200);
  expect(turns.slice(7)).toEqual([60_800]);
});

test('who leaves gives the turn back', async () => {
  const { clock, turns, ask } = bench(1, 1);
  await ask();
  const off = new AbortController();
  const left = ask(off.signal);
  off.abort(new Error('no more'));
  await expect(left).rejects.toThrow('no more');
  void ask();
  await clock.advance(1_000);
  expect(turns).toEqual([0, 1_000]);
  await expect(ask(off.signal)).rejects.toThrow('no more');
});

test('without a burst the rate alone counts, and 0 a second is no limit', async () => {
  const slow = bench(2, 0);
  void slow.ask();
  await slow.clock.advance(499);
  expect(slow.turns).toEqual([]);
  await slow.clock.advance(1);
  expect(slow.turns).toEqual([500]);
  const free = bench(0, 0);
  await Promise.all([free.ask(), free.ask(), free.ask()]);
  expect(free.turns).toEqual([0, 0, 0]);
});
