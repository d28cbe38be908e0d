import { expect, test } from 'vitest';
import type { Container } from '#api/kinds/index.ts';
import type { ContainerRecord } from '../runtime/types.ts';
import { specHash } from './container-config.ts';
import { Restarts } from './restarts.ts';

const MINUTE = 60_000;
const main = { name: 'main' } as Container;
const POD = 'p_ns(u)';

/** A container that ran for so long and ended at `at`. */
const ended = (attempt: number, at: number, more: { ran?: number; error?: string } = {}): ContainerRecord =>
  ({
    ...{ id: `c${attempt}`, name: 'main', attempt, state: 'exited', exitCode: 1, hash: specHash(main) },
    ...{ startedAt: more.error ? 0 : at - (more.ran ?? 1000), finishedAt: at },
    ...(more.error ? { error: more.error } : {}),
  }) as ContainerRecord;

/** Ends `count` times in a row, each as soon as it may be started. @returns the waits, in seconds */
function waits(r: Restarts, count: number, from = { attempt: 0, at: 1_000_000 }): number[] {
  let { at } = from;
  return Array.from({ length: count }, (_, n) => {
    r.ended(main, ended(from.attempt + n, at), { pod: POD, now: at });
    const wait = r.notBefore('main') - at;
    at = r.notBefore('main') + 1000;
    return wait / 1000;
  });
}

test('at once after the first end, then after 10 s doubling up to 5 min', () => {
  expect(waits(new Restarts(), 9)).toEqual([0, 10, 20, 40, 80, 160, 300, 300, 300]);
});

test.each([
  ['not after ten minutes', 10 * MINUTE, 80],
  ['after more than that', 10 * MINUTE + 1, 0],
])('a quiet life begins it anew: %s', (_, ran, wait) => {
  const r = new Restarts();
  waits(r, 4);
  r.ended(main, ended(4, 9_000_000, { ran }), { pod: POD, now: 9_000_000 });
  expect((r.notBefore('main') - 9_000_000) / 1000).toBe(wait);
  const next = waits(r, 2, { attempt: 5, at: 10_000_000 });
  if (wait === 0) expect(next).toEqual([10, 20]);
});

test('how long that is may be told', () => {
  const r = new Restarts(5000);
  waits(r, 4);
  r.ended(main, ended(4, 9_000_000, { ran: 5001 }), { pod: POD, now: 9_000_000 });
  expect(r.notBefore('main')).toBe(9_000_000);
});

test('an agent that has just come takes the number of attempts for a guide', () => {
  expect(waits(new Restarts(), 2, { attempt: 3, at: 1_000_000 })).toEqual([40, 80]);
});

test('it says why it waits, once; a container that runs waits for nothing', () => {
  const r = new Restarts();
  waits(r, 3);
  const again = ended(3, 5_000_000);
  expect(r.ended(main, again, { pod: POD, now: 5_000_000 })).toEqual({
    reason: 'CrashLoopBackOff',
    message: `back-off 40s restarting failed container=main pod=${POD}`,
    until: 5_040_000,
  });
  expect(r.ended(main, again, { pod: POD, now: 5_001_000 })).toBeUndefined();
  expect(r.waiting('main')?.reason).toBe('CrashLoopBackOff');
  r.clear('main');
  expect(r.waiting('main')).toBeUndefined();
  expect(r.notBefore('main')).toBe(5_040_000);
});

test('one that could not even be started says so, and is not tried again at once', () => {
  const r = new Restarts();
  const news = r.ended(main, ended(0, 1_000_000, { error: 'no such file' }), { pod: POD, now: 1_000_000 });
  expect(news).toEqual({ reason: 'RunContainerError', message: 'no such file', until: 1_010_000 });
});

test('another image is started at once, however often the one before failed; what it does itself counts', () => {
  const r = new Restarts();
  waits(r, 4);
  const last = ended(4, 9_000_000);
  r.ended(main, last, { pod: POD, now: 9_000_000 });
  expect(r.notBefore('main')).toBe(9_080_000);
  const mended = { ...main, image: 'mended:1' };
  expect(r.ended(mended, last, { pod: POD, now: 9_010_000 })).toBeUndefined();
  expect(r.waiting('main')).toBeUndefined();
  expect(r.notBefore('main')).toBe(9_000_000);
  const next = { ...ended(5, 9_100_000), hash: specHash(mended) };
  expect(r.ended(mended, next, { pod: POD, now: 9_100_000 })?.until).toBe(9_110_000);
});

test('containers of a pod wait for themselves', () => {
  const r = new Restarts();
  waits(r, 3);
  expect(r.notBefore('other')).toBe(0);
});
