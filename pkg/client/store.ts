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
const BY_NAMESPACE = 'namespace';

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

  list(namespace?: string): Iterable<Stored<T>> {
    if (!namespace) return this.#objects.values();
    // Made when it is first asked for: most kinds never are.
    this.addIndex(BY_NAMESPACE, (o) => [o.metadata.namespace ?? '']);
    return this.#indexes.get(BY_NAMESPACE)?.entries.get(namespace)?.values() ?? NONE;
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
      const values = this.#link(index, key, o);
      // In place where it stays under a value: who walks an index while it changes meets nothing twice.
      if (old) this.#unlink(index, key, old, values);
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

  #link(index: Index<T>, key: string, o: Stored<T>): readonly string[] {
    const values = index.values(o);
    for (const value of values) {
      const bucket = index.entries.get(value) ?? new Map<string, Stored<T>>();
      index.entries.set(value, bucket.set(key, o));
    }
    return values;
  }

  #unlink(index: Index<T>, key: string, o: Stored<T>, kept: readonly string[] = NONE): void {
    for (const value of index.values(o)) {
      if (kept.includes(value)) continue;
      const bucket = index.entries.get(value);
      bucket?.delete(key);
      if (bucket?.size === 0) index.entries.delete(value);
    }
  }
}
