import type { Clock } from '#async/clock.ts';

const CHUNK_END = Buffer.from('\r\n');

/** Frames as chunks (RFC 9112 section 7.1). Those who are flushed one after the other mostly send the same: it is made once. */
export class Chunks {
  #frames: readonly Buffer[] = [];
  #chunk: Buffer | undefined;

  of(frames: readonly Buffer[]): Buffer {
    const same = frames.length === this.#frames.length && frames.every((f, i) => f === this.#frames[i]);
    if (this.#chunk && same) return this.#chunk;
    const length = frames.reduce((sum, b) => sum + b.length, 0);
    this.#frames = frames;
    this.#chunk = Buffer.concat([Buffer.from(`${length.toString(16)}\r\n`, 'latin1'), ...frames, CHUNK_END]);
    return this.#chunk;
  }
}

/** Somebody with frames to send. */
export interface Flushable {
  flush(chunks: Chunks): void;
}

/** After a flush that took t, the next one begins no sooner than this many times t later… */
const PAUSE_FACTOR = 2;
/** …and no later than this, milliseconds. */
const MAX_PAUSE_MS = 10;

/**
 * Lets watchers write at the same time. A single event leaves at once. Under load a write a watcher and event would be most
 * of what the process does: so no more than a third of its time goes into flushing, and what arrives meanwhile leaves
 * together.
 */
export class Flusher {
  readonly #clock: Clock;
  #waiting = new Set<Flushable>();
  #scheduled = false;
  #notBefore = 0;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  add(w: Flushable): void {
    this.#waiting.add(w);
    if (this.#scheduled) return;
    this.#scheduled = true;
    const wait = this.#notBefore - performance.now();
    // A microtask still gathers the events of one message from etcd.
    if (wait < 1) queueMicrotask(() => this.#run());
    else this.#clock.after(wait, () => this.#run());
  }

  #run(): void {
    this.#scheduled = false;
    const { size } = this.#waiting;
    const all = this.#waiting;
    this.#waiting = new Set();
    const began = performance.now();
    const chunks = new Chunks();
    for (const w of all) w.flush(chunks);
    const ended = performance.now();
    if (size > 1) this.#notBefore = ended + Math.min((ended - began) * PAUSE_FACTOR, MAX_PAUSE_MS);
  }
}
