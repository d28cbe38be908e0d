/** The peer broke the protocol; the session ends. */
export class ProtocolError extends Error {
  override readonly name = 'ProtocolError';
}

const VERSION = 3;

/** Control frame types (SPDY/3.1 §2.6). */
export const TYPE = {
  synStream: 1,
  synReply: 2,
  rstStream: 3,
  settings: 4,
  ping: 6,
  goAway: 7,
  headers: 8,
  windowUpdate: 9,
} as const;

/** This side sends no more on the stream. */
export const FLAG_FIN = 0x01;

/** Status codes of RST_STREAM. */
export const RESET = { protocolError: 1, refusedStream: 3, cancel: 5, internalError: 6 } as const;

/** Setting id of the initial stream window. */
export const SETTING_INITIAL_WINDOW = 7;

/** Larger control frames are refused: nothing legitimate comes near. Data frames may have any size. */
const MAX_CONTROL_PAYLOAD = 64 * 1024;
const HEADER_LENGTH = 8;

/** A whole control frame. */
export function controlFrame(type: number, flags: number, payload: Buffer): Buffer {
  const frame = Buffer.allocUnsafe(HEADER_LENGTH + payload.length);
  frame.writeUInt16BE(0x8000 | VERSION, 0);
  frame.writeUInt16BE(type, 2);
  frame.writeUInt32BE(((flags << 24) | payload.length) >>> 0, 4);
  payload.copy(frame, HEADER_LENGTH);
  return frame;
}

/** A control frame whose payload is 32-bit numbers. */
export function numbersFrame(type: number, ...numbers: number[]): Buffer {
  const payload = Buffer.allocUnsafe(4 * numbers.length);
  numbers.forEach((n, i) => {
    payload.writeUInt32BE(n >>> 0, 4 * i);
  });
  return controlFrame(type, 0, payload);
}

/** The 8 bytes before `length` bytes of stream data. */
export function dataHeader(stream: number, flags: number, length: number): Buffer {
  const header = Buffer.allocUnsafe(HEADER_LENGTH);
  header.writeUInt32BE(stream & 0x7fffffff, 0);
  header.writeUInt32BE(((flags << 24) | length) >>> 0, 4);
  return header;
}

/** What a parser tells of. Data comes in pieces as it arrives; a frame is never held whole. */
export interface FrameSink {
  control(type: number, flags: number, payload: Buffer): void;
  data(stream: number, piece: Buffer): void;
  /** The last data frame of the stream is complete. */
  dataEnd(stream: number): void;
}

/** Incremental parser: accepts bytes split anywhere and holds at most one control frame. */
export class FrameParser {
  readonly #sink: FrameSink;
  readonly #header = Buffer.alloc(HEADER_LENGTH);
  #headerFilled = 0;
  /** Bytes of the current frame's payload still to come. */
  #left = 0;
  #flags = 0;
  #stream = 0;
  /** Payload of the control frame being gathered; null inside a data frame. */
  #control: Buffer | null = null;
  #controlFilled = 0;

  constructor(sink: FrameSink) {
    this.#sink = sink;
  }

  /** @throws ProtocolError; whatever the sink throws. The parser must not be used after that. */
  push(chunk: Buffer): void {
    let at = 0;
    while (at < chunk.length) {
      if (this.#headerFilled < HEADER_LENGTH) {
        const copied = chunk.copy(this.#header, this.#headerFilled, at, at + HEADER_LENGTH - this.#headerFilled);
        this.#headerFilled += copied;
        at += copied;
        if (this.#headerFilled < HEADER_LENGTH) return;
        this.#begin();
      } else {
        const piece = chunk.subarray(at, at + this.#left);
        at += piece.length;
        this.#take(piece);
      }
    }
  }

  #begin(): void {
    const first = this.#header.readUInt32BE(0);
    const second = this.#header.readUInt32BE(4);
    this.#flags = second >>> 24;
    this.#left = second & 0xffffff;
    if (first >>> 31) {
      if (((first >>> 16) & 0x7fff) !== VERSION) throw new ProtocolError('not a SPDY/3 frame');
      if (this.#left > MAX_CONTROL_PAYLOAD) throw new ProtocolError('control frame too large');
      this.#control = Buffer.allocUnsafe(this.#left);
      this.#controlFilled = 0;
    } else {
      this.#control = null;
      this.#stream = first;
    }
    if (this.#left === 0) this.#end();
  }

  #take(piece: Buffer): void {
    this.#left -= piece.length;
    if (this.#control) this.#controlFilled += piece.copy(this.#control, this.#controlFilled);
    else this.#sink.data(this.#stream, piece);
    if (this.#left === 0) this.#end();
  }

  #end(): void {
    this.#headerFilled = 0;
    const payload = this.#control;
    this.#control = null;
    if (payload) this.#sink.control(this.#header.readUInt16BE(2), this.#flags, payload);
    else if (this.#flags & FLAG_FIN) this.#sink.dataEnd(this.#stream);
  }
}
