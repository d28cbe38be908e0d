import { expect, it, onTestFinished, vi } from 'vitest';
import { FakeClock } from '#async/fake-clock.ts';
import { silentLogger } from '#process/logger.ts';
import { runCompactor } from './compactor.ts';
import { memoryStorage } from './memory/memory.ts';
import { type Storage, StorageError } from './storage.ts';

const MINUTE = 60_000;
const put = (s: Storage): Promise<number> => s.put('/registry/a', Buffer.from('x'));
const readable = (s: Storage, revision: number): Promise<boolean> =>
  s.list('/registry/', { revision }).then(
    () => true,
    () => false,
  );

function run() {
  const clock = new FakeClock();
  const storage = memoryStorage(clock);
  const stop = new AbortController();
  onTestFinished(() => stop.abort());
  const done = runCompactor({ storage, clock, logger: silentLogger }, stop.signal);
  return { clock, storage, stop, done };
}

it('drops what was old five minutes ago, and nothing younger', async () => {
  const { clock, storage, stop, done } = run();
  const r1 = await put(storage);
  const r2 = await put(storage);
  await clock.advance(4.9 * MINUTE);
  const r3 = await put(storage);
  await clock.advance(4.9 * MINUTE);
  const kept = await Promise.all([r1, r2, r3].map((r) => readable(storage, r)));
  expect(kept).toEqual([true, true, true]);
  await clock.advance(0.5 * MINUTE);
  expect(await readable(storage, r2)).toBe(false);
  expect(await readable(storage, r3)).toBe(true);
  stop.abort();
  await done;
});

it('does not compact what has not changed, and outlives failures', async () => {
  const { clock, storage } = run();
  const compact = vi.spyOn(storage, 'compact');
  await put(storage);
  await clock.advance(6 * MINUTE);
  vi.spyOn(storage, 'currentRevision').mockRejectedValueOnce(new StorageError('unavailable', 'down'));
  await clock.advance(60 * MINUTE);
  expect(compact.mock.calls.length).toBeLessThanOrEqual(2);
  expect(await storage.currentRevision()).toBe(2);
});
