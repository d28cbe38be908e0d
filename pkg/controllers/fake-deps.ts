import type { KubeObject, Stored } from '#api/meta/objectmeta.ts';
import { FakeClock } from '#async/fake-clock.ts';
import { ObjectStore, objectKeyOf } from '#client/store.ts';
import type { Client, Informer, InformerFactory } from '#client/types.ts';
import { silentLogger } from '#process/logger.ts';
import { NOW } from './fixtures.ts';
import type { ControllerDeps } from './harness/controller.ts';

/**
 * For unit tests: what a controller is built from, with caches that hold these objects and hear of nothing.
 * @param known objects by kind; @param client those methods that are called
 */
export function fakeDeps(known: Readonly<Record<string, readonly object[]>>, client: object): ControllerDeps {
  const informers = new Map<string, Informer<KubeObject>>();
  const informer = ({ kind }: { readonly kind: string }): Informer<KubeObject> => {
    const made = informers.get(kind);
    if (made) return made;
    const lister = new ObjectStore<KubeObject>();
    for (const o of known[kind] ?? []) lister.set(objectKeyOf(o as KubeObject), o as Stored<KubeObject>);
    const next: Informer<KubeObject> = {
      lister,
      resourceVersion: '1',
      hasSynced: () => true,
      synced: () => Promise.resolve(),
      addHandlers: (handlers) => {
        for (const o of lister.list()) handlers.onAdd?.(o);
      },
      addIndex: (name, values) => lister.addIndex(name, values),
    };
    informers.set(kind, next);
    return next;
  };
  return {
    client: client as Client,
    informers: { informer } as unknown as InformerFactory,
    events: () => ({ event: () => {}, flush: () => Promise.resolve() }),
    clock: new FakeClock(NOW),
    log: silentLogger,
  };
}
