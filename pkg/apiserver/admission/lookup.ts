import type { Kind } from '#api/kind.ts';
import type { KubeObject, Stored } from '#api/meta/objectmeta.ts';
import type { Storage } from '#storage/storage.ts';
import { objectKey, type ResourceTable } from '../registry/resource.ts';

/** Objects that admission decides by. */
export interface Lookup {
  /** From the cache; what another server made a moment ago and is not there yet, from etcd. */
  find<T extends KubeObject>(kind: Kind<T>, namespace: string, name: string): Promise<Stored<T> | undefined>;
  /** All of a namespace ("": of the cluster) that the cache knows. */
  list<T extends KubeObject>(kind: Kind<T>, namespace: string): readonly Stored<T>[];
}

export function lookupIn(resources: ResourceTable, storage: Storage): Lookup {
  return {
    async find<T extends KubeObject>(kind: Kind<T>, namespace: string, name: string) {
      const { cache, prefix } = resources.of(kind);
      const key = objectKey(kind as unknown as Kind, namespace, name);
      const cached = cache.get(key);
      if (cached) return cached.object as Stored<T>;
      const stored = await storage.get(prefix + key);
      return stored && (cache.decode(stored)?.object as Stored<T> | undefined);
    },
    list<T extends KubeObject>(kind: Kind<T>, namespace: string) {
      const entries = resources.of(kind).cache.list(namespace ? `${namespace}/` : '');
      return entries.map((e) => e.object as Stored<T>);
    },
  };
}
