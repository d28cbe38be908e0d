import { expect, test } from 'vitest';
import { forEachLimited, slowStart } from './batches.ts';

test('slow start doubles, and counts', async () => {
  let running = 0;
  const peaks: number[] = [];
  const result = await slowStart(30, 8, async () => {
    running++;
    peaks.push(running);
    await Promise.resolve();
    running--;
  });
  expect(result).toEqual({ succeeded: 30 });
  expect(Math.max(...peaks)).toBe(8);
  expect(peaks.slice(0, 3)).toEqual([1, 1, 2]);
});

test('a failure ends it with its batch', async () => {
  let calls = 0;
  const result = await slowStart(100, 16, async () => {
    if (++calls === 2) throw new Error('quota');
  });
  expect(calls).toBe(3);
  expect(result).toMatchObject({ succeeded: 2, error: new Error('quota') });
});

test('every item is tried, never more than the limit at a time, the first error is thrown', async () => {
  const seen: number[] = [];
  let running = 0;
  let most = 0;
  const all = forEachLimited([1, 2, 3, 4, 5], 2, async (n) => {
    most = Math.max(most, ++running);
    await Promise.resolve();
    running--;
    seen.push(n);
    if (n === 2 || n === 4) throw new Error(`item ${n}`);
  });
  await expect(all).rejects.toThrow('item 2');
  expect([seen.sort(), most]).toEqual([[1, 2, 3, 4, 5], 2]);
});
