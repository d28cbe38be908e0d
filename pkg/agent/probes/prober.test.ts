import { describe, expect, test } from 'vitest';
import type { Container, Pod, Probe } from '#api/kinds/index.ts';
import type { Stored } from '#api/meta/objectmeta.ts';
import { FakeClock } from '#async/fake-clock.ts';
import type { ContainerRecord, Runtime } from '../runtime/types.ts';
import { Prober } from './prober.ts';

const SECOND = 1000;
const IP = '10.244.1.2';

/** Commands of probes and what comes of them; every look is noted. */
function bench() {
  const clock = new FakeClock();
  const looks: { id: string; at: number }[] = [];
  /** By container; undefined: succeeds at once. */
  const answers = new Map<string, () => Promise<{ code: number; output: string }>>();
  const events: string[] = [];
  const changed: string[] = [];
  const begun = clock.now();
  const runtime = {
    exec: (id: string) => {
      looks.push({ id, at: clock.now() - begun });
      return answers.get(id)?.() ?? Promise.resolve({ code: 0, output: '' });
    },
  } as unknown as Runtime;
  const event = (_about: unknown, _type: string, _reason: string, message: string): void => void events.push(message);
  const prober = new Prober({
    ...{ runtime, clock, changed: (uid) => changed.push(uid) },
    events: { event, flush: async () => {} },
  });
  const watch = (id: string, probes: Partial<Container>, status: object = {}, metadata: object = {}) => {
    const container = { name: 'main', ...probes } as Container;
    const record = { id, podUid: id, name: 'main', startedAt: clock.now(), attempt: 0 } as ContainerRecord;
    const pod = { metadata: { name: id, uid: id, ...metadata }, status } as unknown as Stored<Pod>;
    prober.watch(pod, container, record, IP);
    return { container, record };
  };
  const looksAt = (id: string): number[] => looks.filter((l) => l.id === id).map((l) => l.at);
  return { clock, prober, looks, looksAt, answers, events, changed, watch };
}

const command = (more: Partial<Probe> = {}): Probe => ({ exec: { command: ['true'] }, periodSeconds: 10, ...more });
const fails = async () => ({ code: 1, output: 'no' });

test('a hundred containers: commands that hang hold nobody else up, and do not pile up', async () => {
  const b = bench();
  for (let n = 0; n < 100; n++) {
    const id = `c${n}`;
    if (n % 2) b.answers.set(id, () => new Promise(() => {}));
    b.watch(id, { livenessProbe: command() });
  }
  await b.clock.advance(60 * SECOND);
  for (let n = 0; n < 100; n++) expect(b.looksAt(`c${n}`)).toHaveLength(n % 2 ? 1 : 6);
  b.prober.close();
});

test('probes that an agent finds on its return are spread over their periods', async () => {
  const b = bench();
  for (let n = 0; n < 100; n++) {
    const id = `c${n}`;
    const told = { name: 'main', containerID: `docker://${id}`, ready: true, started: true };
    b.watch(id, { livenessProbe: command() }, { containerStatuses: [told] });
  }
  await b.clock.advance(10 * SECOND);
  const times = b.looks.map((l) => l.at);
  expect(new Set(b.looks.map((l) => l.id)).size).toBe(100);
  expect(Math.max(...times) - Math.min(...times)).toBeGreaterThan(5 * SECOND);
  b.prober.close();
});

test('it takes as many failures in a row as the threshold says, and as many successes', async () => {
  const b = bench();
  const probes = { readinessProbe: command({ periodSeconds: 1, failureThreshold: 3, successThreshold: 2 }) };
  const { container, record } = b.watch('c', probes);
  const ready = () => b.prober.ready(record, container);
  await b.clock.advance(500);
  expect(ready()).toBe(false);
  await b.clock.advance(SECOND);
  expect(ready()).toBe(true);
  b.answers.set('c', fails);
  await b.clock.advance(2 * SECOND);
  expect(ready()).toBe(true);
  b.answers.delete('c');
  await b.clock.advance(SECOND);
  b.answers.set('c', fails);
  await b.clock.advance(2 * SECOND);
  expect(ready()).toBe(true);
  await b.clock.advance(SECOND);
  expect(ready()).toBe(false);
  expect(b.changed).toEqual(['c', 'c']);
  expect(b.events[0]).toContain('Readiness probe failed: ');
  b.prober.close();
});

test('the startup probe holds the others back, and is asked no more once it succeeded', async () => {
  const b = bench();
  const never = command({ periodSeconds: 1, failureThreshold: 30 });
  b.answers.set('c', fails);
  const { container, record } = b.watch('c', { startupProbe: never, livenessProbe: command({ periodSeconds: 1 }) });
  await b.clock.advance(20 * SECOND);
  expect(b.prober.started(record, container)).toBe(false);
  expect(b.prober.unhealthy(record)).toBeUndefined();
  // Only the startup probe's.
  expect(b.looksAt('c').length).toBeLessThanOrEqual(20);
  b.answers.delete('c');
  await b.clock.advance(1 * SECOND);
  expect(b.prober.started(record, container)).toBe(true);
  const before = b.looksAt('c').length;
  await b.clock.advance(10 * SECOND);
  expect(b.looksAt('c').length - before).toBe(10);
  b.prober.close();
});

test('a failed liveness probe says what is to be done, in the grace of its own', async () => {
  const b = bench();
  b.answers.set('c', fails);
  const probe = command({ periodSeconds: 2, initialDelaySeconds: 5, terminationGracePeriodSeconds: 7 });
  const { record } = b.watch('c', { livenessProbe: { ...probe, failureThreshold: 2 } });
  await b.clock.advance(4.9 * SECOND);
  expect(b.looks).toEqual([]);
  await b.clock.advance(2 * SECOND);
  expect(b.prober.unhealthy(record)).toBeUndefined();
  await b.clock.advance(2 * SECOND);
  expect(b.prober.unhealthy(record)).toEqual({ reason: 'failed liveness probe', graceSeconds: 7 });
  b.prober.forget('c');
  const before = b.looks.length;
  await b.clock.advance(60 * SECOND);
  expect(b.looks).toHaveLength(before);
});

describe('of a pod that ends only readiness is looked at', () => {
  const probe = (name: string) => ({ exec: { command: [name] }, periodSeconds: 1, failureThreshold: 1 });
  const probes = { startupProbe: probe('up'), livenessProbe: probe('live'), readinessProbe: probe('ready') };

  test('what was found of the others stays', async () => {
    const b = bench();
    const { container, record } = b.watch('c', probes);
    await b.clock.advance(3 * SECOND);
    const ready = () => [b.prober.started(record, container), b.prober.ready(record, container)];
    expect(ready()).toEqual([true, true]);
    b.prober.ending('c');
    b.answers.set('c', fails);
    const before = b.looks.length;
    await b.clock.advance(5 * SECOND);
    expect(b.looks.length - before).toBe(5);
    expect(b.events).toEqual(Array(5).fill('Readiness probe failed: no'));
    expect(ready()).toEqual([true, false]);
    expect(b.prober.unhealthy(record)).toBeUndefined();
    b.prober.close();
  });

  test('also a look that was under way when it was told to end', async () => {
    const b = bench();
    const late = Promise.withResolvers<{ code: number; output: string }>();
    b.answers.set('c', () => late.promise);
    const { record } = b.watch('c', { livenessProbe: probe('live') });
    await b.clock.advance(SECOND);
    b.prober.ending('c');
    late.resolve({ code: 1, output: 'no' });
    await b.clock.advance(5 * SECOND);
    expect([b.looks.length, b.events, b.prober.unhealthy(record)]).toEqual([1, [], undefined]);
  });

  test('and by an agent that comes later, as it was told before', async () => {
    const b = bench();
    const told = { name: 'main', containerID: 'docker://c', ready: true, started: true };
    const { container, record } = b.watch('c', probes, { containerStatuses: [told] }, { deletionTimestamp: 'now' });
    expect([b.prober.started(record, container), b.prober.ready(record, container)]).toEqual([true, true]);
    await b.clock.advance(5 * SECOND);
    expect(b.looks).toHaveLength(5);
    b.prober.close();
  });
});
