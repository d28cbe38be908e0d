import type { Clock, Timer } from './clock.ts';

export interface CoalescingOptions {
  readonly run: () => Promise<void>;
  /** Triggers within this time of a run are gathered into the next, milliseconds. */
  readonly minIntervalMs: number;
  /** A failed run is tried again after this. */
  readonly retryMs: number;
  /** A run is due at the latest this long after the last one, even without a trigger; unset: only when triggered. */
  readonly maxIntervalMs?: number;
  readonly clock: Clock;
  readonly signal: AbortSignal;
  readonly onError?: (error: unknown) => void;
}

export interface CoalescingRunner {
  /** Asks for a run; any number of calls before it starts make one. */
  trigger(): void;
  /** Settles when no run is in progress; after the signal aborted none will follow. */
  drain(): Promise<void>;
}

/** One run at a time, at most one waiting, failures retried: for work that always does everything that is due. */
export function createCoalescingRunner(options: CoalescingOptions): CoalescingRunner {
  return new Runner(options);
}

class Runner implements CoalescingRunner {
  readonly #o: CoalescingOptions;
  /** The next planned run. */
  #timer: { timer: Timer; at: number } | undefined;
  #running: Promise<void> | undefined;
  #wanted = false;
  /** Runs start no earlier than this: it spaces runs and delays the retry after a failure. */
  #notBefore = Number.NEGATIVE_INFINITY;

  constructor(o: CoalescingOptions) {
    this.#o = o;
    o.signal.addEventListener('abort', () => this.#timer?.timer.cancel(), { once: true });
  }

  trigger(): void {
    this.#wanted = true;
    this.#plan(this.#notBefore);
  }

  async drain(): Promise<void> {
    while (this.#running) await this.#running;
  }

  /** Plans a run at `at`, unless one is planned for an earlier time. */
  #plan(at: number): void {
    const { clock, signal, minIntervalMs, retryMs, maxIntervalMs = 0 } = this.#o;
    if (signal.aborted || this.#running) return;
    if (this.#timer && this.#timer.at <= at) return;
    this.#timer?.timer.cancel();
    // Nobody waits for a clock that was set back to catch up.
    const delay = Math.min(Math.max(0, at - clock.now()), Math.max(minIntervalMs, retryMs, maxIntervalMs));
    const timer = clock.after(delay, () => {
      this.#timer = undefined;
      this.#running = this.#run();
    });
    this.#timer = { timer, at };
  }

  async #run(): Promise<void> {
    const { clock, minIntervalMs, retryMs, maxIntervalMs } = this.#o;
    this.#wanted = false;
    const started = clock.now();
    this.#notBefore = started + minIntervalMs;
    try {
      await this.#o.run();
    } catch (e) {
      this.#wanted = true;
      this.#notBefore = clock.now() + retryMs;
      this.#o.onError?.(e);
    }
    this.#running = undefined;
    if (this.#wanted) this.#plan(this.#notBefore);
    else if (maxIntervalMs !== undefined) this.#plan(started + maxIntervalMs);
  }
}
