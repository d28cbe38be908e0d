import type { Clock } from '#async/clock.ts';

/**
 * Lets an action on a key happen at once, and each further one after a wait that doubles: for what may be wanted again
 * and again without success, such as replacing a pod that always fails. A key idle for twice its longest wait starts anew.
 */
export class RetryGate {
  readonly #clock: Clock;
  readonly #baseMs: number;
  readonly #maxMs: number;
  readonly #keys = new Map<string, { waitMs: number; openAt: number }>();

  constructor(clock: Clock, bounds: { readonly baseMs: number; readonly maxMs: number }) {
    this.#clock = clock;
    this.#baseMs = bounds.baseMs;
    this.#maxMs = bounds.maxMs;
  }

  /** @returns 0 when the action may happen now (and the next wait begins), else the milliseconds until it may. */
  pass(key: string): number {
    const now = this.#clock.now();
    const entry = this.#keys.get(key);
    if (entry && now < entry.openAt) return entry.openAt - now;
    const waitMs = entry ? Math.min(entry.waitMs * 2, this.#maxMs) : this.#baseMs;
    this.#sweep(now);
    this.#keys.set(key, { waitMs, openAt: now + waitMs });
    return 0;
  }

  #sweep(now: number): void {
    for (const [key, { openAt }] of this.#keys) if (now > openAt + 2 * this.#maxMs) this.#keys.delete(key);
  }
}
