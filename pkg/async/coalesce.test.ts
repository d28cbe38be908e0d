import { expect, test } from 'vitest';
import { createCoalescingRunner } from './coalesce.ts';
import { FakeClock } from './fake-clock.ts';

function setUp(extra: { maxIntervalMs?: number } = {}) {
  const clock = new FakeClock(0);
  const abort = new AbortController();
  const starts: number[] = [];
  const script: (() => Promise<void>)[] = [];
  const errors: unknown[] = [];
  const runner = createCoalescingRunner({
    run: () => {
      starts.push(clock.now());
      return script.shift()?.() ?? Promise.resolve();
    },
    minIntervalMs: 100,
    retryMs: 500,
    clock,
    signal: abort.signal,
    onError: (e) => errors.push(e),
    ...extra,
  });
  return { clock, abort, starts, script, errors, runner };
}

test('the first trigger runs at once, those within the interval make one later run', async () => {
  const { clock, starts, runner } = setUp();
  runner.trigger();
  runner.trigger();
  await clock.advance(0);
  expect(starts).toEqual([0]);
  await clock.advance(10);
  for (let i = 0; i < 50; i++) runner.trigger();
  await clock.advance(1000);
  expect(starts).toEqual([0, 100]);
  expect(clock.pending).toBe(0);
});

test('never two runs at a time; a trigger during a run makes one more', async () => {
  const { clock, starts, script, runner } = setUp();
  const long = Promise.withResolvers<void>();
  script.push(() => long.promise);
  runner.trigger();
  await clock.advance(0);
  runner.trigger();
  runner.trigger();
  await clock.advance(5000);
  expect(starts).toEqual([0]);
  let drained = false;
  const drain = runner.drain().then(() => {
    drained = true;
  });
  await clock.advance(0);
  expect(drained).toBe(false);
  long.resolve();
  await drain;
  await clock.advance(0);
  expect(starts).toEqual([0, 5000]);
});

test('a failure is retried, and triggers do not make the retry earlier', async () => {
  const { clock, starts, script, errors, runner } = setUp();
  script.push(() => Promise.reject(new Error('broken')));
  runner.trigger();
  await clock.advance(200);
  runner.trigger();
  await clock.advance(2000);
  expect(starts).toEqual([0, 500]);
  expect(errors).toEqual([new Error('broken')]);
});

test('runs at least every maxInterval after the first, and not after the abort', async () => {
  const { clock, abort, starts, runner } = setUp({ maxIntervalMs: 1000 });
  runner.trigger();
  await clock.advance(2500);
  expect(starts).toEqual([0, 1000, 2000]);
  runner.trigger();
  await clock.advance(0);
  expect(starts).toEqual([0, 1000, 2000, 2500]);
  abort.abort();
  runner.trigger();
  await clock.advance(10_000);
  expect(starts).toHaveLength(4);
  expect(clock.pending).toBe(0);
});

test('a clock that is set back delays no run', async () => {
  const { clock, starts, runner } = setUp();
  runner.trigger();
  await clock.advance(0);
  await clock.advance(3_600_000);
  runner.trigger();
  await clock.advance(0);
  clock.jump(-3_600_000);
  runner.trigger();
  await clock.advance(500);
  expect(starts).toHaveLength(3);
});
