import { describe, expect, test } from 'vitest';
import { type PersistentVolume, PersistentVolumes, type Pod, Pods } from '#api/kinds/index.ts';
import { errors } from '#api/meta/errors.ts';
import type { KubeObject, Stored } from '#api/meta/objectmeta.ts';
import { FakeClock } from '#async/fake-clock.ts';
import { FakeCaches } from '#client/fake-caches.ts';
import type { Client } from '#client/types.ts';
import { silentLogger } from '#process/logger.ts';
import { makeNode, makePod } from './fixtures.ts';
import { Scheduler } from './scheduler.ts';

test('while the victims of a pod are being evicted, it does not push out others', async () => {
  const clock = new FakeClock();
  const caches = new FakeCaches();
  const patched: string[] = [];
  const client = {
    patch: (_kind: unknown, { name }: { name: string }) => {
      patched.push(name);
      return new Promise(() => {});
    },
  } as unknown as Client;
  const events = () => ({ event: () => {}, flush: () => Promise.resolve() });
  const scheduler = new Scheduler({ client, clock, events, informers: caches.factory, logger: silentLogger });
  const stop = new AbortController();
  const on = (nodeName: string, name: string, priority: number) =>
    makePod(name, { cpu: '3', priority, spec: { nodeName }, status: { startTime: `since ${name}` } });
  const other = on('b', 'a-longer-one', 5);
  for (const node of ['a', 'b']) caches.set('Node', makeNode(node));
  caches.set('Pod', on('a', 'victim', 5));
  caches.set('Pod', other);
  const running = scheduler.run(stop.signal);
  caches.set('Pod', makePod('important', { cpu: '3', priority: 10 }));
  await clock.advance(100);
  expect(patched.filter((name) => name !== 'important')).toEqual(['victim']);
  // A better victim comes up, and news that wakes the pod.
  caches.remove('Pod', other);
  caches.set('Pod', on('b', 'cheap', 1));
  await clock.advance(60_000);
  expect(patched.filter((name) => name !== 'important')).toEqual(['victim']);
  stop.abort();
  await running;
});

test('a pod of higher priority takes the node that was kept for another, which is told and looks again', async () => {
  const clock = new FakeClock();
  const told: unknown[] = [];
  const client = {
    patch: async (_kind: unknown, { name }: { name: string }, { body }: { body: { status: object } }) => {
      if ('nominatedNodeName' in body.status) told.push([name, body.status.nominatedNodeName]);
      return {};
    },
    // The victim takes its time.
    delete: () => new Promise(() => {}),
  } as unknown as Client;
  const caches = new FakeCaches({ Node: [makeNode('a')] });
  const events = () => ({ event: () => {}, flush: () => Promise.resolve() });
  const scheduler = new Scheduler({ client, clock, events, informers: caches.factory, logger: silentLogger });
  caches.set('Pod', makePod('victim', { cpu: '3', priority: 1, spec: { nodeName: 'a' } }));
  const stop = new AbortController();
  const running = scheduler.run(stop.signal);
  caches.set('Pod', makePod('middle', { cpu: '3', priority: 5 }));
  await clock.advance(100);
  expect(told).toEqual([['middle', 'a']]);
  caches.set('Pod', makePod('top', { cpu: '3', priority: 10 }));
  await clock.advance(100);
  // Of what was written first the cache has not heard yet.
  expect(told.slice(1).sort()).toEqual([
    ['middle', null],
    ['top', 'a'],
  ]);
  stop.abort();
  await running;
});

test('however many pods fit nowhere, all else in the process gets its turn', async () => {
  /** Each look at it takes a millisecond. */
  class RunningClock extends FakeClock {
    override now(): number {
      this.jump(1);
      return super.now();
    }
  }
  const clock = new RunningClock();
  const caches = new FakeCaches({ Node: [makeNode('a')] });
  const client = { patch: async () => ({}) } as unknown as Client;
  let tried = 0;
  const events = () => ({ event: () => void tried++, flush: () => Promise.resolve() });
  const scheduler = new Scheduler({ client, clock, events, informers: caches.factory, logger: silentLogger });
  for (let i = 0; i < 1000; i++) caches.set('Pod', makePod(`p${i}`, { cpu: '5' }));
  const stop = new AbortController();
  const running = scheduler.run(stop.signal);
  await new Promise((resolve) => setImmediate(resolve));
  expect(tried).toBeGreaterThan(0);
  expect(tried).toBeLessThan(100);
  for (let i = 0; i < 100 && tried < 1000; i++) await clock.advance(1000);
  expect(tried).toBeGreaterThanOrEqual(1000);
  stop.abort();
  await running;
});

test.each([
  ['has shrunk on its node', '1', 'bound'],
  ['is only to shrink', '3', undefined],
])('a pod that waits is tried again when another one %s', async (_, inForce, outcome) => {
  const clock = new FakeClock();
  const caches = new FakeCaches({ Node: [makeNode('a')] });
  let bound: string | undefined;
  const client = {
    patch: async () => ({}),
    createSubresource: async () => {
      bound = 'bound';
    },
  } as unknown as Client;
  const events = () => ({ event: () => {}, flush: () => Promise.resolve() });
  const scheduler = new Scheduler({ client, clock, events, informers: caches.factory, logger: silentLogger });
  const large = (cpu: string, requests: object) =>
    makePod('large', {
      spec: { nodeName: 'a', containers: [{ name: 'c', resources: { requests: { cpu } } }] },
      status: {
        phase: 'Running',
        containerStatuses: [{ name: 'c', allocatedResources: requests, resources: { requests } }],
      },
    });
  caches.set('Pod', large('3', { cpu: '3' }));
  const stop = new AbortController();
  const running = scheduler.run(stop.signal);
  caches.set('Pod', makePod('waiting', { cpu: '2' }));
  await clock.advance(20_000);
  // It is asked for, then it is done.
  caches.set('Pod', large('1', { cpu: '3' }));
  await clock.advance(20_000);
  caches.set('Pod', large('1', { cpu: inForce }));
  await clock.advance(20_000);
  expect(bound).toBe(outcome);
  stop.abort();
  await running;
});

describe('pods that are not bound after all', () => {
  const CLAIM = 'PersistentVolumeClaim';
  const VOLUME = 'PersistentVolume';
  const claim = (name: string) =>
    ({
      metadata: { namespace: 'ns', name, uid: name, resourceVersion: '1' },
      spec: { storageClassName: 'late', accessModes: ['ReadWriteOnce'], resources: { requests: { storage: '1Gi' } } },
    }) as unknown as Stored<KubeObject>;
  const volume = (name: string) =>
    ({
      metadata: { name, uid: name, resourceVersion: '1' },
      spec: { storageClassName: 'late', accessModes: ['ReadWriteOnce'], capacity: { storage: '1Gi' } },
      status: { phase: 'Available' },
    }) as unknown as Stored<KubeObject>;
  const using = (name: string, claimName: string) =>
    makePod(name, { spec: { volumes: [{ name: 'data', persistentVolumeClaim: { claimName } }] } });

  /** @param bind what becomes of the binding of a pod; @param update what becomes of what is written on a volume */
  function start(
    bind: (pod: string) => Promise<unknown>,
    update: (o: Stored<PersistentVolume>) => Promise<unknown> = () => new Promise(() => {}),
    told: string[] = [],
  ) {
    const clock = new FakeClock();
    const caches = new FakeCaches({
      Node: [makeNode('a')],
      StorageClass: [
        {
          metadata: { name: 'late' },
          provisioner: 'kubernetes.io/no-provisioner',
          volumeBindingMode: 'WaitForFirstConsumer',
        },
      ],
    });
    const client = {
      createSubresource: (_kind: unknown, { name }: { name: string }) => bind(name),
      update: (_kind: unknown, o: Stored<PersistentVolume>) => update(o),
      patch: async (_kind: unknown, _at: object, { body }: { body: Partial<Pod> }) => {
        for (const c of body.status?.conditions ?? []) told.push(`${c.reason}: ${c.message}`);
        return {};
      },
    } as unknown as Client;
    const event = (_pod: unknown, _type: unknown, reason: string, message: string) =>
      void told.push(`${reason}: ${message}`);
    const events = () => ({ event, flush: () => Promise.resolve() });
    const scheduler = new Scheduler({ client, clock, events, informers: caches.factory, logger: silentLogger });
    const stop = new AbortController();
    const running = scheduler.run(stop.signal);
    const end = async () => {
      stop.abort();
      await running;
    };
    return { clock, caches, end };
  }

  test('leave their room to those that wait for it', async () => {
    const { promise, reject } = Promise.withResolvers<never>();
    const bound: string[] = [];
    const { clock, caches, end } = start((pod) => (pod === 'first' ? promise : Promise.resolve(bound.push(pod))));
    for (const name of ['first', 'second']) {
      caches.set('Pod', makePod(name, { cpu: '3' }));
      await clock.advance(10_000);
    }
    expect(bound).toEqual([]);
    reject(errors.notFound(Pods, 'first'));
    await clock.advance(20_000);
    expect(bound).toEqual(['second']);
    await end();
  });

  test.each([
    [
      'refused',
      errors.forbidden(Pods, 'p', 'no'),
      ['SchedulerError', 'FailedScheduling'].map((reason) => `${reason}: running Bind plugin "DefaultBinder": `),
    ],
    ['to a pod that is gone', errors.notFound(Pods, 'p'), []],
  ])('are told why: the binding was %s', async (_, error, expected) => {
    const told: string[] = [];
    const { clock, caches, end } = start(() => Promise.reject(error), undefined, told);
    caches.set('Pod', makePod('p', { cpu: '3' }));
    await clock.advance(500);
    expect(told.sort()).toEqual(expected.map((start) => start + error.message).sort());
    await end();
  });

  test('leave their volume to those that wait for it', async () => {
    const { promise, reject } = Promise.withResolvers<never>();
    const wanted: unknown[] = [];
    const { clock, caches, end } = start(
      () => new Promise(() => {}),
      ({ metadata, spec }) => {
        wanted.push(`${metadata.name} for ${spec?.claimRef?.name}`);
        return promise;
      },
    );
    for (const name of ['c', 'd']) caches.set(CLAIM, claim(name));
    caches.set(VOLUME, volume('v'));
    caches.set('Pod', using('first', 'c'));
    await clock.advance(100);
    caches.set('Pod', using('second', 'd'));
    await clock.advance(20_000);
    expect(wanted).toEqual(['v for c']);
    caches.remove('Pod', using('first', 'c'));
    reject(errors.conflict(PersistentVolumes, 'v', 'somebody was faster'));
    await clock.advance(20_000);
    expect(wanted.slice(0, 2)).toEqual(['v for c', 'v for d']);
    await end();
  });
});
