import { getEventListeners } from 'node:events';
import { expect, test } from 'vitest';
import { FakeClock } from './fake-clock.ts';
import { abortable, anySignal, TimeoutError, timeoutSignal } from './signals.ts';

const listeners = (s: AbortSignal): number => getEventListeners(s, 'abort').length;

test('anySignal aborts with the first parent and leaves no listener', () => {
  const [a, b] = [new AbortController(), new AbortController()];
  const any = anySignal([a.signal, undefined, b.signal]);
  expect(any.signal.aborted).toBe(false);
  b.abort(new Error('b'));
  expect(any.signal.reason).toEqual(new Error('b'));
  any.dispose();
  expect(listeners(a.signal)).toBe(0);
  expect(anySignal([b.signal]).signal.aborted).toBe(true);
});

test('timeoutSignal aborts in time or with its parent, and dispose frees both', async () => {
  const clock = new FakeClock();
  const parent = new AbortController();
  const late = timeoutSignal(clock, 100, parent.signal);
  await clock.advance(100);
  expect(late.signal.reason).toEqual(new TimeoutError(100));
  const used = timeoutSignal(clock, 100, parent.signal);
  used.dispose();
  late.dispose();
  expect(listeners(parent.signal)).toBe(0);
  expect(clock.pending).toBe(0);
  const child = timeoutSignal(clock, 100, parent.signal);
  parent.abort(new Error('stop'));
  expect(child.signal.reason).toEqual(new Error('stop'));
  expect(used.signal.aborted).toBe(false);
});

test('abortable: value, failure, abort; no listener stays', async () => {
  const abort = new AbortController();
  expect(await abortable(Promise.resolve(1), abort.signal)).toBe(1);
  await expect(abortable(Promise.reject(new Error('no')), abort.signal)).rejects.toThrow('no');
  expect(listeners(abort.signal)).toBe(0);
  const never = abortable(new Promise(() => {}), abort.signal);
  abort.abort(new Error('stop'));
  await expect(never).rejects.toThrow('stop');
});

test('a promise that fails after the abort is not an unhandled rejection', async () => {
  const late = Promise.withResolvers<void>();
  await expect(abortable(late.promise, AbortSignal.abort(new Error('stop')))).rejects.toThrow('stop');
  late.reject(new Error('late'));
  // vitest fails the run on an unhandled rejection; it is raised after the promise callbacks of this turn.
  await new Promise((r) => setImmediate(r));
});
