import { beforeEach, expect, test } from 'vitest';
import { FakeClock } from './fake-clock.ts';
import type { WorkQueue } from './queue.ts';
import { createWorkQueue } from './work-queue.ts';

let clock: FakeClock;
let queue: WorkQueue;
beforeEach(() => {
  clock = new FakeClock();
  queue = createWorkQueue({ clock, baseMs: 10, maxMs: 100 });
});

test('keys come out once, in the order they went in', async () => {
  for (const k of ['a', 'b', 'a', 'c', 'b']) queue.add(k);
  expect(queue.length).toBe(3);
  expect([await queue.get(), await queue.get(), await queue.get()]).toEqual(['a', 'b', 'c']);
  expect(queue.length).toBe(0);
});

test('a key in work is not handed to a second worker; added meanwhile it comes again after done, once', async () => {
  queue.add('a');
  expect(await queue.get()).toBe('a');
  queue.add('a');
  queue.add('a');
  expect(queue.length).toBe(0);
  let second: string | null | undefined;
  const taken = queue.get().then((k) => {
    second = k;
  });
  await clock.advance(0);
  expect(second).toBeUndefined();
  queue.done('a');
  await taken;
  expect(second).toBe('a');
  queue.done('a');
  expect(queue.length).toBe(0);
});

test('a waiting worker that gets a key directly still owns it', async () => {
  const first = queue.get();
  queue.add('a');
  expect(await first).toBe('a');
  queue.add('a');
  expect(queue.length).toBe(0);
});

test('addAfter: the earlier time wins, whatever the order', async () => {
  queue.addAfter('a', 100);
  queue.addAfter('a', 50);
  queue.addAfter('a', 80);
  await clock.advance(49);
  expect(queue.length).toBe(0);
  await clock.advance(1);
  expect(queue.length).toBe(1);
  expect(await queue.get()).toBe('a');
  queue.done('a');
  await clock.advance(1000);
  expect(queue.length).toBe(0);
});

test('addRateLimited doubles up to the maximum and starts anew after forget', async () => {
  const waits: number[] = [];
  for (let i = 0; i < 6; i++) {
    const from = clock.now();
    queue.addRateLimited('a');
    while (queue.length === 0) await clock.advance(1);
    waits.push(clock.now() - from);
    queue.done((await queue.get()) ?? '');
  }
  expect(waits).toEqual([10, 20, 40, 80, 100, 100]);
  expect(queue.retries('a')).toBe(6);
  queue.forget('a');
  expect(queue.retries('a')).toBe(0);
  queue.addRateLimited('a');
  await clock.advance(10);
  expect(queue.length).toBe(1);
});

test('shutdown drains what is ready, drops what is not, and lets waiting workers go', async () => {
  queue.add('a');
  expect(await queue.get()).toBe('a');
  queue.add('a');
  queue.add('b');
  queue.addAfter('c', 10);
  queue.shutdown();
  queue.add('d');
  queue.done('a');
  expect(await queue.get()).toBe('b');
  expect(await queue.get()).toBeNull();
  await clock.advance(100);
  expect(await queue.get()).toBeNull();
  expect(clock.pending).toBe(0);

  const idle = createWorkQueue({ clock });
  const waiting = [idle.get(), idle.get()];
  idle.shutdown();
  expect(await Promise.all(waiting)).toEqual([null, null]);
});
