import { beforeEach, expect, test } from 'vitest';
import type { Pod } from '#api/kinds/index.ts';
import type { Stored } from '#api/meta/objectmeta.ts';
import { FakeClock } from '#async/fake-clock.ts';
import type { EventType, WakesOn } from '../framework/events.ts';
import { type QueuedPod, SchedulingQueue } from './scheduling-queue.ts';

const pod = (name: string, priority = 0): Stored<Pod> =>
  ({ metadata: { name, namespace: 'ns', uid: name }, spec: { priority } }) as unknown as Stored<Pod>;
const on = (...events: EventType[]): WakesOn[] =>
  events.length > 0 ? [Object.fromEntries(events.map((e) => [e, true]))] : [];

let clock: FakeClock;
let queue: SchedulingQueue;
beforeEach(() => {
  clock = new FakeClock();
  queue = new SchedulingQueue(clock);
});
const next = async (): Promise<QueuedPod> => {
  const q = await queue.next();
  if (!q) throw new Error('closed');
  return q;
};
const name = (q: QueuedPod | null): string | undefined => q?.pod.metadata.name;

test('higher priority first, then the one that came first', async () => {
  for (const p of [pod('low'), pod('high', 10), pod('low2'), pod('highest', 99)]) {
    queue.add(p);
    clock.jump(1);
  }
  const order = [];
  for (let i = 0; i < 4; i++) order.push(name(await next()));
  expect(order).toEqual(['highest', 'high', 'low', 'low2']);
});

test('whoever waits gets the pod that comes, or null at the end', async () => {
  const first = queue.next();
  queue.add(pod('a'));
  expect(name(await first)).toBe('a');
  const second = queue.next();
  queue.close();
  expect(await second).toBeNull();
  expect(await queue.next()).toBeNull();
});

test('a newer version takes the place of the waiting one', async () => {
  queue.add(pod('a', 1));
  queue.add(pod('a', 7));
  expect(queue.sizes.ready).toBe(1);
  expect((await next()).pod.spec?.priority).toBe(7);
});

test('a removed pod is not tried', async () => {
  queue.add(pod('a'));
  queue.add(pod('b'));
  queue.remove('a');
  expect(name(await next())).toBe('b');
});

test.each<[string, WakesOn[], EventType, boolean]>([
  ['the event it waits for', on('node-added'), 'node-added', true],
  ['another event', on('node-added'), 'pod-gone', false],
  ['any event when nothing is known', on(), 'claim', true],
])('a parked pod and %s', async (_, wakesOn, event, woken) => {
  queue.add(pod('a'));
  queue.park(await next(), wakesOn);
  await clock.advance(60_000);
  queue.wake({ type: event });
  expect(queue.sizes).toEqual({ ready: woken ? 1 : 0, backoff: 0, unschedulable: woken ? 0 : 1 });
  expect(queue.isParked('a')).toBe(!woken);
});

test.each<[EventType, boolean]>([
  ['pod-gone', true],
  ['node-labels', false],
])('%s during the try counts: %s', async (event, counts) => {
  queue.add(pod('a'));
  const q = await next();
  queue.wake({ type: event });
  queue.park(q, on('pod-gone'));
  expect(queue.sizes).toMatchObject(counts ? { backoff: 1, unschedulable: 0 } : { backoff: 0, unschedulable: 1 });
});

test('a hint is asked about the event', async () => {
  queue.add(pod('a'));
  const asked: string[] = [];
  const hint = (waiting: Stored<Pod>, event: { pod?: Stored<Pod> }): boolean => {
    asked.push(`${waiting.metadata.name} ${event.pod?.metadata.name}`);
    return event.pod?.metadata.name === 'right';
  };
  queue.park(await next(), [{ 'pod-gone': hint }]);
  queue.wake({ type: 'pod-gone', pod: pod('wrong') });
  expect(queue.isParked('a')).toBe(true);
  queue.wake({ type: 'pod-gone', pod: pod('right') });
  expect(queue.isParked('a')).toBe(false);
  expect(asked).toEqual(['a wrong', 'a right']);
});

test('more events during a try than can be kept count as one that helps', async () => {
  queue.add(pod('a'));
  const q = await next();
  for (let i = 0; i < 300; i++) queue.wake({ type: 'node-labels' });
  queue.park(q, on('pod-gone'));
  expect(queue.isParked('a')).toBe(false);
});

test('a parked pod can be asked to try again', async () => {
  queue.add(pod('a'));
  queue.park(await next(), on('node-added'));
  queue.activate('a');
  expect(queue.sizes).toMatchObject({ backoff: 1, unschedulable: 0 });
});

test('a change of the pod during its try counts', async () => {
  queue.add(pod('a'));
  const q = await next();
  queue.add(pod('a'));
  expect(queue.sizes.ready).toBe(0);
  queue.park(q, on('node-added'));
  expect(queue.sizes).toMatchObject({ backoff: 1, unschedulable: 0 });
});

test.each([
  [1, 1000],
  [2, 2000],
  [3, 4000],
  [4, 8000],
  [5, 10_000],
  [9, 10_000],
])('back-off after try %i: %i ms', async (attempts, ms) => {
  queue.add(pod('a'));
  for (let i = 1; i < attempts; i++) {
    queue.park(await next(), on());
    await clock.advance(20_000);
    queue.wake({ type: 'node-added' });
  }
  queue.park(await next(), on());
  queue.wake({ type: 'node-added' });
  await clock.advance(ms - 1);
  expect(queue.sizes).toMatchObject({ ready: 0, backoff: 1 });
  await clock.advance(1);
  expect(queue.sizes).toMatchObject({ ready: 1, backoff: 0 });
});

test('a passing failure is tried again after the back-off', async () => {
  queue.add(pod('a'));
  queue.retry(await next());
  expect(queue.sizes).toMatchObject({ ready: 0, backoff: 1 });
  await clock.advance(1000);
  const q = await next();
  expect(q.attempts).toBe(2);
});

test('a failure that takes long to show is backed off from when it shows', async () => {
  queue.add(pod('a'));
  const q = await next();
  await clock.advance(15_000);
  queue.retry(q);
  expect(queue.sizes).toMatchObject({ ready: 0, backoff: 1 });
});

test('what nothing woke is tried again after five minutes', async () => {
  queue.add(pod('a'));
  queue.park(await next(), on('node-added'));
  await clock.advance(299_999);
  expect(queue.sizes.unschedulable).toBe(1);
  await clock.advance(1);
  expect(queue.sizes).toEqual({ ready: 1, backoff: 0, unschedulable: 0 });
});

test('a version that changes nothing does not wake', async () => {
  queue.add(pod('a'));
  queue.park(await next(), on('node-added'));
  queue.refresh(pod('a', 5));
  expect(queue.isParked('a')).toBe(true);
  queue.add(pod('a', 5));
  expect((await next()).attempts).toBe(2);
});

test('closing leaves no timers', async () => {
  queue.add(pod('a'));
  queue.add(pod('b'));
  queue.park(await next(), on('node-added'));
  queue.retry(await next());
  queue.close();
  expect(clock.pending).toBe(0);
});

test('a clock that is set back makes no back-off longer', async () => {
  queue.add(pod('a'));
  queue.retry(await next());
  clock.jump(-3_600_000);
  // What the timers of a machine do, whose time goes on.
  queue.add(pod('b'));
  queue.retry(await next());
  await clock.advance(1000);
  expect(queue.sizes).toEqual({ ready: 2, backoff: 0, unschedulable: 0 });
});
