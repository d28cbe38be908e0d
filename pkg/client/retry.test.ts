import { expect, test } from 'vitest';
import { errors } from '#api/meta/errors.ts';
import { retryOnConflict } from './retry.ts';

const ref = { group: '', plural: 'pods', kind: 'Pod' };
const failing = (times: number, error: Error) => {
  let calls = 0;
  return {
    run: async () => {
      calls++;
      if (calls <= times) throw error;
      return calls;
    },
    calls: () => calls,
  };
};

test.each([
  ['none', 0, 1],
  ['some', 3, 4],
])('conflicts: %s', async (_what, times, want) => {
  expect(await retryOnConflict(failing(times, errors.modified(ref, 'a')).run)).toBe(want);
});

test('gives up after the attempts, and at once on anything else', async () => {
  const stubborn = failing(99, errors.modified(ref, 'a'));
  await expect(retryOnConflict(stubborn.run, { attempts: 3 })).rejects.toMatchObject({ reason: 'Conflict' });
  expect(stubborn.calls()).toBe(3);
  const other = failing(99, errors.notFound(ref, 'a'));
  await expect(retryOnConflict(other.run)).rejects.toMatchObject({ reason: 'NotFound' });
  expect(other.calls()).toBe(1);
});
