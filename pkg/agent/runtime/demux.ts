import { Transform, type TransformCallback } from 'node:stream';

const HEADER = 8;

/** One frame of Docker's multiplexed stream: 1 = stdout, 2 = stderr. */
export interface Frame {
  readonly stream: 1 | 2;
  readonly data: Buffer;
}

/** Cuts Docker's multiplexed bytes (8-byte headers: stream, 0, 0, 0, length) into frames, whatever the chunks. */
export class FrameSplitter {
  #pending: Buffer = Buffer.alloc(0);

  push(chunk: Buffer): Frame[] {
    let rest = this.#pending.length > 0 ? Buffer.concat([this.#pending, chunk]) : chunk;
    const frames: Frame[] = [];
    while (rest.length >= HEADER) {
      const size = rest.readUInt32BE(4);
      if (rest.length < HEADER + size) break;
      frames.push({ stream: rest[0] === 2 ? 2 : 1, data: rest.subarray(HEADER, HEADER + size) });
      rest = rest.subarray(HEADER + size);
    }
    this.#pending = rest;
    return frames;
  }
}

/** Multiplexed log bytes → plain text; stops after `limit` bytes. */
export class LogText extends Transform {
  readonly #splitter: FrameSplitter | undefined;
  #left: number;

  constructor(multiplexed: boolean, limit = Number.POSITIVE_INFINITY) {
    super();
    this.#splitter = multiplexed ? new FrameSplitter() : undefined;
    this.#left = limit;
  }

  override _transform(chunk: Buffer, _encoding: BufferEncoding, done: TransformCallback): void {
    const parts = this.#splitter ? this.#splitter.push(chunk).map((f) => f.data) : [chunk];
    for (const p of parts) {
      const cut = p.length > this.#left ? p.subarray(0, this.#left) : p;
      this.#left -= cut.length;
      if (cut.length > 0) this.push(cut);
    }
    if (this.#left <= 0) this.push(null);
    done();
  }
}
