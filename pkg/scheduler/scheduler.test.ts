import { expect, test } from 'vitest';
import type { KubeObject, Stored } from '#api/meta/objectmeta.ts';
import { FakeClock } from '#async/fake-clock.ts';
import { ObjectStore, objectKeyOf } from '#client/store.ts';
import type { Client, InformerFactory, InformerHandlers } from '#client/types.ts';
import { silentLogger } from '#process/logger.ts';
import { makeNode, makePod } from './fixtures.ts';
import { Scheduler } from './scheduler.ts';

type Handlers = InformerHandlers<KubeObject>;

/** Caches that show what they are told. */
class Caches {
  readonly #stores = new Map<string, ObjectStore<KubeObject>>();
  readonly #handlers = new Map<string, Handlers[]>();

  readonly factory = {
    informer: ({ kind }: { kind: string }) => {
      const lister = this.#store(kind);
      const handlers = this.#handlers.get(kind) ?? [];
      this.#handlers.set(kind, handlers);
      return {
        lister,
        synced: () => Promise.resolve(),
        addIndex: (name: string, values: (o: Stored<KubeObject>) => string[]) => lister.addIndex(name, values),
        addHandlers: (h: Handlers) => handlers.push(h),
      };
    },
  } as unknown as InformerFactory;

  #store(kind: string): ObjectStore<KubeObject> {
    const store = this.#stores.get(kind) ?? new ObjectStore<KubeObject>();
    this.#stores.set(kind, store);
    return store;
  }

  add(kind: string, o: Stored<KubeObject>): void {
    this.#store(kind).set(objectKeyOf(o), o);
    for (const h of this.#handlers.get(kind) ?? []) h.onAdd?.(o);
  }

  remove(kind: string, o: Stored<KubeObject>): void {
    this.#store(kind).delete(objectKeyOf(o));
    for (const h of this.#handlers.get(kind) ?? []) h.onDelete?.(o);
  }
}

test('while the victims of a pod are being evicted, it does not push out others', async () => {
  const clock = new FakeClock();
  const caches = new Caches();
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
  for (const node of ['a', 'b']) caches.add('Node', makeNode(node));
  caches.add('Pod', on('a', 'victim', 5));
  caches.add('Pod', other);
  const running = scheduler.run(stop.signal);
  caches.add('Pod', makePod('important', { cpu: '3', priority: 10 }));
  await clock.advance(100);
  expect(patched.filter((name) => name !== 'important')).toEqual(['victim']);
  // A better victim comes up, and news that wakes the pod.
  caches.remove('Pod', other);
  caches.add('Pod', on('b', 'cheap', 1));
  await clock.advance(60_000);
  expect(patched.filter((name) => name !== 'important')).toEqual(['victim']);
  stop.abort();
  await running;
});
