import type { Clock } from '#async/clock.ts';
import type { Logger } from './logger.ts';
import { UserError } from './user-error.ts';

export interface ReachOptions {
  /** What is to be reached, such as "the API server". */
  readonly name: string;
  readonly at: string;
  readonly clock: Clock;
  readonly signal: AbortSignal;
  /** Told once that the first try failed. */
  readonly logger?: Logger;
  /** How long it may take to come up, milliseconds; default 30 s. */
  readonly waitMs?: number;
  /** Between two tries, milliseconds. */
  readonly pauseMs: number;
  /** A failure in a few words; default: its message. */
  readonly reason?: (e: unknown) => string;
}

/**
 * Repeats `attempt` until it succeeds, so that a process started against nothing says so instead of trying for ever.
 * @throws UserError in one sentence when the time is over, or the one that `attempt` throws because trying again is no use;
 * the signal's reason on abort.
 */
export async function reach(o: ReachOptions, attempt: () => Promise<void>): Promise<void> {
  const until = o.clock.now() + (o.waitMs ?? 30_000);
  const reason = o.reason ?? ((e: unknown): string => (e as Error).message);
  for (let first = true; ; first = false) {
    try {
      return await attempt();
    } catch (e) {
      o.signal.throwIfAborted();
      if (e instanceof UserError) throw e;
      const why = reason(e);
      if (o.clock.now() + o.pauseMs > until) {
        throw new UserError(`${o.name} at ${o.at} cannot be reached: ${why}`, { cause: e });
      }
      if (first) o.logger?.warn({ at: o.at, why }, `${o.name} cannot be reached yet; trying again`);
    }
    await o.clock.sleep(o.pauseMs, o.signal);
  }
}
