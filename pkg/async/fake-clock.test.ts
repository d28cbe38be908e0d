import { expect, test } from 'vitest';
import { FakeClock } from './fake-clock.ts';

test('runs due timers in order of time, then of creation, and lets promises settle between them', async () => {
  const clock = new FakeClock(0);
  const seen: string[] = [];
  clock.after(20, () => seen.push('c'));
  clock.after(10, () => {
    seen.push('a');
    void Promise.resolve().then(() => seen.push('a+'));
    clock.after(5, () => seen.push(`nested@${clock.now()}`));
  });
  clock.after(20, () => seen.push('d'));
  const off = clock.after(15, () => seen.push('cancelled'));
  off.cancel();
  await clock.advance(19);
  expect(seen).toEqual(['a', 'a+', 'nested@15']);
  await clock.advance(1);
  expect(seen).toEqual(['a', 'a+', 'nested@15', 'c', 'd']);
  expect(clock.now()).toBe(20);
  expect(clock.pending).toBe(0);
});

test('sleep resolves in time and rejects with the reason of its signal', async () => {
  const clock = new FakeClock();
  let done = false;
  const sleep = clock.sleep(100).then(() => {
    done = true;
  });
  await clock.advance(99);
  expect(done).toBe(false);
  await clock.advance(1);
  await sleep;
  const abort = new AbortController();
  const cut = clock.sleep(100, abort.signal);
  abort.abort(new Error('enough'));
  await expect(cut).rejects.toThrow('enough');
  expect(clock.pending).toBe(0);
  await expect(clock.sleep(1, abort.signal)).rejects.toThrow('enough');
});
