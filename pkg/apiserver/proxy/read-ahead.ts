import { Duplex } from 'node:stream';
import type { Clock, Timer } from '#async/clock.ts';

/** A consumer that took nothing for so long is not waited for any longer, milliseconds. */
const STALLED_MS = 10_000;
/** What may lie between a balancer and here at most (the kernel's limits of both buffers: 4 and 6 MB), and some more. */
const AHEAD_BYTES = 16 * 2 ** 20;
/** Streams read ahead at a time; more wait for their consumers. */
const MAX_AHEAD = 4;

/** How many streams of this process hold more than they would. */
let ahead = 0;

/**
 * Passes bytes on at the pace of their consumer. When that has stopped, it reads on all the same, so far as something may
 * be on its way: a balancer delivers what a client sent before it tells that the client is gone, and nothing else would
 * tell of it before the balancer's own timeouts.
 */
export class ReadAhead extends Duplex {
  readonly #clock: Clock;
  #held: (() => void) | undefined;
  #timer: Timer | undefined;
  #stalled = false;

  constructor(clock: Clock) {
    super({ allowHalfOpen: true });
    this.#clock = clock;
  }

  override _write(chunk: Buffer, _encoding: string, done: () => void): void {
    if (this.push(chunk) || (this.#stalled && this.readableLength < AHEAD_BYTES)) {
      done();
      return;
    }
    this.#held = done;
    if (!this.#stalled) this.#timer ??= this.#clock.after(STALLED_MS, () => this.#stall(), { unref: true });
  }

  override _read(): void {
    this.#go();
    this.#release();
  }

  override _final(done: () => void): void {
    this.push(null);
    done();
  }

  override _destroy(error: Error | null, done: (error: Error | null) => void): void {
    this.#go();
    done(error);
  }

  #stall(): void {
    this.#timer = undefined;
    if (ahead >= MAX_AHEAD) return;
    ahead++;
    this.#stalled = true;
    this.#release();
  }

  /** The consumer takes something again. */
  #go(): void {
    this.#timer?.cancel();
    this.#timer = undefined;
    if (this.#stalled) ahead--;
    this.#stalled = false;
  }

  #release(): void {
    const done = this.#held;
    this.#held = undefined;
    done?.();
  }
}
