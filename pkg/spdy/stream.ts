import { Duplex } from 'node:stream';
import type { Headers } from './headers.ts';

/** Window both ends start with, and so what a well-behaved peer may have in flight to us (bytes). */
export const INITIAL_WINDOW = 64 * 1024;

type Done = (error?: Error | null) => void;

/** What a stream asks of its session. */
export interface StreamCarrier {
  /** Sends data, calling `done` once the transport and the peer's window have taken all of it. */
  send(stream: SpdyStream, data: Buffer, done: Done): void;
  /** Sends the end of our half. */
  sendEnd(stream: SpdyStream): void;
  /** The consumer took bytes out of the buffer. */
  consumed(stream: SpdyStream): void;
  /** The stream is over. `clean` when both halves ended by themselves; otherwise the peer must be told. */
  released(stream: SpdyStream, clean: boolean): void;
}

/**
 * One multiplexed stream. Half-closes as SPDY does: `end()` closes our half, the readable side ends with the peer's.
 * Destroying it earlier resets it. Errors need no listener: an abandoned stream must not end the process.
 */
export class SpdyStream extends Duplex {
  readonly id: number;
  readonly headers: Headers;
  /** Bytes handed in by the peer and not yet acknowledged by WINDOW_UPDATE. */
  unacknowledged = 0;
  /** What the peer lets us send now; negative while a peer that knows no windows is being served. */
  sendWindow: number;
  /** The peer ended its half. */
  remoteEnded = false;
  readonly #carrier: StreamCarrier;
  #localEnded = false;

  constructor(id: number, headers: Headers, carrier: StreamCarrier, sendWindow: number) {
    super({
      allowHalfOpen: true,
      readableHighWaterMark: INITIAL_WINDOW,
      writableHighWaterMark: INITIAL_WINDOW,
      decodeStrings: true,
    });
    this.id = id;
    this.headers = headers;
    this.#carrier = carrier;
    this.sendWindow = sendWindow;
    this.on('error', () => {});
  }

  override _read(): void {}

  /** Every way of consuming what is buffered passes here, and here (unlike in _read) the chunk has left the buffer. */
  override read(size?: number): Buffer | null {
    const chunk: Buffer | null = super.read(size);
    if (chunk !== null) this.#carrier.consumed(this);
    return chunk;
  }

  override _write(chunk: Buffer, _encoding: BufferEncoding, done: Done): void {
    this.#carrier.send(this, chunk, done);
  }

  override _final(done: Done): void {
    this.#localEnded = true;
    this.#carrier.sendEnd(this);
    done();
  }

  override _destroy(error: Error | null, done: Done): void {
    this.#carrier.released(this, this.#localEnded && this.remoteEnded);
    done(error);
  }
}
