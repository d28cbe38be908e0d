import type { Container } from '#api/kinds/index.ts';
import type { ContainerRecord } from '../runtime/types.ts';
import { specHash } from './container-config.ts';

/** Why a container is not started yet, and until when (epoch milliseconds). */
export interface Waiting {
  readonly reason: string;
  readonly message: string;
  readonly until: number;
}

const FIRST_BACKOFF_MS = 10_000;
const MAX_BACKOFF_MS = 300_000;
/** As the kubelet has it. */
const RESET_MS = 600_000;
const MAX_STREAK = 6;

/** Duration as Go prints it: 10s, 1m20s, 5m0s. */
const goSeconds = (ms: number): string => {
  const s = Math.round(ms / 1000);
  return s < 60 ? `${s}s` : `${Math.floor(s / 60)}m${s % 60}s`;
};

interface Ended {
  readonly attempt: number;
  /** Of the container that is to be started next. */
  readonly hash: string;
  /** Ends in a row after short lives. */
  readonly streak: number;
  readonly at: number;
}

/**
 * When the containers of a pod may be started again ("Pod Lifecycle", container restarts): at once after the first end,
 * then after 10 s doubling up to 5 min, from the start again after a quiet life, of ten minutes, and with another image.
 */
export class Restarts {
  readonly #ended = new Map<string, Ended>();
  readonly #waiting = new Map<string, Waiting>();
  readonly #resetMs: number;

  /** @param resetMs a container that lived longer starts anew without a wait */
  constructor(resetMs = RESET_MS) {
    this.#resetMs = resetMs;
  }

  waiting(container: string): Waiting | undefined {
    return this.#waiting.get(container);
  }

  notBefore(container: string): number {
    return Math.max(this.#ended.get(container)?.at ?? 0, this.#waiting.get(container)?.until ?? 0);
  }

  wait(container: string, waiting: Waiting): void {
    this.#waiting.set(container, waiting);
  }

  /** It runs, or is about to be started. */
  clear(container: string): void {
    this.#waiting.delete(container);
  }

  /**
   * Takes notice of a container that ended and will be started again; harmless to repeat.
   * @param pod "name_namespace(uid)". @returns why it waits, if it does and this is news.
   */
  ended(c: Container, r: ContainerRecord, o: { readonly pod: string; readonly now: number }): Waiting | undefined {
    const known = this.#ended.get(c.name);
    const hash = specHash(c);
    if (known?.attempt === r.attempt && known.hash === hash) return undefined;
    if (r.hash !== hash) {
      // What is to be started has not failed yet.
      this.#ended.set(c.name, { attempt: r.attempt, hash, streak: 0, at: r.finishedAt });
      this.#waiting.delete(c.name);
      return undefined;
    }
    // What happened before this agent was started is told by the number of attempts.
    const before = known?.streak ?? r.attempt - 1;
    const longLived = r.startedAt > 0 && r.finishedAt - r.startedAt > this.#resetMs;
    const streak = longLived ? 0 : Math.min(before + 1, MAX_STREAK);
    const neverRan = r.error !== undefined && streak === 0;
    const wait = streak > 0 || neverRan ? Math.min(FIRST_BACKOFF_MS * 2 ** Math.max(0, streak - 1), MAX_BACKOFF_MS) : 0;
    const until = (r.finishedAt || o.now) + wait;
    this.#ended.set(c.name, { attempt: r.attempt, hash, streak, at: until });
    if (wait === 0) return undefined;
    const waiting = neverRan
      ? { reason: 'RunContainerError', message: r.error ?? '', until }
      : {
          reason: 'CrashLoopBackOff',
          message: `back-off ${goSeconds(wait)} restarting failed container=${c.name} pod=${o.pod}`,
          until,
        };
    this.#waiting.set(c.name, waiting);
    return waiting;
  }
}
