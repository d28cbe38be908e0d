import { systemClock } from '#async/clock.ts';
import type { Cluster } from './cluster.ts';

export interface WaitOptions {
  /** Default 60 s: a wait that is met costs nothing, and machines may be busy. */
  readonly timeoutMs?: number;
  /** Time between looks; default 100 ms. */
  readonly everyMs?: number;
  readonly signal?: AbortSignal;
}

/**
 * Looks until `check` returns something true and returns that. A throwing check counts as "not yet".
 * @throws Error naming `what` and the last failure when the time is over.
 */
export async function waitFor<T>(
  what: string,
  check: () => T | Promise<T>,
  options: WaitOptions = {},
): Promise<Exclude<T, undefined | null | false | '' | 0>> {
  const { timeoutMs = 60_000, everyMs = 100, signal } = options;
  const end = systemClock.now() + timeoutMs;
  let last: unknown;
  for (;;) {
    try {
      const value = await check();
      if (value) return value as Exclude<T, undefined | null | false | '' | 0>;
      last = undefined;
    } catch (e) {
      last = e;
    }
    if (systemClock.now() >= end) {
      throw new Error(`${what}: not within ${timeoutMs} ms${last ? `: ${(last as Error).message}` : ''}`, {
        cause: last,
      });
    }
    await systemClock.sleep(everyMs, signal);
  }
}

/** The balancer before the API servers looks at one that was away once a second. */
export const balancerAnswers = (cluster: Cluster): Promise<string> =>
  waitFor('the balancer finds a server', () => cluster.kubectlOk(['get', '--raw', '/readyz']));
