import type { Clock } from '#async/clock.ts';

/** Keeps one object that fails in a loop from flooding the storage. */
export interface SpamFilter {
  /** Takes one token of the object. @returns false when it has none left. */
  allows(object: string): boolean;
}

/** Per object: this many at once, then one in five minutes, as client-go does. */
const BURST = 25;
const REFILL_MS = 300_000;
/** Objects remembered. */
const MAX_OBJECTS = 4096;

export function createSpamFilter(clock: Clock): SpamFilter {
  const buckets = new Map<string, { left: number; at: number }>();
  return {
    allows(object) {
      const now = clock.now();
      const known = buckets.get(object) ?? { left: BURST, at: now };
      const left = Math.min(BURST, known.left + (now - known.at) / REFILL_MS);
      const allowed = left >= 1;
      // In order of use, so that the first is the one to forget.
      buckets.delete(object);
      buckets.set(object, { left: allowed ? left - 1 : left, at: now });
      if (buckets.size > MAX_OBJECTS) buckets.delete(buckets.keys().next().value as string);
      return allowed;
    },
  };
}
