import type { Clock } from './clock.ts';

export interface BackoffOptions {
  readonly clock: Clock;
  readonly initialMs: number;
  readonly maxMs: number;
  readonly factor?: number;
  /** A key that was quiet for this long starts anew, milliseconds. */
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

export function createBackoff(o: BackoffOptions): Backoff {
  const state = new Map<string, { delay: number; until: number }>();
  return {
    next(key) {
      const now = o.clock.now();
      const known = state.get(key);
      const stale = known !== undefined && o.resetAfterMs !== undefined && now - known.until > o.resetAfterMs;
      const delay = !known || stale ? o.initialMs : Math.min(known.delay * (o.factor ?? 2), o.maxMs);
      const wait = delay * (1 + Math.random() * (o.jitter ?? 0));
      state.set(key, { delay, until: now + wait });
      return wait;
    },
    remaining: (key) => Math.max(0, (state.get(key)?.until ?? 0) - o.clock.now()),
    reset: (key) => void state.delete(key),
  };
}
