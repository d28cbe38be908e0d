import type { Clock } from './clock.ts';

export interface RateLimitOptions {
  readonly clock: Clock;
  /** In the long run; 0: no limit. */
  readonly perSecond: number;
  /** At once after a pause. */
  readonly burst: number;
}

/** So many in a second, and more at once after a pause. */
export interface RateLimit {
  /** Resolves when it is the caller's turn, in the order of the calls. @throws the signal's reason: the turn is given back */
  turn(signal?: AbortSignal): Promise<void>;
}

export function createRateLimit({ clock, perSecond, burst }: RateLimitOptions): RateLimit {
  /** Below 0: how many wait. */
  let left = burst;
  let at = clock.now();
  return {
    async turn(signal) {
      signal?.throwIfAborted();
      if (perSecond <= 0) return;
      const now = clock.now();
      left = Math.min(burst, left + (Math.max(0, now - at) / 1000) * perSecond) - 1;
      at = now;
      if (left >= 0) return;
      try {
        await clock.sleep((-left / perSecond) * 1000, signal);
      } catch (e) {
        left++;
        throw e;
      }
    },
  };
}
