import { apiVersionOf, type Kind, type StoredForm } from '#api/kind.ts';
import { errors, type ResourceRef } from '#api/meta/errors.ts';
import type { KubeObject, Stored } from '#api/meta/objectmeta.ts';
import { ConvertedCache } from '../cache/converted-cache.ts';
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
  /** Set for a version that is another view of a resource: writes go there. */
  readonly storedAs?: StoredAs;
  /** Set where objects may lie in the store in an older version: what they are now, before anything is done with them. */
  readonly upToDate?: (o: Stored<KubeObject>) => Stored<KubeObject> | Promise<Stored<KubeObject>>;
  /** Set for objects that are not stored but made when they are asked for. */
  readonly live?: LiveObjects;
}

/** The objects of a resource that nobody stores. */
export interface LiveObjects {
  /** @throws StatusError 404 */
  get(namespace: string, name: string): Promise<KubeObject>;
  /** Those in a namespace ("": in all) whose metadata matches, in the order of their keys. */
  list(namespace: string, match: (o: Stored<KubeObject>) => boolean): Promise<readonly KubeObject[]>;
}

/** Where the objects of a further version really are. */
export interface StoredAs {
  readonly resource: Resource;
  toStored(o: KubeObject): KubeObject | Promise<KubeObject>;
  /** Converted, with this version's apiVersion and kind. */
  fromStored(o: Stored<KubeObject>): Stored<KubeObject> | Promise<Stored<KubeObject>>;
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

/** A further version of a resource that is served already. */
export function makeView(kind: Kind, form: StoredForm<KubeObject>, resource: Resource): Resource {
  const apiVersion = apiVersionOf(kind);
  const fromStored = (o: Stored<KubeObject>): Stored<KubeObject> =>
    ({ ...form.fromStored(o), kind: kind.kind, apiVersion }) as Stored<KubeObject>;
  return {
    kind,
    ref: { group: kind.group, plural: kind.plural, kind: kind.kind },
    apiVersion,
    prefix: resource.prefix,
    cache: new ConvertedCache(resource.cache, fromStored),
    encoding: resource.encoding,
    storedAs: { resource, toStored: form.toStored, fromStored },
  };
}

const NONE: readonly Resource[] = [];

/** All served resources, by group/version/plural. Changes at run time when CRDs come and go. */
export class ResourceTable {
  readonly #byPath = new Map<string, Resource>();
  /** The same once more: a request asks several times, and putting a path together costs more than to look at a few. */
  #byPlural = new Map<string, Resource[]>();
  /** Live resources that a custom one of the same name stands before. */
  readonly #behind = new Map<string, Resource>();
  readonly #listeners = new Set<() => void>();
  #generation = 0;

  static #path = (group: string, version: string, plural: string): string => `${group}/${version}/${plural}`;

  add(resource: Resource): void {
    const { group, version, plural } = resource.kind;
    const path = ResourceTable.#path(group, version, plural);
    const before = this.#byPath.get(path);
    // Who brings a metrics server of his own has it instead of ours.
    if (before?.live) this.#behind.set(path, before);
    this.#byPath.set(path, resource);
    this.#changed();
  }

  remove(kind: Kind): void {
    const path = ResourceTable.#path(kind.group, kind.version, kind.plural);
    const behind = this.#behind.get(path);
    if (behind) this.#byPath.set(path, behind);
    else this.#byPath.delete(path);
    this.#behind.delete(path);
    this.#changed();
  }

  find(group: string, version: string, plural: string): Resource | undefined {
    for (const r of this.#byPlural.get(plural) ?? NONE) {
      if (r.kind.version === version && r.kind.group === group) return r;
    }
    return undefined;
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
    this.#byPlural = Map.groupBy(this.#byPath.values(), (r) => r.kind.plural);
    for (const l of this.#listeners) l();
  }
}
