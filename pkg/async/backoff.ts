import type { Clock } from './clock.ts';

export interface BackoffOptions {
  readonly clock: Clock;
  readonly initialMs: number;
  /** Longest wait, jitter included. */
  readonly maxMs: number;
  readonly factor?: number;
  /** A key that failed no more for this long after its last wait starts anew, milliseconds. */
  readonly resetAfterMs?: number;
  /** Share of the delay added at random, 0..1. */
  readonly jitter?: number;
}

/** Growing delays per key. */
export interface Backoff {
  /** Counts a failure. @returns how long to wait, milliseconds. */
  next(key: string): number;
  /** Milliseconds until the key may be tried, 0 when it may be now. */
  remaining(key: string): number;
  reset(key: string): void;
}

interface Entry {
  readonly delay: number;
  readonly until: number;
}

/** Keys held before stale ones are looked for. */
const SWEEP_FROM = 1024;

/** Keys are forgotten by `reset`, or once they are stale (`resetAfterMs`). */
export function createBackoff(o: BackoffOptions): Backoff {
  const state = new Map<string, Entry>();
  const isStale = (e: Entry, now: number): boolean => o.resetAfterMs !== undefined && now - e.until > o.resetAfterMs;
  let sweepAt = SWEEP_FROM;

  const sweep = (now: number): void => {
    for (const [key, e] of state) if (isStale(e, now)) state.delete(key);
    sweepAt = Math.max(SWEEP_FROM, state.size * 2);
  };

  return {
    next(key) {
      const now = o.clock.now();
      const known = state.get(key);
      const delay = !known || isStale(known, now) ? o.initialMs : Math.min(known.delay * (o.factor ?? 2), o.maxMs);
      const wait = Math.min(delay * (1 + Math.random() * (o.jitter ?? 0)), o.maxMs);
      state.set(key, { delay, until: now + wait });
      if (state.size > sweepAt) sweep(now);
      return wait;
    },
    remaining: (key) => Math.max(0, (state.get(key)?.until ?? 0) - o.clock.now()),
    reset: (key) => void state.delete(key),
  };
}
