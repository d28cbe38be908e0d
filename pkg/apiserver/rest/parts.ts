import type { ServerResponse } from 'node:http';

/** A body put together from buffers that exist already, such as the cached objects of a list. */
export class Parts {
  readonly buffers: readonly Buffer[];
  /** Bytes of all of them. */
  readonly length: number;

  constructor(buffers: readonly Buffer[]) {
    this.buffers = buffers;
    this.length = buffers.reduce((sum, b) => sum + b.length, 0);
  }

  /** A copy in one piece. */
  whole(): Buffer {
    return Buffer.concat(this.buffers as Buffer[], this.length);
  }
}

/** One write to the socket: large enough that calls do not matter, small enough that many readers fit into memory. */
const SLAB_BYTES = 256 << 10;
/** Slabs kept for the next body; more than these are given back. */
const MAX_SPARE = 8;
const spare: Buffer[] = [];

/**
 * Writes the parts after the response's head has been written, slab by slab, each when the one before is in the hands of the
 * kernel: a slow reader holds one slab, not a copy of the whole list.
 * @returns when all is written or the client has gone away.
 */
export async function writeParts(response: ServerResponse, { buffers }: Parts): Promise<void> {
  const slab = spare.pop() ?? Buffer.allocUnsafeSlow(SLAB_BYTES);
  let used = 0;
  const flush = async (): Promise<void> => {
    await written(response, slab.subarray(0, used));
    used = 0;
  };
  for (const buffer of buffers) {
    for (let from = 0; from < buffer.length; ) {
      const n = buffer.copy(slab, used, from);
      from += n;
      used += n;
      if (used === SLAB_BYTES) await flush();
      if (response.destroyed) return;
    }
  }
  if (used > 0) await flush();
  if (response.destroyed) return;
  response.end();
  if (spare.length < MAX_SPARE) spare.push(slab);
}

/** Resolves when the chunk needs its memory no longer, or when nobody will ever read it. */
function written(response: ServerResponse, chunk: Buffer): Promise<void> {
  return new Promise((resolve) => {
    const done = (): void => {
      response.off('close', done);
      resolve();
    };
    response.once('close', done);
    response.write(chunk, done);
  });
}
