import { expect, test } from 'vitest';
import { createLatestWorker } from './latest-worker.ts';

/** Runs that end when the test says so. */
function controlled() {
  const started: string[] = [];
  const open: { end(): void; fail(e: Error): void; signal: AbortSignal }[] = [];
  const errors: unknown[] = [];
  const worker = createLatestWorker<number>({
    run(key, value, signal) {
      started.push(`${key}${value}`);
      const { promise, resolve, reject } = Promise.withResolvers<void>();
      open.push({ end: resolve, fail: reject, signal });
      return promise;
    },
    onError: (_key, e) => errors.push(e),
  });
  const turn = (): Promise<void> => new Promise((r) => setImmediate(r));
  const next = () => {
    const o = open.shift();
    if (!o) throw new Error('nothing runs');
    return o;
  };
  return { worker, started, errors, turn, next };
}

test('one run per key at a time, and only the newest waiting value follows', async () => {
  const { worker, started, turn, next } = controlled();
  worker.update('a', 1);
  await turn();
  worker.update('a', 2);
  worker.update('a', 3);
  worker.update('b', 1);
  await turn();
  expect(started).toEqual(['a1', 'b1']);
  next().end();
  await turn();
  expect(started).toEqual(['a1', 'b1', 'a3']);
  expect(worker.has('a')).toBe(true);
  next().end();
  next().end();
  await turn();
  expect(worker.has('a')).toBe(false);
  expect(worker.has('b')).toBe(false);
});

test('a failed run is reported and the next value runs all the same', async () => {
  const { worker, started, errors, turn, next } = controlled();
  worker.update('a', 1);
  await turn();
  worker.update('a', 2);
  next().fail(new Error('broken'));
  await turn();
  expect(errors).toEqual([new Error('broken')]);
  expect(started).toEqual(['a1', 'a2']);
});

test('cancel aborts the run and drops the waiting value; an update after it waits for the old run to end', async () => {
  const { worker, started, errors, turn, next } = controlled();
  worker.update('a', 1);
  await turn();
  worker.update('a', 2);
  worker.cancel('a');
  worker.update('a', 3);
  await turn();
  const first = next();
  expect(first.signal.aborted).toBe(true);
  expect(started).toEqual(['a1']);
  first.fail(new Error('aborted'));
  await turn();
  expect(started).toEqual(['a1', 'a3']);
  expect(next().signal.aborted).toBe(false);
  expect(errors).toEqual([]);
});

test('drain waits for everything, and takes nothing more', async () => {
  const { worker, started, turn, next } = controlled();
  worker.update('a', 1);
  await turn();
  worker.update('a', 2);
  let drained = false;
  const drain = worker.drain().then(() => {
    drained = true;
  });
  worker.update('b', 1);
  next().end();
  await turn();
  expect(drained).toBe(false);
  next().end();
  await drain;
  expect(started).toEqual(['a1', 'a2']);
});
