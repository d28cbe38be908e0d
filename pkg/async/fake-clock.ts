import type { Clock, Timer } from './clock.ts';

interface Pending {
  readonly at: number;
  readonly order: number;
  readonly fn: () => void;
}

/** A clock that moves only when told to: for unit tests. */
export class FakeClock implements Clock {
  #now: number;
  #order = 0;
  readonly #pending = new Set<Pending>();

  constructor(start = Date.UTC(2026, 0, 1)) {
    this.#now = start;
  }

  now(): number {
    return this.#now;
  }

  after(ms: number, fn: () => void): Timer {
    const p: Pending = { at: this.#now + ms, order: this.#order++, fn };
    this.#pending.add(p);
    return { cancel: () => void this.#pending.delete(p) };
  }

  sleep(ms: number, signal?: AbortSignal): Promise<void> {
    return new Promise((resolve, reject) => {
      if (signal?.aborted) return reject(signal.reason);
      const onAbort = (): void => {
        timer.cancel();
        reject(signal?.reason);
      };
      const timer = this.after(ms, () => {
        signal?.removeEventListener('abort', onAbort);
        resolve();
      });
      signal?.addEventListener('abort', onAbort, { once: true });
    });
  }

  /** Sets the time without running any timer: a process that was stopped, or a changed wall clock. */
  jump(ms: number): void {
    this.#now += ms;
  }

  /** Timers not yet due. */
  get pending(): number {
    return this.#pending.size;
  }

  /** Moves time on, running due timers in order and letting promises settle after each. */
  async advance(ms: number): Promise<void> {
    const until = this.#now + ms;
    await settle();
    for (let next = this.#due(until); next; next = this.#due(until)) {
      this.#pending.delete(next);
      this.#now = Math.max(this.#now, next.at);
      next.fn();
      await settle();
    }
    this.#now = until;
    await settle();
  }

  #due(until: number): Pending | undefined {
    let first: Pending | undefined;
    for (const p of this.#pending) {
      if (p.at > until) continue;
      if (!first || p.at < first.at || (p.at === first.at && p.order < first.order)) first = p;
    }
    return first;
  }
}

/** A turn of the event loop runs every promise callback that is ready. */
const settle = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));
