/**
 * Runs `fn` `count` times in batches of 1, 2, 4 … (each batch concurrently, at most `max` at a time), so that a cause
 * that makes all calls fail costs one call, not hundreds. A batch with a failure is the last.
 * @returns how many calls succeeded, and the first error.
 */
export async function slowStart(
  count: number,
  max: number,
  fn: () => Promise<void>,
): Promise<{ succeeded: number; error?: unknown }> {
  let succeeded = 0;
  let left = count;
  for (let size = 1; left > 0; size = Math.min(size * 2, max)) {
    const batch = Math.min(size, left);
    const results = await Promise.allSettled(Array.from({ length: batch }, fn));
    const failed = results.find((r) => r.status === 'rejected');
    succeeded += results.filter((r) => r.status === 'fulfilled').length;
    if (failed) return { succeeded, error: failed.reason };
    left -= batch;
  }
  return { succeeded };
}

/** Calls `fn` for every item, at most `limit` at a time; all are tried, then the first error is thrown. */
export async function forEachLimited<T>(
  items: readonly T[],
  limit: number,
  fn: (item: T) => Promise<void>,
): Promise<void> {
  let next = 0;
  let failure: { error: unknown } | undefined;
  const lane = async (): Promise<void> => {
    while (next < items.length) {
      const item = items[next++] as T;
      try {
        await fn(item);
      } catch (error) {
        failure ??= { error };
      }
    }
  };
  await Promise.all(Array.from({ length: Math.min(limit, items.length) }, lane));
  if (failure) throw failure.error;
}
