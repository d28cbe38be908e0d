import { expect, test } from 'vitest';
import { FakeClock } from '#async/fake-clock.ts';
import { Caller } from './calls.ts';
import type { Endpoint } from './endpoints.ts';

/** Makes calls of which each in turn ends as told. @returns how long each was given, milliseconds */
async function attempts(...ends: readonly ('broken' | 'late' | 'answered')[]): Promise<number[]> {
  const clock = new FakeClock(0);
  const current = { failures: 0 } as Endpoint;
  const caller = new Caller({ count: ends.length, current, failed: () => {}, succeeded: () => {} }, clock);
  const given: number[] = [];
  await caller.run(async (_, deadline) => {
    const end = ends[given.length];
    given.push(deadline - clock.now());
    if (end === 'answered') return;
    if (end === 'late') clock.jump(deadline - clock.now());
    throw new Error(end);
  });
  return given;
}

test('attempts are given more time when those before have waited in vain', async () => {
  expect(await attempts('late', 'late', 'late', 'answered')).toEqual([1000, 2500, 5000, 1500]);
});

test('a connection that broke has told nothing about how long an answer takes', async () => {
  expect(await attempts('broken', 'late', 'broken', 'late', 'answered')).toEqual([1000, 1000, 2500, 2500, 5000]);
});
