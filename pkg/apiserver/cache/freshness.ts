import { errors } from '#api/meta/errors.ts';
import type { Clock } from '#async/clock.ts';
import type { Logger } from '#process/logger.ts';
import { type Storage, StorageError } from '#storage/storage.ts';
import { type Progress, within } from './progress.ts';

export interface FreshnessDeps {
  readonly storage: Storage;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly progress: Progress;
  /** Drops the connection that feeds the caches, for it seems to be stuck. */
  readonly reconnect: () => void;
}

/** A key of the registry that no resource owns. */
export const TICK_KEY = '/registry/.tick';
const EMPTY = Buffer.alloc(0);

/** An event normally arrives with the answer to its write. Later than this, the revision may not be the registry's at all. */
const TICK_AFTER_MS = 20;
/** A stream that has not moved for this long while something is expected of it. */
const STUCK_AFTER_MS = 1000;
const RECONNECT_PAUSE_MS = 3000;

/** Tells which revision a read must see to be linearizable, and sees to it that the stream gets there. */
export class Freshness {
  readonly #deps: FreshnessDeps;
  /** A read that has begun: too early for callers that come now. */
  #running: Promise<number> | undefined;
  /** The read after it: not begun, hence good for all who wait. */
  #next: Promise<number> | undefined;
  #ticked = 0;
  #ticking = false;
  #reconnectedAt = 0;

  constructor(deps: FreshnessDeps) {
    this.#deps = deps;
  }

  /** A revision no smaller than that of any write finished before the call. @throws StatusError 503, 504 */
  async current(timeoutMs: number): Promise<number> {
    try {
      const revision = await within(this.#deps.clock, this.#shared(), timeoutMs);
      if (revision !== undefined) return revision;
    } catch (e) {
      if (e instanceof StorageError) throw errors.unavailable(`etcd is not answering: ${e.message}`);
      throw e;
    }
    throw errors.timeout(`etcd did not answer within ${timeoutMs} ms`);
  }

  #shared(): Promise<number> {
    if (this.#next) return this.#next;
    if (!this.#running) return this.#begin();
    this.#next = this.#running
      .catch(() => {})
      .then(() => {
        this.#next = undefined;
        return this.#begin();
      });
    return this.#next;
  }

  #begin(): Promise<number> {
    const read = this.#deps.storage.currentRevision();
    const over = (): void => {
      if (this.#running === read) this.#running = undefined;
    };
    this.#running = read;
    read.then(over, over);
    return read;
  }

  /** Waits for the stream to reach a revision that exists, and pushes if it does not come. */
  async reach(revision: number, timeoutMs: number): Promise<boolean> {
    const { clock, progress } = this.#deps;
    if (progress.revision >= revision) return true;
    const tick = clock.after(TICK_AFTER_MS, () => this.#tick(revision));
    const before = progress.revision;
    const stuck = clock.after(STUCK_AFTER_MS, () => {
      if (progress.revision === before) this.#reconnect();
    });
    try {
      return await progress.reach(revision, timeoutMs);
    } finally {
      tick.cancel();
      stuck.cancel();
    }
  }

  /** A new connection gets time to prove itself. */
  #reconnect(): void {
    const now = this.#deps.clock.now();
    if (now < this.#reconnectedAt + RECONNECT_PAUSE_MS) return;
    this.#reconnectedAt = now;
    this.#deps.reconnect();
  }

  /** A write of our own, whose event comes after everything up to `revision`: once is enough for all who wait. */
  #tick(revision: number): void {
    if (this.#ticking || this.#ticked >= revision) return;
    this.#ticking = true;
    this.#deps.storage
      .put(TICK_KEY, EMPTY)
      .then((r) => {
        this.#ticked = r;
      })
      .catch((err: unknown) => this.#deps.logger.info({ err, revision }, 'tick failed'))
      .finally(() => {
        this.#ticking = false;
      });
  }
}
