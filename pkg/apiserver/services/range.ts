/** A range of numbers, of which some are taken. */
export interface NumberRange {
  readonly first: number;
  readonly count: number;
}

/** Attempts at random before the range is searched in order. */
const RANDOM_TRIES = 16;

/**
 * Picks a number of the range that is not taken, at random so that two servers rarely choose the same one.
 * @returns undefined when the range is exhausted.
 */
export function pickFree(range: NumberRange, taken: (n: number) => boolean): number | undefined {
  for (let i = 0; i < RANDOM_TRIES; i++) {
    const n = range.first + Math.floor(Math.random() * range.count);
    if (!taken(n)) return n;
  }
  const start = Math.floor(Math.random() * range.count);
  for (let i = 0; i < range.count; i++) {
    const n = range.first + ((start + i) % range.count);
    if (!taken(n)) return n;
  }
  return undefined;
}
