import { beforeEach, expect, test } from 'vitest';
import type { Event } from '#api/kinds/core/event.ts';
import { errors } from '#api/meta/errors.ts';
import { FakeClock } from '#async/fake-clock.ts';
import { createRateLimit } from '#async/rate-limit.ts';
import { silentLogger } from '#process/logger.ts';
import { ConnectionError } from './connection-error.ts';
import { createEventRecorder } from './events.ts';
import type { Client, EventRecorder } from './types.ts';

const ref = { group: '', plural: 'events', kind: 'Event' };

/** Stores events; writes can be held back or made to fail. */
class EventServer {
  readonly events = new Map<string, Event>();
  creates = 0;
  patches = 0;
  failure: unknown;
  gate: Promise<void> = Promise.resolve();
  busy = 0;
  mostBusy = 0;

  async #through(): Promise<void> {
    this.mostBusy = Math.max(this.mostBusy, ++this.busy);
    await this.gate;
    this.busy--;
    if (this.failure) throw this.failure;
  }

  readonly client = {
    create: async (_k: unknown, e: Event) => {
      this.creates++;
      await this.#through();
      this.events.set(e.metadata?.name ?? '', e);
    },
    patch: async (_k: unknown, { name }: { name: string }, { body }: { body: Partial<Event> }) => {
      this.patches++;
      await this.#through();
      const e = this.events.get(name);
      if (!e) throw errors.notFound(ref, name);
      this.events.set(name, { ...e, ...body });
    },
  } as unknown as Client;

  get all(): Event[] {
    return [...this.events.values()];
  }
}

let clock: FakeClock;
let server: EventServer;
let recorder: EventRecorder;
beforeEach(() => {
  clock = new FakeClock();
  server = new EventServer();
  recorder = createEventRecorder({
    client: server.client,
    clock,
    component: 'kubelet',
    host: 'n1',
    logger: silentLogger,
  });
});

const pod = (name: string) => ({
  apiVersion: 'v1',
  kind: 'Pod',
  metadata: { name, namespace: 'ns', uid: `uid-${name}`, resourceVersion: '7' },
});
const node = { kind: 'Node', apiVersion: 'v1', metadata: { name: 'n1', uid: 'n1' } };

test('an event names its object, its source and its time', async () => {
  recorder.event(pod('a'), 'Warning', 'Failed', 'no luck');
  recorder.event(node, 'Normal', 'Starting', 'up');
  await recorder.flush();
  expect(server.all[0]).toEqual({
    metadata: { name: expect.stringMatching(/^a\.[0-9a-f]{16}$/), namespace: 'ns' },
    involvedObject: { apiVersion: 'v1', kind: 'Pod', name: 'a', namespace: 'ns', uid: 'uid-a', resourceVersion: '7' },
    reason: 'Failed',
    message: 'no luck',
    type: 'Warning',
    source: { component: 'kubelet', host: 'n1' },
    reportingComponent: 'kubelet',
    reportingInstance: 'n1',
    firstTimestamp: '2026-01-01T00:00:00Z',
    lastTimestamp: '2026-01-01T00:00:00Z',
    count: 1,
  });
  // Events about what has no namespace live in the default one.
  expect(server.all[1]?.metadata?.namespace).toBe('default');
});

test('repeats count up on one object', async () => {
  for (let i = 0; i < 3; i++) {
    recorder.event(pod('a'), 'Warning', 'BackOff', 'waiting');
    await recorder.flush();
    await clock.advance(10_000);
  }
  recorder.event(pod('a'), 'Warning', 'BackOff', 'another message');
  recorder.event(pod('b'), 'Warning', 'BackOff', 'waiting');
  await recorder.flush();
  expect(server.all.map((e) => [e.involvedObject.name, e.message, e.count, e.lastTimestamp])).toEqual([
    ['a', 'waiting', 3, '2026-01-01T00:00:20Z'],
    ['a', 'another message', 1, '2026-01-01T00:00:30Z'],
    ['b', 'waiting', 1, '2026-01-01T00:00:30Z'],
  ]);
  expect(server.all[0]?.firstTimestamp).toBe('2026-01-01T00:00:00Z');
});

test('repeats while the first is being written become one object and one patch', async () => {
  const gate = Promise.withResolvers<void>();
  server.gate = gate.promise;
  for (let i = 0; i < 20; i++) recorder.event(pod('a'), 'Warning', 'BackOff', 'waiting');
  gate.resolve();
  await recorder.flush();
  expect(server.all.map((e) => e.count)).toEqual([20]);
  expect([server.creates, server.patches]).toEqual([1, 1]);
});

test('a series that expired or rested is begun anew', async () => {
  recorder.event(pod('a'), 'Normal', 'Pulled', 'x');
  await recorder.flush();
  server.events.clear();
  recorder.event(pod('a'), 'Normal', 'Pulled', 'x');
  await recorder.flush();
  expect(server.all.map((e) => e.count)).toEqual([2]);
  await clock.advance(600_000);
  recorder.event(pod('a'), 'Normal', 'Pulled', 'x');
  await recorder.flush();
  expect(server.all.map((e) => e.count)).toEqual([2, 1]);
});

test('one object: a burst of 25, then one in five minutes', async () => {
  for (let i = 0; i < 40; i++) recorder.event(pod('a'), 'Warning', 'Failed', `try ${i}`);
  recorder.event(pod('b'), 'Warning', 'Failed', 'other');
  await recorder.flush();
  expect(server.creates).toBe(26);
  await clock.advance(299_000);
  recorder.event(pod('a'), 'Warning', 'Failed', 'too early');
  await clock.advance(1000);
  recorder.event(pod('a'), 'Warning', 'Failed', 'in time');
  recorder.event(pod('a'), 'Warning', 'Failed', 'too soon');
  await recorder.flush();
  expect(server.all.slice(26).map((e) => e.message)).toEqual(['in time']);
});

test('the buffer is bounded and drops the oldest; few are written at a time', async () => {
  const gate = Promise.withResolvers<void>();
  server.gate = gate.promise;
  for (let i = 0; i < 1500; i++) recorder.event(pod(`p${i}`), 'Normal', 'Created', 'x');
  gate.resolve();
  await recorder.flush();
  const names = server.all.map((e) => e.involvedObject.name);
  expect(names).toHaveLength(1008);
  expect(names[8]).toBe('p500');
  expect(names.at(-1)).toBe('p1499');
  expect(server.mostBusy).toBe(8);
});

test('no more are written than may be, the others in their turn; a flush lets none of them wait', async () => {
  const rate = createRateLimit({ clock, perSecond: 1, burst: 2 });
  const of = { client: server.client, clock, component: 'kubelet', host: 'n1', logger: silentLogger };
  const slow = createEventRecorder({ ...of, rate });
  for (let i = 0; i < 20; i++) slow.event(pod(`p${i}`), 'Normal', 'Created', 'x');
  await clock.advance(0);
  expect(server.creates).toBe(2);
  await clock.advance(1_000);
  expect(server.creates).toBe(3);
  await slow.flush();
  expect(server.creates).toBe(20);
});

test('a server that is away for a while: the event is written when it is back', async () => {
  server.failure = new ConnectionError('down', { neverSent: true });
  recorder.event(pod('a'), 'Normal', 'Created', 'x');
  await clock.advance(5000);
  expect(server.all).toHaveLength(0);
  server.failure = undefined;
  await clock.advance(20_000);
  expect(server.all).toHaveLength(1);
  await recorder.flush();
});

test('flush does not wait out the pauses of a server that is away', async () => {
  server.failure = new ConnectionError('down', { neverSent: true });
  for (let i = 0; i < 20; i++) recorder.event(pod(`p${i}`), 'Normal', 'Created', 'x');
  await clock.advance(100);
  await recorder.flush();
  expect(server.creates).toBe(8 + 20);
});

test.each([
  ['a refusal is final', errors.forbidden(ref, 'x', 'the namespace is being deleted'), 1],
  ['an outage ends too', new ConnectionError('down', { neverSent: true }), 6],
])('%s, and the next event is tried again', async (_what, failure, tries) => {
  server.failure = failure;
  recorder.event(pod('a'), 'Normal', 'Created', 'x');
  await clock.advance(120_000);
  await recorder.flush();
  expect(server.creates).toBe(tries);
  server.failure = undefined;
  recorder.event(pod('a'), 'Normal', 'Created', 'x');
  await recorder.flush();
  expect(server.all.map((e) => e.count)).toEqual([1]);
});
