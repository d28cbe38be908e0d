import type { Clock, Timer } from './clock.ts';
import type { WorkQueue } from './queue.ts';

export interface WorkQueueOptions {
  readonly clock: Clock;
  /** First delay of a rate-limited key, milliseconds. */
  readonly baseMs?: number;
  /** Longest delay of a rate-limited key, milliseconds. */
  readonly maxMs?: number;
  /** For logs and metrics of the owner. */
  readonly name?: string;
}

/** The queue of queue.ts: dirty and processing sets give deduplication and one worker per key. */
export function createWorkQueue<K extends string = string>(options: WorkQueueOptions): WorkQueue<K> {
  return new KeyedQueue<K>(options);
}

class KeyedQueue<K extends string> implements WorkQueue<K> {
  readonly #clock: Clock;
  readonly #baseMs: number;
  readonly #maxMs: number;
  /** Waiting, in order; a Set keeps insertion order and each key once. */
  readonly #ready = new Set<K>();
  readonly #processing = new Set<K>();
  /** Added while being processed: ready again at `done`. */
  readonly #again = new Set<K>();
  readonly #delayed = new Map<K, { at: number; timer: Timer }>();
  readonly #failures = new Map<K, number>();
  readonly #takers: ((key: K | null) => void)[] = [];
  readonly name: string;
  #closed = false;

  constructor(o: WorkQueueOptions) {
    this.#clock = o.clock;
    this.name = o.name ?? '';
    this.#baseMs = o.baseMs ?? 5;
    this.#maxMs = o.maxMs ?? 60_000;
  }

  get length(): number {
    return this.#ready.size;
  }

  add(key: K): void {
    if (this.#closed) return;
    if (this.#processing.has(key)) {
      this.#again.add(key);
      return;
    }
    if (this.#ready.has(key)) return;
    const taker = this.#takers.shift();
    if (!taker) {
      this.#ready.add(key);
      return;
    }
    this.#processing.add(key);
    taker(key);
  }

  addAfter(key: K, ms: number): void {
    if (this.#closed) return;
    if (ms <= 0) {
      this.add(key);
      return;
    }
    const at = this.#clock.now() + ms;
    const pending = this.#delayed.get(key);
    if (pending && pending.at <= at) return;
    pending?.timer.cancel();
    const timer = this.#clock.after(ms, () => {
      this.#delayed.delete(key);
      this.add(key);
    });
    this.#delayed.set(key, { at, timer });
  }

  addRateLimited(key: K): void {
    const failures = this.#failures.get(key) ?? 0;
    this.#failures.set(key, failures + 1);
    this.addAfter(key, Math.min(this.#baseMs * 2 ** Math.min(failures, 30), this.#maxMs));
  }

  forget(key: K): void {
    this.#failures.delete(key);
  }

  retries(key: K): number {
    return this.#failures.get(key) ?? 0;
  }

  get(): Promise<K | null> {
    const [first] = this.#ready;
    if (first !== undefined) {
      this.#ready.delete(first);
      this.#processing.add(first);
      return Promise.resolve(first);
    }
    if (this.#closed) return Promise.resolve(null);
    return new Promise((resolve) => this.#takers.push(resolve));
  }

  done(key: K): void {
    this.#processing.delete(key);
    if (this.#again.delete(key)) this.add(key);
  }

  shutdown(): void {
    this.#closed = true;
    for (const { timer } of this.#delayed.values()) timer.cancel();
    this.#delayed.clear();
    this.#again.clear();
    for (const taker of this.#takers.splice(0)) taker(null);
  }
}
