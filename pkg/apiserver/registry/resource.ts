import { apiVersionOf, type Kind } from '#api/kind.ts';
import { errors, type ResourceRef } from '#api/meta/errors.ts';
import type { KubeObject } from '#api/meta/objectmeta.ts';
import type { ResourceCache } from '../cache/types.ts';
import type { Encoding } from './encoding.ts';

/** A kind being served: its declaration, where it is stored, and its watch cache. */
export interface Resource<T extends KubeObject = KubeObject> {
  readonly kind: Kind<T>;
  readonly ref: ResourceRef;
  readonly apiVersion: string;
  /** `/registry/<group>/<plural>/`. */
  readonly prefix: string;
  readonly cache: ResourceCache;
  readonly encoding: Encoding;
}

/** The etcd prefix of a resource; the core group is spelled out so that every key has the same depth. */
export const storagePrefix = (k: { group: string; plural: string }): string =>
  `/registry/${k.group || 'core'}/${k.plural}/`;

/** Key below the prefix. */
export const objectKey = (kind: Kind, namespace: string, name: string): string =>
  kind.namespaced ? `${namespace}/${name}` : name;

export function makeResource(kind: Kind, cache: ResourceCache, encoding: Encoding): Resource {
  return {
    kind,
    ref: { group: kind.group, plural: kind.plural, kind: kind.kind },
    apiVersion: apiVersionOf(kind),
    prefix: storagePrefix(kind),
    cache,
    encoding,
  };
}

/** All served resources, by group/version/plural. Changes at run time when CRDs come and go. */
export class ResourceTable {
  readonly #byPath = new Map<string, Resource>();
  readonly #listeners = new Set<() => void>();
  #generation = 0;

  static #path = (group: string, version: string, plural: string): string => `${group}/${version}/${plural}`;

  add(resource: Resource): void {
    const { group, version, plural } = resource.kind;
    this.#byPath.set(ResourceTable.#path(group, version, plural), resource);
    this.#changed();
  }

  remove(kind: Kind): void {
    this.#byPath.delete(ResourceTable.#path(kind.group, kind.version, kind.plural));
    this.#changed();
  }

  find(group: string, version: string, plural: string): Resource | undefined {
    return this.#byPath.get(ResourceTable.#path(group, version, plural));
  }

  /** The resource of a built-in kind. @throws when it is not served. */
  of<T extends KubeObject>(kind: Kind<T>): Resource<T> {
    const found = this.find(kind.group, kind.version, kind.plural);
    if (!found) throw errors.internal(`${kind.plural} is not served`);
    return found as unknown as Resource<T>;
  }

  all(): Resource[] {
    return [...this.#byPath.values()];
  }

  /** Grows on every change; caches of derived documents compare it. */
  get generation(): number {
    return this.#generation;
  }

  onChange(listener: () => void): void {
    this.#listeners.add(listener);
  }

  #changed(): void {
    this.#generation++;
    for (const l of this.#listeners) l();
  }
}
