import type { Duplex } from 'node:stream';
import { dataHeader } from './frames.ts';
import { INITIAL_WINDOW, type SpdyStream } from './stream.ts';

/** Longer writes are cut, so that no stream holds the connection for long. */
const MAX_DATA_FRAME = 32 * 1024;
/** Up to this much is copied behind its header: cheaper than a second write. */
const COPY_LIMIT = 4 * 1024;
/** Replies a peer can provoke (PING, RST, …) are bounded: one that sends them but never reads is cut off. */
const MAX_CONTROL_BACKLOG = 4 * 1024 * 1024;

interface Pending {
  readonly data: Buffer;
  sent: number;
  readonly done: (error?: Error | null) => void;
}

/**
 * The sending half of a session: control frames at once, data as the transport and the peer's windows allow, in turn
 * between streams. Holds at most one write of each stream.
 */
export class Outbox {
  /** Session-wide allowance of the peer, bytes. */
  window = INITIAL_WINDOW;
  readonly #transport: Duplex;
  /** Insertion order is the order of turns. */
  readonly #pending = new Map<SpdyStream, Pending>();
  #enforced: boolean;
  #full = false;
  #closed = false;

  constructor(transport: Duplex, enforced: boolean) {
    this.#transport = transport;
    this.#enforced = enforced;
    transport.on('drain', () => {
      this.#full = false;
      this.flush();
    });
  }

  /** From now on the peer's windows bind us. */
  enforceWindows(): void {
    this.#enforced = true;
  }

  control(frame: Buffer): void {
    if (this.#closed) return;
    if (this.#transport.writableLength > MAX_CONTROL_BACKLOG) {
      this.#transport.destroy(new Error('the peer does not read'));
      return;
    }
    if (!this.#transport.write(frame)) this.#full = true;
  }

  data(stream: SpdyStream, data: Buffer, done: Pending['done']): void {
    this.#pending.set(stream, { data, sent: 0, done });
    this.flush();
  }

  /** The stream ended early: its pending write is dropped. */
  forget(stream: SpdyStream): void {
    const pending = this.#pending.get(stream);
    this.#pending.delete(stream);
    pending?.done(new Error('stream closed'));
  }

  /** Sends what may be sent, one frame a stream and turn. */
  flush(): void {
    // A stream with more to send goes to the map's end and so comes round again in this very loop.
    for (const [stream, pending] of this.#pending) {
      if (this.#full || this.#closed) return;
      this.#step(stream, pending);
    }
  }

  close(): void {
    this.#closed = true;
    for (const { done } of this.#pending.values()) done(new Error('connection closed'));
    this.#pending.clear();
  }

  #step(stream: SpdyStream, pending: Pending): void {
    const wanted = Math.min(MAX_DATA_FRAME, pending.data.length - pending.sent);
    const allowed = this.#enforced ? Math.min(wanted, stream.sendWindow, this.window) : wanted;
    if (wanted > 0 && allowed <= 0) return;
    const piece = pending.data.subarray(pending.sent, pending.sent + allowed);
    pending.sent += allowed;
    stream.sendWindow -= allowed;
    this.window -= allowed;
    // To the back of the queue, or out of it. Before writing: `done` may bring the next write of this stream.
    this.#pending.delete(stream);
    const more = pending.sent < pending.data.length;
    if (more) this.#pending.set(stream, pending);
    if (piece.length > 0) this.#write(stream.id, piece);
    if (!more) pending.done();
  }

  #write(stream: number, piece: Buffer): void {
    const header = dataHeader(stream, 0, piece.length);
    if (piece.length <= COPY_LIMIT) {
      if (!this.#transport.write(Buffer.concat([header, piece]))) this.#full = true;
      return;
    }
    this.#transport.cork();
    this.#transport.write(header);
    if (!this.#transport.write(piece)) this.#full = true;
    this.#transport.uncork();
  }
}
