import { apiVersionOf, type Kind } from '#api/kind.ts';
import type { KubeObject } from '#api/meta/objectmeta.ts';
import { type InformerDeps, ListWatchInformer } from './informer.ts';
import type { Informer, InformerFactory, InformerOptions } from './types.ts';

/** One informer per kind and filter; all run until the factory's signal aborts. */
export function createInformerFactory(deps: InformerDeps & { readonly signal: AbortSignal }): InformerFactory {
  const informers = new Map<string, ListWatchInformer<KubeObject>>();
  return {
    informer<T extends KubeObject>(kind: Kind<T>, options: InformerOptions = {}): Informer<T> {
      const { namespace, labelSelector, fieldSelector } = options;
      const key = JSON.stringify([apiVersionOf(kind), kind.plural, namespace, labelSelector, fieldSelector]);
      let found = informers.get(key);
      if (!found) {
        found = new ListWatchInformer(kind as unknown as Kind, options, deps);
        informers.set(key, found);
      }
      return found as unknown as Informer<T>;
    },
    start() {
      for (const i of informers.values()) {
        // Not caught on purpose: an informer that ends by itself has a defect, and the process must not go on without it.
        if (!i.started) void i.run(deps.signal);
      }
    },
    async synced(signal) {
      await Promise.all([...informers.values()].filter((i) => i.started).map((i) => i.synced(signal)));
    },
  };
}
