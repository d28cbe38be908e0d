/** Entries by key, and in key order. An array once handed out never changes: the next change is made to a copy. */
export class SortedEntries<E extends { readonly key: string }> {
  readonly #byKey = new Map<string, E>();
  #sorted: E[] = [];
  #shared = false;

  get size(): number {
    return this.#sorted.length;
  }

  get(key: string): E | undefined {
    return this.#byKey.get(key);
  }

  /** By its place in key order. */
  at(index: number): E | undefined {
    return this.#sorted[index];
  }

  /** @returns the entry that was there. */
  set(entry: E): E | undefined {
    const previous = this.#byKey.get(entry.key);
    this.#byKey.set(entry.key, entry);
    const sorted = this.#writable();
    const at = lowerBound(sorted, entry.key);
    if (previous) sorted[at] = entry;
    else if (at === sorted.length) sorted.push(entry);
    else sorted.splice(at, 0, entry);
    return previous;
  }

  /** @returns the entry that was there. */
  delete(key: string): E | undefined {
    const previous = this.#byKey.get(key);
    if (!previous) return undefined;
    this.#byKey.delete(key);
    const sorted = this.#writable();
    sorted.splice(lowerBound(sorted, key), 1);
    return previous;
  }

  clear(): void {
    this.#byKey.clear();
    this.#sorted = [];
    this.#shared = false;
  }

  /** Entries whose key starts with `prefix`, in key order: a snapshot, not to be changed. */
  list(prefix: string): readonly E[] {
    if (prefix === '') {
      this.#shared = true;
      return this.#sorted;
    }
    const from = lowerBound(this.#sorted, prefix);
    // No key has a character as high as this.
    return this.#sorted.slice(from, lowerBound(this.#sorted, `${prefix}\uffff`));
  }

  #writable(): E[] {
    if (this.#shared) {
      this.#sorted = this.#sorted.slice();
      this.#shared = false;
    }
    return this.#sorted;
  }
}

/** Index of the first entry whose key is not before `key`. */
function lowerBound(sorted: readonly { readonly key: string }[], key: string): number {
  let low = 0;
  let high = sorted.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if ((sorted[middle]?.key ?? '') < key) low = middle + 1;
    else high = middle;
  }
  return low;
}

/** The sorted entries with those of `changes` in place of their keys' own; undefined takes a key out. */
export function overlaid<E extends { readonly key: string }>(
  sorted: readonly E[],
  changes: ReadonlyMap<string, E | undefined>,
): E[] {
  const added = [...changes].sort(([a], [b]) => (a < b ? -1 : 1));
  const out: E[] = [];
  let next = 0;
  for (const [key, entry] of added) {
    const at = lowerBound(sorted, key);
    for (; next < at; next++) out.push(sorted[next] as E);
    if (sorted[at]?.key === key) next = at + 1;
    if (entry) out.push(entry);
  }
  for (; next < sorted.length; next++) out.push(sorted[next] as E);
  return out;
}
