import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { FakeClock } from '#async/fake-clock.ts';
import { Flusher } from './flusher.ts';

/** What time flushes take is what they say: that of a busy machine would tell another story each time. */
let now = 0;
beforeEach(() => void vi.spyOn(performance, 'now').mockImplementation(() => now));
afterEach(() => vi.restoreAllMocks());

/** Counts its flushes; each takes `ms`. */
function watcher(ms: number) {
  let flushes = 0;
  return {
    get flushes() {
      return flushes;
    },
    flush() {
      flushes++;
      now += ms;
    },
  };
}

const microtasks = (): Promise<void> => Promise.resolve();

test('a first event leaves at once, several of one turn together', async () => {
  const flusher = new Flusher(new FakeClock());
  const w = watcher(0);
  flusher.add(w);
  flusher.add(w);
  expect(w.flushes).toBe(0);
  await microtasks();
  expect(w.flushes).toBe(1);
  flusher.add(w);
  await microtasks();
  expect(w.flushes).toBe(2);
});

test('after a costly flush of many the next one waits, and then takes all', async () => {
  const clock = new FakeClock();
  const flusher = new Flusher(clock);
  const [a, b] = [watcher(4), watcher(4)];
  flusher.add(a);
  flusher.add(b);
  await microtasks();
  flusher.add(a);
  await microtasks();
  flusher.add(b);
  expect([a.flushes, b.flushes]).toEqual([1, 1]);
  await clock.advance(10);
  expect([a.flushes, b.flushes]).toEqual([2, 2]);
});

test('a lone watcher never waits', async () => {
  const flusher = new Flusher(new FakeClock());
  const w = watcher(3);
  for (let n = 1; n <= 3; n++) {
    flusher.add(w);
    await microtasks();
    expect(w.flushes).toBe(n);
  }
});
