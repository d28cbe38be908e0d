import type { Clock } from '#async/clock.ts';
import type { Logger } from '#process/logger.ts';
import { isStorageError, type Storage } from './storage.ts';

export interface CompactorOptions {
  readonly storage: Storage;
  readonly clock: Clock;
  readonly logger: Logger;
  /** Every so often, milliseconds, history older than this is dropped. */
  readonly intervalMs?: number;
}

const FIVE_MINUTES_MS = 300_000;

/**
 * Keeps the history between one and two intervals long. Any number of servers may run it without knowing of each other:
 * each drops only what was current one interval ago by its own reckoning, so none can shorten history below that, and
 * dropping twice is harmless. That takes no key of its own, hence no write and no revision.
 * @returns a promise that resolves when the signal aborted.
 */
export async function runCompactor(o: CompactorOptions, signal: AbortSignal): Promise<void> {
  const interval = o.intervalMs ?? FIVE_MINUTES_MS;
  let before: number | undefined;
  let compacted = 0;
  while (!signal.aborted) {
    try {
      const now = await o.storage.currentRevision();
      if (before !== undefined && before > compacted) {
        await o.storage.compact(before);
        o.logger.debug({ revision: before }, 'history compacted');
        compacted = before;
      }
      before = now;
    } catch (err) {
      // An older reading stays valid: it only grows older.
      if (isStorageError(err, 'unavailable')) o.logger.info({ err }, 'compaction put off');
      else o.logger.error({ err }, 'compaction failed');
    }
    await o.clock.sleep(interval, signal).catch(() => {});
  }
}
