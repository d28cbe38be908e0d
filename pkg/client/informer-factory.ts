import { apiVersionOf, type Kind } from '#api/kind.ts';
import type { KubeObject } from '#api/meta/objectmeta.ts';
import { type InformerDeps, ListWatchInformer } from './informer.ts';
import type { Informer, InformerFactory, InformerOptions } from './types.ts';

const keyOf = (kind: Kind, o: InformerOptions): string =>
  JSON.stringify([apiVersionOf(kind), kind.plural, o.namespace, o.labelSelector, o.fieldSelector, o.metadataOnly]);

/** One informer per kind and filter; all run until the factory's signal aborts. */
export function createInformerFactory(deps: InformerDeps & { readonly signal: AbortSignal }): InformerFactory {
  const informers = new Map<string, { informer: ListWatchInformer<KubeObject>; end: AbortController }>();
  return {
    informer<T extends KubeObject>(kind: Kind<T>, options: InformerOptions = {}): Informer<T> {
      const key = keyOf(kind as unknown as Kind, options);
      let found = informers.get(key);
      if (!found) {
        found = { informer: new ListWatchInformer(kind as unknown as Kind, options, deps), end: new AbortController() };
        informers.set(key, found);
      }
      return found.informer as unknown as Informer<T>;
    },
    start() {
      for (const { informer, end } of informers.values()) {
        // Not caught on purpose: an informer that ends by itself has a defect, and the process must not go on without it.
        if (!informer.started) void informer.run(AbortSignal.any([deps.signal, end.signal]));
      }
    },
    stop(kind, options = {}) {
      const key = keyOf(kind, options);
      informers.get(key)?.end.abort();
      informers.delete(key);
    },
    async synced(signal) {
      const started = [...informers.values()].map((i) => i.informer).filter((i) => i.started);
      await Promise.all(started.map((i) => i.synced(signal)));
    },
  };
}
