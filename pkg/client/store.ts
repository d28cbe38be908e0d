import type { KubeObject, Stored } from '#api/meta/objectmeta.ts';
import type { Lister } from './types.ts';

export const objectKeyOf = (o: KubeObject): string =>
  o.metadata?.namespace ? `${o.metadata.namespace}/${o.metadata.name}` : (o.metadata?.name ?? '');

type IndexFn<T extends KubeObject> = (o: Stored<T>) => readonly string[];

interface Index<T extends KubeObject> {
  readonly values: IndexFn<T>;
  readonly entries: Map<string, Map<string, Stored<T>>>;
}

const NONE: readonly never[] = [];

/** An informer's cache with its indexes. */
export class ObjectStore<T extends KubeObject> implements Lister<T> {
  readonly #objects = new Map<string, Stored<T>>();
  readonly #indexes = new Map<string, Index<T>>();

  addIndex(name: string, values: IndexFn<T>): void {
    if (this.#indexes.has(name)) return;
    const index: Index<T> = { values, entries: new Map() };
    this.#indexes.set(name, index);
    for (const [key, o] of this.#objects) this.#link(index, key, o);
  }

  get(name: string, namespace?: string): Stored<T> | undefined {
    return this.#objects.get(namespace ? `${namespace}/${name}` : name);
  }

  byKey(key: string): Stored<T> | undefined {
    return this.#objects.get(key);
  }

  *list(namespace?: string): Iterable<Stored<T>> {
    for (const o of this.#objects.values()) if (!namespace || o.metadata.namespace === namespace) yield o;
  }

  byIndex(name: string, value: string): readonly Stored<T>[] {
    const found = this.#indexes.get(name)?.entries.get(value);
    return found ? [...found.values()] : NONE;
  }

  keys(): Iterable<string> {
    return this.#objects.keys();
  }

  get size(): number {
    return this.#objects.size;
  }

  /** @returns the object replaced. */
  set(key: string, o: Stored<T>): Stored<T> | undefined {
    const old = this.#objects.get(key);
    this.#objects.set(key, o);
    for (const index of this.#indexes.values()) {
      if (old) this.#unlink(index, key, old);
      this.#link(index, key, o);
    }
    return old;
  }

  delete(key: string): Stored<T> | undefined {
    const old = this.#objects.get(key);
    if (!old) return undefined;
    this.#objects.delete(key);
    for (const index of this.#indexes.values()) this.#unlink(index, key, old);
    return old;
  }

  #link(index: Index<T>, key: string, o: Stored<T>): void {
    for (const value of index.values(o)) {
      const bucket = index.entries.get(value) ?? new Map<string, Stored<T>>();
      index.entries.set(value, bucket.set(key, o));
    }
  }

  #unlink(index: Index<T>, key: string, o: Stored<T>): void {
    for (const value of index.values(o)) {
      const bucket = index.entries.get(value);
      bucket?.delete(key);
      if (bucket?.size === 0) index.entries.delete(value);
    }
  }
}
