import { Registry } from 'prom-client';
import { expect, test } from 'vitest';
import { ConfigMaps } from '#api/kinds/index.ts';
import { errors } from '#api/meta/errors.ts';
import type { KubeObject, Stored } from '#api/meta/objectmeta.ts';
import { FakeClock } from '#async/fake-clock.ts';
import { createWorkQueue } from '#async/work-queue.ts';
import type { Informer, InformerFactory, InformerHandlers } from '#client/types.ts';
import { silentLogger } from '#process/logger.ts';
import { type Controller, ownKey, watching } from './controller.ts';
import { controllerMetrics } from './metrics.ts';
import { runControllers } from './run.ts';

/** An informer under the hand of the test: events come from `events`, the first list is complete when `sync` is called. */
function handInformers() {
  const events: InformerHandlers<KubeObject> = {};
  const { promise, resolve } = Promise.withResolvers<void>();
  const informer = {
    addHandlers: (h: InformerHandlers<KubeObject>) => Object.assign(events, h),
    synced: (signal?: AbortSignal) =>
      Promise.race([promise, new Promise<void>((_, no) => signal?.addEventListener('abort', () => no(signal.reason)))]),
  } as unknown as Informer<KubeObject>;
  const factory = { informer: () => informer, start: () => {}, synced: () => promise } as unknown as InformerFactory;
  return { factory, events, sync: resolve };
}

const object = (name: string): Stored<KubeObject> => ({
  metadata: { name, uid: name, resourceVersion: '1', creationTimestamp: '' },
});

function setup(reconcile: Controller['reconcile'], workers = 1) {
  const clock = new FakeClock();
  const informers = handInformers();
  const registry = new Registry();
  const stop = new AbortController();
  const controller: Controller = { name: 'c', watches: [watching(ConfigMaps as never, ownKey)], reconcile };
  const options = {
    informers: informers.factory,
    queue: () => createWorkQueue({ clock }),
    clock,
    log: silentLogger,
    workers,
  };
  const done = runControllers([controller], { ...options, metrics: controllerMetrics(registry) }, stop.signal);
  return { clock, registry, stop, done, ...informers };
}
const settle = async (): Promise<void> => {
  for (let i = 0; i < 20; i++) await Promise.resolve();
};

test('nothing is reconciled before the caches are complete', async () => {
  const keys: string[] = [];
  const t = setup(async (key) => void keys.push(key) as undefined);
  t.events.onAdd?.(object('a'));
  t.events.onAdd?.(object('a'));
  await settle();
  expect(keys).toEqual([]);
  t.sync();
  await settle();
  expect(keys).toEqual(['a']);
  t.stop.abort();
  await t.done;
});

test('an error is tried again with back-off, an outcome after its time, both are counted', async () => {
  const answers: (() => undefined | { afterMs: number })[] = [
    () => {
      throw new Error('no');
    },
    () => {
      throw errors.modified({ group: '', plural: 'x', kind: 'X' }, 'a');
    },
    () => ({ afterMs: 5000 }),
    () => undefined,
  ];
  let calls = 0;
  const t = setup(async () => answers[calls++]?.());
  t.sync();
  t.events.onAdd?.(object('a'));
  await settle();
  expect(calls).toBe(1);
  await t.clock.advance(5);
  await settle();
  expect(calls).toBe(2);
  await t.clock.advance(10);
  await settle();
  expect(calls).toBe(3);
  await t.clock.advance(4999);
  await settle();
  expect(calls).toBe(3);
  await t.clock.advance(1);
  await settle();
  expect(calls).toBe(4);
  t.stop.abort();
  await t.done;
  const text = await t.registry.metrics();
  expect(text).toContain('controller_reconcile_total{controller="c",result="success"} 2');
  expect(text).toContain('controller_reconcile_total{controller="c",result="error"} 2');
});

test('the end waits for work in flight and starts no more', async () => {
  const gate = Promise.withResolvers<void>();
  const keys: string[] = [];
  const t = setup(async (key) => {
    keys.push(key);
    await gate.promise;
    return undefined;
  });
  t.sync();
  t.events.onAdd?.(object('a'));
  await settle();
  t.events.onAdd?.(object('b'));
  t.stop.abort();
  let ended = false;
  const done = t.done.then(() => {
    ended = true;
  });
  await settle();
  expect(ended).toBe(false);
  gate.resolve();
  await done;
  expect(keys).toEqual(['a']);
});

test('it ends though the caches never completed', async () => {
  const t = setup(async () => undefined);
  t.stop.abort();
  await expect(t.done).resolves.toBeUndefined();
});
