import { isNewer } from '#client/resource-version.ts';

interface Kept<T> {
  what: T;
  /** Pods it is kept for. */
  readonly pods: Set<string>;
  /** Version of the object in which this stands; undefined: not written yet. */
  written: string | undefined;
}

/**
 * What is decided about objects and not to be seen in the cache yet, by the objects' keys: from the decision until the
 * cache shows what was written, or until no pod wants it any more. Bounded by what the pods that are being bound use.
 */
export class Reservations<T> {
  readonly #kept = new Map<string, Kept<T>>();
  readonly #idOf: (what: T) => string;
  readonly #cached: (key: string) => string | undefined;

  /**
   * @param idOf equal for what is the same decision
   * @param cached version of an object in the cache; undefined: it is not there
   */
  constructor(idOf: (what: T) => string, cached: (key: string) => string | undefined) {
    this.#idOf = idOf;
    this.#cached = cached;
  }

  get size(): number {
    return this.#kept.size;
  }

  /** @param pod uid of the pod that needs it */
  keep(key: string, what: T, pod: string): void {
    const kept = this.#kept.get(key);
    if (kept && this.#standing(key, kept) && this.#idOf(kept.what) === this.#idOf(what)) kept.pods.add(pod);
    else this.#kept.set(key, { what, pods: new Set([...(kept?.pods ?? []), pod]), written: undefined });
  }

  /** It stands in this version of the object. */
  wrote(key: string, version: string): void {
    const kept = this.#kept.get(key);
    if (kept) kept.written = version;
  }

  /** What is decided and not to be seen yet. */
  of(key: string): T | undefined {
    const kept = this.#kept.get(key);
    return kept && this.#standing(key, kept) ? kept.what : undefined;
  }

  /** Key of the object about which this is decided and not to be seen yet. */
  keyOf(id: string): string | undefined {
    for (const [key, kept] of this.#kept) if (this.#idOf(kept.what) === id && this.#standing(key, kept)) return key;
    return undefined;
  }

  /** Version of the object in which what is decided stands, if that is not to be seen yet. */
  writtenAs(key: string): string | undefined {
    const kept = this.#kept.get(key);
    return kept && this.#standing(key, kept) ? kept.written : undefined;
  }

  #standing(key: string, { written }: Kept<T>): boolean {
    const cached = this.#cached(key);
    return cached !== undefined && (written === undefined || isNewer(written, cached));
  }

  /** The pod is bound, or tried again later. @returns keys of what was never written and that nobody needs now */
  release(pod: string): string[] {
    const free: string[] = [];
    for (const [key, kept] of this.#kept) {
      if (!kept.pods.delete(pod) || kept.pods.size > 0) continue;
      if (kept.written === undefined) free.push(key);
      if (kept.written === undefined || !this.#standing(key, kept)) this.#kept.delete(key);
    }
    return free;
  }

  /** The object changed in the cache. */
  seen(key: string): void {
    const kept = this.#kept.get(key);
    if (kept && kept.pods.size === 0 && !this.#standing(key, kept)) this.#kept.delete(key);
  }
}
