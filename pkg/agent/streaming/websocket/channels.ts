import { Readable, Writable } from 'node:stream';
import type { WebSocket } from 'ws';
import type { Clock } from '#async/clock.ts';
import type { ChannelCodec } from './codec.ts';

/** What a channel may hold for a slow consumer before the connection is paused, bytes. */
const RECEIVE_LIMIT = 64 * 1024;
const LINGER_MS = 10_000;
const READY_TIMEOUT_MS = 1000;
/** WebSocket close codes. */
const NORMAL = 1000;

/**
 * Numbered byte channels multiplexed on one WebSocket. A slow consumer pauses the whole connection (the protocol has
 * no windows); a slow client holds back the writer of each channel.
 */
export class WebSocketChannels {
  /** Aborts when the connection is gone. */
  readonly signal: AbortSignal;
  /** Clock time of the last data, either way. */
  lastActivity: number;
  readonly #gone = new AbortController();
  readonly #ws: WebSocket;
  readonly #codec: ChannelCodec;
  readonly #clock: Clock;
  readonly #listeners = new Map<number, (data: Buffer) => void>();
  readonly #readables = new Set<ChannelReadable>();
  readonly #behind = new Set<ChannelReadable>();
  #closing = false;

  constructor(ws: WebSocket, codec: ChannelCodec, clock: Clock) {
    this.#ws = ws;
    this.#codec = codec;
    this.#clock = clock;
    this.signal = this.#gone.signal;
    this.lastActivity = clock.now();
    ws.on('message', (message: Buffer) => this.#receive(message));
    ws.on('error', () => this.destroy());
    ws.on('close', () => this.destroy());
  }

  /** Calls `listener` with every message of a channel. */
  listen(channel: number, listener: (data: Buffer) => void): void {
    this.#listeners.set(channel, listener);
  }

  /** A channel's incoming bytes; destroyed with the connection. */
  readable(channel: number): ChannelReadable {
    const readable = new ChannelReadable(() => this.#caughtUp(readable));
    readable.on('error', () => {});
    readable.on('close', () => {
      this.#readables.delete(readable);
      this.#caughtUp(readable);
    });
    this.#readables.add(readable);
    this.listen(channel, (data) => {
      if (this.#closing) return;
      readable.add(data);
      if (readable.readableLength <= RECEIVE_LIMIT) return;
      this.#behind.add(readable);
      this.#ws.pause();
    });
    return readable;
  }

  /** A channel's outgoing bytes. Ending it sends nothing: the protocol has no half-close. */
  writable(channel: number): Writable {
    const writable = new Writable({
      highWaterMark: RECEIVE_LIMIT,
      write: (chunk: Buffer, _encoding, done) => this.send(channel, chunk, done),
    });
    writable.on('error', () => {});
    return writable;
  }

  /** Sends one message; `done` is called once it was written to the connection. */
  send(channel: number, data: Buffer, done: (error?: Error | null) => void = () => {}): void {
    this.lastActivity = this.#clock.now();
    this.#ws.send(this.#codec.encode(channel, data), done);
  }

  /**
   * Resolves when the client has answered a ping, or after a second: kubectl 1.30 to 1.33 throws away messages that
   * arrive before it has set up its channels, which is only a moment after the handshake.
   */
  ready(): Promise<void> {
    const { promise, resolve } = Promise.withResolvers<void>();
    const timer = this.#clock.after(READY_TIMEOUT_MS, resolve, { unref: true });
    this.#ws.once('pong', resolve);
    this.signal.addEventListener('abort', () => resolve(), { once: true });
    this.probe();
    return promise.finally(() => timer.cancel());
  }

  probe(): void {
    if (this.#ws.readyState === this.#ws.OPEN) this.#ws.ping(() => {});
  }

  /** Closes politely: what was sent arrives, what still comes is thrown away, an unanswered close is cut off. */
  close(): void {
    if (this.#closing || this.signal.aborted) return;
    this.#closing = true;
    this.#behind.clear();
    this.#ws.resume();
    this.#ws.close(NORMAL);
    const giveUp = this.#clock.after(LINGER_MS, () => this.destroy(), { unref: true });
    this.signal.addEventListener('abort', () => giveUp.cancel(), { once: true });
  }

  /** Ends the connection now. Safe to call again. */
  destroy(): void {
    if (this.signal.aborted) return;
    const reason = new Error('connection closed');
    this.#gone.abort(reason);
    this.#ws.terminate();
    for (const readable of this.#readables) readable.destroy(reason);
  }

  #receive(message: Buffer): void {
    this.lastActivity = this.#clock.now();
    const decoded = this.#codec.decode(message);
    if (decoded) this.#listeners.get(decoded.channel)?.(decoded.data);
  }

  #caughtUp(readable: ChannelReadable): void {
    if (readable.readableLength > RECEIVE_LIMIT / 2 && !readable.destroyed) return;
    if (this.#behind.delete(readable) && this.#behind.size === 0) this.#ws.resume();
  }
}

/** A channel's incoming bytes; tells when some were taken out of its buffer (`_read` is too early for that). */
export class ChannelReadable extends Readable {
  readonly #taken: () => void;
  #finished = false;

  constructor(taken: () => void) {
    super({ highWaterMark: RECEIVE_LIMIT });
    this.#taken = taken;
  }

  /** The client sent bytes; after `finish` they are dropped. */
  add(data: Buffer): void {
    if (!this.#finished && !this.destroyed) this.push(data);
  }

  /** The client closed the channel. Safe to call again. */
  finish(): void {
    if (this.#finished || this.destroyed) return;
    this.#finished = true;
    this.push(null);
  }

  override _read(): void {}

  override read(size?: number): Buffer | null {
    const chunk: Buffer | null = super.read(size);
    if (chunk !== null) this.#taken();
    return chunk;
  }
}
