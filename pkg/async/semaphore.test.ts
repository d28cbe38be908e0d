import { expect, test } from 'vitest';
import { createSemaphore } from './semaphore.ts';

const turn = (): Promise<void> => new Promise((r) => setImmediate(r));

test('at most n at a time, in the order of the calls, and a failure frees its place', async () => {
  const semaphore = createSemaphore(2);
  const order: number[] = [];
  const gates = [0, 1, 2, 3].map(() => Promise.withResolvers<string>());
  const runs = gates.map((g, i) =>
    semaphore.run(() => {
      order.push(i);
      return g.promise;
    }),
  );
  await turn();
  expect(order).toEqual([0, 1]);
  expect(semaphore.waiting).toBe(2);
  gates[1]?.reject(new Error('broken'));
  await expect(runs[1]).rejects.toThrow('broken');
  await turn();
  expect(order).toEqual([0, 1, 2]);
  for (const g of gates) g.resolve('ok');
  await expect(Promise.all([runs[0], runs[2], runs[3]])).resolves.toEqual(['ok', 'ok', 'ok']);
});

test('who waits may leave, and the place goes to the next', async () => {
  const semaphore = createSemaphore(1);
  const gate = Promise.withResolvers<void>();
  const first = semaphore.run(() => gate.promise);
  const abort = new AbortController();
  const second = semaphore.run(() => Promise.resolve('second'), abort.signal);
  const third = semaphore.run(() => Promise.resolve('third'));
  abort.abort(new Error('left'));
  await expect(second).rejects.toThrow('left');
  gate.resolve();
  await first;
  expect(await third).toBe('third');
  await expect(semaphore.run(() => Promise.resolve(), abort.signal)).rejects.toThrow('left');
  expect(await semaphore.run(() => Promise.resolve('free again'))).toBe('free again');
});
