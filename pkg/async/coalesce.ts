import type { Clock, Timer } from './clock.ts';

export interface CoalescingOptions {
  readonly run: () => Promise<void>;
  /** Triggers within this time of a run are gathered into the next, milliseconds. */
  readonly minIntervalMs: number;
  /** A failed run is tried again after this. */
  readonly retryMs: number;
  readonly clock: Clock;
  readonly signal: AbortSignal;
  readonly onError?: (error: unknown) => void;
}

export interface CoalescingRunner {
  /** Asks for a run; any number of calls before it starts make one. */
  trigger(): void;
}

/** One run at a time, at most one waiting, failures retried: for work that always does everything that is due. */
export function createCoalescingRunner(o: CoalescingOptions): CoalescingRunner {
  let timer: Timer | undefined;
  let running = false;
  let wanted = false;
  let lastStart = Number.NEGATIVE_INFINITY;

  const schedule = (ms: number): void => {
    if (o.signal.aborted || timer || running) return;
    timer = o.clock.after(ms, () => void start());
  };

  const start = async (): Promise<void> => {
    timer = undefined;
    running = true;
    wanted = false;
    lastStart = o.clock.now();
    let failed = false;
    try {
      await o.run();
    } catch (e) {
      failed = true;
      o.onError?.(e);
    }
    running = false;
    if (failed) schedule(o.retryMs);
    else if (wanted) schedule(wait());
  };

  const wait = (): number => Math.max(0, lastStart + o.minIntervalMs - o.clock.now());

  o.signal.addEventListener('abort', () => timer?.cancel(), { once: true });
  return {
    trigger() {
      wanted = true;
      schedule(wait());
    },
  };
}
