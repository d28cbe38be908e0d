import type { OwnerReference } from '#api/meta/objectmeta.ts';

/** Owners remembered; the oldest is forgotten first (and asked for again when it matters). */
const CAPACITY = 1000;

/**
 * Owners a live read has shown to be gone, so that a thousand dependents of one owner cost one read. An entry stays true:
 * a uid never comes back. It holds for the place that was looked at only, because a reference may name a wrong one.
 */
export class AbsentOwners {
  readonly #known = new Set<string>();

  has(ref: OwnerReference, namespace: string): boolean {
    return this.#known.has(keyOf(ref, namespace));
  }

  add(ref: OwnerReference, namespace: string): void {
    if (this.#known.size >= CAPACITY) {
      const [oldest] = this.#known;
      if (oldest !== undefined) this.#known.delete(oldest);
    }
    this.#known.add(keyOf(ref, namespace));
  }
}

const keyOf = (r: OwnerReference, namespace: string): string =>
  [r.apiVersion, r.kind, namespace, r.name, r.uid].join('/');
