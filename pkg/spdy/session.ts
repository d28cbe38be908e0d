import type { Duplex } from 'node:stream';
import type { Clock } from '#async/clock.ts';
import {
  controlFrame,
  dataHeader,
  FLAG_FIN,
  FrameParser,
  type FrameSink,
  numbersFrame,
  ProtocolError,
  RESET,
  SETTING_INITIAL_WINDOW,
  TYPE,
} from './frames.ts';
import { HeaderDecoder, HeaderEncoder, type Headers } from './headers.ts';
import { Outbox } from './outbox.ts';
import { INITIAL_WINDOW, SpdyStream, type StreamCarrier } from './stream.ts';

export interface SessionOptions {
  readonly role: 'server' | 'client';
  readonly clock: Clock;
  /** Bytes that arrived behind the HTTP upgrade. */
  readonly head?: Buffer;
  /** A stream the peer opened; its SYN_REPLY is already on its way. */
  readonly onStream: (stream: SpdyStream) => void;
  /** Streams open at once before further ones are refused. Default 1024. */
  readonly maxStreams?: number;
  /**
   * 'spoken' (default): the peer's windows bind us once it has sent any WINDOW_UPDATE or SETTINGS; until then only the
   * transport's back-pressure does, because Kubernetes' own clients never send either. 'always': from the first byte.
   */
  readonly windows?: 'spoken' | 'always';
}

const LINGER_MS = 10_000;

/**
 * One SPDY/3.1 session over any duplex transport (a socket, or a WebSocket's byte stream).
 *
 * Memory is bounded both ways. Towards the peer a stream's write completes only when the transport took it. From the
 * peer at most one window is kept for a stream: a peer that ignores windows is held back by pausing the transport.
 */
export class SpdySession implements FrameSink, StreamCarrier {
  /** Aborts when the connection is gone, for whatever reason. */
  readonly signal: AbortSignal;
  /** Clock time of the last stream data, either way. */
  lastActivity: number;
  readonly #gone = new AbortController();
  readonly #transport: Duplex;
  readonly #options: SessionOptions;
  readonly #parser = new FrameParser(this);
  readonly #decoder = new HeaderDecoder();
  readonly #encoder = new HeaderEncoder();
  readonly #outbox: Outbox;
  readonly #streams = new Map<number, SpdyStream>();
  /** Streams whose consumer is behind: the transport rests until none is. */
  readonly #behind = new Set<SpdyStream>();
  readonly #pings = new Map<number, () => void>();
  #unacknowledged = 0;
  #nextStream: number;
  #nextPing: number;
  #lastPeerStream = 0;
  #peerInitialWindow = INITIAL_WINDOW;
  #closing = false;

  constructor(transport: Duplex, options: SessionOptions) {
    this.#transport = transport;
    this.#options = options;
    this.signal = this.#gone.signal;
    this.lastActivity = options.clock.now();
    this.#nextStream = this.#nextPing = options.role === 'server' ? 2 : 1;
    this.#outbox = new Outbox(transport, options.windows === 'always');
    if (options.head?.length) transport.unshift(options.head);
    transport.on('data', (chunk: Buffer) => this.#receive(chunk));
    transport.on('end', () => this.destroy());
    transport.on('error', () => this.destroy());
    transport.on('close', () => this.destroy());
  }

  /** Opens a stream to the peer. It may be written at once. */
  open(headers: Headers): SpdyStream {
    const id = this.#nextStream;
    this.#nextStream += 2;
    const block = this.#encoder.encode(headers);
    const payload = Buffer.concat([Buffer.alloc(10), block]);
    payload.writeUInt32BE(id, 0);
    // Known before it is sent: the transport may bring the answer within the write.
    const stream = this.#add(id, headers);
    this.#outbox.control(controlFrame(TYPE.synStream, 0, payload));
    return stream;
  }

  /** Sends a PING; resolves when it is answered. Never rejects: watch `signal` for the end of the connection. */
  ping(): Promise<void> {
    const id = this.#nextPing;
    this.#nextPing = (this.#nextPing + 2) % 0x7ffffffe || 2;
    this.#outbox.control(numbersFrame(TYPE.ping, id));
    return new Promise((resolve) => {
      // An unanswered ping is superseded by the next: two are never kept.
      this.#pings.clear();
      this.#pings.set(id, resolve);
    });
  }

  /** Makes the transport notice a peer that is gone: see KeepAlive. */
  probe(): void {
    void this.ping();
  }

  /**
   * Ends the session politely: announces it, throws away what the peer still sends, and gives the peer time to close
   * first, since Kubernetes' clients drop received but unread data when the connection ends under them.
   */
  shutdown(): void {
    if (this.#closing || this.signal.aborted) return;
    this.#closing = true;
    this.#outbox.control(numbersFrame(TYPE.goAway, this.#lastPeerStream, 0));
    for (const stream of this.#streams.values()) stream.resume();
    this.#behind.clear();
    this.#transport.resume();
    const giveUp = this.#options.clock.after(LINGER_MS, () => this.destroy(), { unref: true });
    this.signal.addEventListener('abort', () => giveUp.cancel(), { once: true });
  }

  /** Ends the connection and every stream now. Safe to call again. */
  destroy(): void {
    if (this.signal.aborted) return;
    this.#gone.abort(new Error('connection closed'));
    this.#transport.destroy();
    this.#outbox.close();
    for (const stream of this.#streams.values()) stream.destroy(new Error('connection closed'));
    this.#streams.clear();
    this.#behind.clear();
    for (const answer of this.#pings.values()) answer();
    this.#pings.clear();
  }

  // From the streams.

  send(stream: SpdyStream, data: Buffer, done: (error?: Error | null) => void): void {
    this.lastActivity = this.#options.clock.now();
    if (this.signal.aborted) done(new Error('connection closed'));
    else this.#outbox.data(stream, data, done);
  }

  sendEnd(stream: SpdyStream): void {
    this.#outbox.control(dataHeader(stream.id, FLAG_FIN, 0));
  }

  consumed(stream: SpdyStream): void {
    const credit = stream.unacknowledged - stream.readableLength;
    if (credit >= INITIAL_WINDOW / 2 && !stream.remoteEnded && !stream.destroyed) {
      stream.unacknowledged -= credit;
      this.#outbox.control(numbersFrame(TYPE.windowUpdate, stream.id, credit));
    }
    if (stream.readableLength <= INITIAL_WINDOW / 2) this.#caughtUp(stream);
  }

  released(stream: SpdyStream, clean: boolean): void {
    if (!this.#streams.delete(stream.id)) return;
    this.#outbox.forget(stream);
    this.#caughtUp(stream);
    if (!clean) this.#outbox.control(numbersFrame(TYPE.rstStream, stream.id, RESET.cancel));
  }

  #caughtUp(stream: SpdyStream): void {
    if (this.#behind.delete(stream) && this.#behind.size === 0) this.#transport.resume();
  }

  // From the parser.

  data(id: number, piece: Buffer): void {
    this.lastActivity = this.#options.clock.now();
    // Session-wide credit goes back on arrival: what is kept is bounded per stream.
    this.#unacknowledged += piece.length;
    if (this.#unacknowledged >= INITIAL_WINDOW / 2) {
      this.#outbox.control(numbersFrame(TYPE.windowUpdate, 0, this.#unacknowledged));
      this.#unacknowledged = 0;
    }
    const stream = this.#streams.get(id);
    // Data for a stream we reset is still in flight for a while: dropped without a word.
    if (!stream || stream.remoteEnded) return;
    stream.unacknowledged += piece.length;
    stream.push(piece);
    if (stream.readableLength > INITIAL_WINDOW && !this.#closing) {
      this.#behind.add(stream);
      this.#transport.pause();
    } else this.consumed(stream);
  }

  dataEnd(id: number): void {
    const stream = this.#streams.get(id);
    if (stream) this.#endRemote(stream);
  }

  control(type: number, flags: number, payload: Buffer): void {
    // Not here: GOAWAY, because the peer closes the connection itself, and unknown types, which are to be ignored.
    if (type === TYPE.synStream) this.#onSynStream(flags, payload);
    else if (type === TYPE.synReply || type === TYPE.headers) this.#onHeaders(flags, payload);
    else if (type === TYPE.rstStream) this.#onReset(word(payload, 0));
    else if (type === TYPE.settings) this.#onSettings(payload);
    else if (type === TYPE.ping) this.#onPing(word(payload, 0));
    else if (type === TYPE.windowUpdate) this.#onWindowUpdate(word(payload, 0), word(payload, 4) & 0x7fffffff);
  }

  #receive(chunk: Buffer): void {
    if (this.signal.aborted) return;
    try {
      this.#parser.push(chunk);
    } catch (error) {
      if (!(error instanceof ProtocolError)) throw error;
      this.#outbox.control(numbersFrame(TYPE.goAway, this.#lastPeerStream, RESET.protocolError));
      this.destroy();
    }
  }

  #add(id: number, headers: Headers): SpdyStream {
    const stream = new SpdyStream(id, headers, this, this.#peerInitialWindow);
    this.#streams.set(id, stream);
    return stream;
  }

  #endRemote(stream: SpdyStream): void {
    if (stream.remoteEnded) return;
    stream.remoteEnded = true;
    stream.push(null);
  }

  #onSynStream(flags: number, payload: Buffer): void {
    const id = word(payload, 0) & 0x7fffffff;
    // Decoded in any case: the compression state runs through every block.
    const headers = this.#decoder.decode(payload.subarray(10));
    const parity = this.#options.role === 'server' ? 1 : 0;
    if (id % 2 !== parity || id <= this.#lastPeerStream) throw new ProtocolError(`invalid stream id ${id}`);
    this.#lastPeerStream = id;
    if (this.#closing || this.#streams.size >= (this.#options.maxStreams ?? 1024)) {
      this.#outbox.control(numbersFrame(TYPE.rstStream, id, RESET.refusedStream));
      return;
    }
    const block = this.#encoder.encode({});
    const reply = Buffer.concat([Buffer.alloc(4), block]);
    reply.writeUInt32BE(id, 0);
    // Before any data of ours: clients drop data of a stream that was not replied to.
    this.#outbox.control(controlFrame(TYPE.synReply, 0, reply));
    const stream = this.#add(id, headers);
    if (flags & FLAG_FIN) this.#endRemote(stream);
    this.#options.onStream(stream);
  }

  #onHeaders(flags: number, payload: Buffer): void {
    this.#decoder.decode(payload.subarray(4));
    if (flags & FLAG_FIN) this.dataEnd(word(payload, 0) & 0x7fffffff);
  }

  #onReset(id: number): void {
    const stream = this.#streams.get(id);
    if (!stream) return;
    this.#streams.delete(id);
    this.#outbox.forget(stream);
    this.#caughtUp(stream);
    stream.destroy(new Error('stream reset by the peer'));
  }

  #onSettings(payload: Buffer): void {
    this.#outbox.enforceWindows();
    for (let i = 0, at = 4; i < word(payload, 0); i++, at += 8) {
      if ((word(payload, at) & 0xffffff) !== SETTING_INITIAL_WINDOW) continue;
      const change = (word(payload, at + 4) & 0x7fffffff) - this.#peerInitialWindow;
      this.#peerInitialWindow += change;
      for (const stream of this.#streams.values()) stream.sendWindow += change;
    }
    this.#outbox.flush();
  }

  #onPing(id: number): void {
    const theirs = id % 2 !== this.#nextPing % 2;
    if (theirs) this.#outbox.control(numbersFrame(TYPE.ping, id));
    this.#pings.get(id)?.();
    this.#pings.delete(id);
  }

  #onWindowUpdate(id: number, delta: number): void {
    this.#outbox.enforceWindows();
    if (id === 0) this.#outbox.window += delta;
    else {
      const stream = this.#streams.get(id);
      if (stream) stream.sendWindow += delta;
    }
    this.#outbox.flush();
  }
}

function word(payload: Buffer, at: number): number {
  if (at + 4 > payload.length) throw new ProtocolError('truncated control frame');
  return payload.readUInt32BE(at);
}
