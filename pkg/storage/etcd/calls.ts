import type { Clock } from '#async/clock.ts';
import { StorageError } from '../storage.ts';
import type { Endpoints } from './endpoints.ts';
import { brief, classify } from './failures.ts';
import type { Member } from './member.ts';

/**
 * One attempt of a call, on one member. `deadline` is in epoch milliseconds; `retried` is set when an earlier attempt may
 * have taken effect without our knowing.
 */
export type Call<T> = (member: Member, deadline: number, retried: boolean) => Promise<T>;

/**
 * By how many attempts have waited in vain. The first is short: a member may have died silently, and what a follower has
 * handed to a leader that then died is never answered. The later ones leave room for an election and for a slow disk. One
 * whose connection broke has not waited: the next one may well go to such a follower.
 */
const ATTEMPT_MS = [1000, 2500, 5000] as const;
const FIRST_PAUSE_MS = 25;
const MAX_PAUSE_MS = 500;

/** How long a call may take with all its attempts, milliseconds. */
const CALL_BUDGET_MS = 10_000;

type Members = Pick<Endpoints, 'count' | 'current' | 'failed' | 'succeeded'>;

/** Runs calls against whichever member answers. */
export class Caller {
  readonly #endpoints: Members;
  readonly #clock: Clock;
  #closed = false;

  constructor(endpoints: Members, clock: Clock) {
    this.#endpoints = endpoints;
    this.#clock = clock;
  }

  close(): void {
    this.#closed = true;
  }

  /**
   * @throws StorageError, unavailable also when no member answered within `budgetMs`. A lease that is gone is reported
   * by the original error (see `classify`).
   */
  async run<T>(call: Call<T>, budgetMs = CALL_BUDGET_MS): Promise<T> {
    const until = this.#clock.now() + budgetMs;
    for (let n = 0, waited = 0; ; n++) {
      if (this.#closed) throw new StorageError('unavailable', 'the etcd client is closed');
      const endpoint = this.#endpoints.current;
      const now = this.#clock.now();
      const deadline = Math.min(now + (ATTEMPT_MS[waited] ?? ATTEMPT_MS[2]), until);
      try {
        const answer = await call(endpoint.member, deadline, n > 0);
        if (endpoint.failures > 0) this.#endpoints.succeeded(endpoint);
        return answer;
      } catch (e) {
        const failure = classify(e);
        if (failure === 'leaseGone') throw e;
        if (failure !== 'transient') throw failure;
        if (!this.#closed) this.#endpoints.failed(endpoint, e);
        if (this.#clock.now() >= deadline) waited++;
        await this.#pause(n, until, e);
      }
    }
  }

  async #pause(n: number, until: number, cause: unknown): Promise<void> {
    // Every member gets its first chance at once.
    const round = n + 1 - this.#endpoints.count;
    const ms = round < 0 ? 0 : Math.min(FIRST_PAUSE_MS * 2 ** round, MAX_PAUSE_MS) * (0.5 + Math.random() / 2);
    if (this.#clock.now() + ms >= until) throw new StorageError('unavailable', brief(cause), { cause });
    if (ms > 0) await this.#clock.sleep(ms);
  }
}
