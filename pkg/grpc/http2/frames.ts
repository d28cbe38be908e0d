/** Frames of HTTP/2 (RFC 9113 section 4): the length in 3 bytes, type, flags, number of the stream, what is in it. */
export const FRAME = {
  data: 0,
  headers: 1,
  reset: 3,
  settings: 4,
  pushPromise: 5,
  ping: 6,
  goAway: 7,
  windowUpdate: 8,
  continuation: 9,
} as const;

export const FLAG = { endStream: 1, ack: 1, endHeaders: 4, padded: 8, priority: 32 } as const;

/** A frame may hold this much unless its reader has allowed more. */
export const FRAME_BYTES = 16_384;

const HEAD = 9;
const LAST_STREAM = 0x7fff_ffff;

/** Told of each frame. */
export type OnFrame = (type: number, flags: number, stream: number, payload: Buffer) => void;

/** What goes before `length` bytes. */
export function frameHead(type: number, flags: number, stream: number, length: number): Buffer {
  const head = Buffer.allocUnsafe(HEAD);
  head.writeUIntBE(length, 0, 3);
  head[3] = type;
  head[4] = flags;
  head.writeUInt32BE(stream, 5);
  return head;
}

/** A frame of 32-bit numbers. */
export function frameOf(type: number, stream: number, ...numbers: readonly number[]): Buffer {
  const payload = Buffer.alloc(numbers.length * 4);
  for (const [i, n] of numbers.entries()) payload.writeUInt32BE(n, i * 4);
  return Buffer.concat([frameHead(type, 0, stream, payload.length), payload]);
}

const SETTING = 6;

/** SETTINGS of numbers and their values. */
export function settingsFrame(settings: readonly (readonly [number, number])[]): Buffer {
  const payload = Buffer.alloc(settings.length * SETTING);
  for (const [i, [id, value]] of settings.entries()) {
    payload.writeUInt16BE(id, i * SETTING);
    payload.writeUInt32BE(value, i * SETTING + 2);
  }
  return Buffer.concat([frameHead(FRAME.settings, 0, 0, payload.length), payload]);
}

/** @throws RangeError when the length is none of SETTINGS */
export function readSettings(payload: Buffer): [number, number][] {
  if (payload.length % SETTING !== 0) throw new RangeError('settings of a strange length');
  return Array.from({ length: payload.length / SETTING }, (_, i) => [
    payload.readUInt16BE(i * SETTING),
    payload.readUInt32BE(i * SETTING + 2),
  ]);
}

/** What is in a frame of data or headers, without padding and priority. @throws RangeError */
export function contentOf(type: number, flags: number, payload: Buffer): Buffer {
  let from = 0;
  let to = payload.length;
  if (flags & FLAG.padded) {
    from = 1;
    to -= payload[0] ?? 0;
  }
  if (type === FRAME.headers && flags & FLAG.priority) from += 5;
  if (from > to) throw new RangeError('a frame has more padding than it is long');
  return payload.subarray(from, to);
}

/** Finds the frames in a stream of chunks. */
export class FrameReader {
  #rest: Buffer | undefined;

  /** @throws RangeError for a frame that is too long, and whatever `onFrame` throws */
  push(chunk: Buffer, onFrame: OnFrame): void {
    const bytes = this.#rest ? Buffer.concat([this.#rest, chunk]) : chunk;
    let at = 0;
    while (bytes.length - at >= HEAD) {
      const length = bytes.readUIntBE(at, 3);
      if (length > FRAME_BYTES) throw new RangeError(`a frame of ${length} bytes is too long`);
      const from = at + HEAD;
      if (bytes.length < from + length) break;
      const stream = bytes.readUInt32BE(at + 5) & LAST_STREAM;
      at = from + length;
      onFrame(bytes[from - 6] ?? 0, bytes[from - 5] ?? 0, stream, bytes.subarray(from, at));
    }
    this.#rest = at < bytes.length ? bytes.subarray(at) : undefined;
  }
}
