import { expect, test } from 'vitest';
import { FakeClock } from '#async/fake-clock.ts';
import { RetryGate } from './retry-gate.ts';

test('the first passes at once, then the waits double up to the longest', async () => {
  const clock = new FakeClock();
  const gate = new RetryGate(clock, { baseMs: 1000, maxMs: 3000 });
  expect(gate.pass('a')).toBe(0);
  expect(gate.pass('a')).toBe(1000);
  expect(gate.pass('b')).toBe(0);
  await clock.advance(1000);
  expect(gate.pass('a')).toBe(0);
  expect(gate.pass('a')).toBe(2000);
  await clock.advance(2000);
  expect(gate.pass('a')).toBe(0);
  expect(gate.pass('a')).toBe(3000);
  await clock.advance(3000 + 6001);
  gate.pass('b');
  expect([gate.pass('a'), gate.pass('a')]).toEqual([0, 1000]);
});
