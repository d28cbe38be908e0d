import type { Clock } from '#async/clock.ts';

interface Waiter {
  readonly revision: number;
  readonly resolve: () => void;
}

/** How far the stream of changes has come, and who waits for it to come further. */
export class Progress {
  readonly #clock: Clock;
  readonly #waiters = new Set<Waiter>();
  #revision = 0;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** Every change up to this revision has been applied. */
  get revision(): number {
    return this.#revision;
  }

  advance(revision: number): void {
    if (revision <= this.#revision) return;
    this.#revision = revision;
    for (const w of this.#waiters) {
      if (w.revision > revision) continue;
      this.#waiters.delete(w);
      w.resolve();
    }
  }

  /** @returns whether `revision` was reached within `timeoutMs`. */
  reach(revision: number, timeoutMs: number): Promise<boolean> {
    if (revision <= this.#revision) return Promise.resolve(true);
    return new Promise((resolve) => {
      const waiter: Waiter = {
        revision,
        resolve: () => {
          timer.cancel();
          resolve(true);
        },
      };
      const timer = this.#clock.after(timeoutMs, () => {
        this.#waiters.delete(waiter);
        resolve(false);
      });
      this.#waiters.add(waiter);
    });
  }
}

/** The promise's value, or undefined when it takes longer than `ms`. */
export function within<T>(clock: Clock, promise: Promise<T>, ms: number): Promise<T | undefined> {
  return new Promise((resolve, reject) => {
    const timer = clock.after(ms, () => resolve(undefined));
    promise.then(resolve, reject).finally(() => timer.cancel());
  });
}
