import { type ClientHttp2Session, type ClientHttp2Stream, connect, constants } from 'node:http2';
import type { Clock, Timer } from '#async/clock.ts';
import { callHeaders, exchange, GrpcError } from './client.ts';
import { GRPC } from './frames.ts';

export interface GrpcConnectionOptions {
  /** `http://name:port` or `https://name:port` */
  readonly url: string;
  /** PEM. */
  readonly tls?: { readonly ca: Buffer; readonly cert?: Buffer; readonly key?: Buffer };
  readonly clock: Clock;
}

/** Longest answer, bytes: pages of large objects are tens of megabytes. */
const MAX_ANSWER = 1 << 30;
/** What the server may send before it has heard of our reading, bytes, of one answer and of all. */
const STREAM_WINDOW = 4 << 20;
const SESSION_WINDOW = 16 << 20;
/** How often deadlines are looked at, milliseconds: one timer for all calls costs less than one for each. */
const SWEEP_MS = 50;
/** How long the server may take to answer the ping that follows an unanswered call, milliseconds. */
const PING_MS = 5000;

/** HTTP/2 has 2^30 streams for the calls of a connection; then it needs another one. */
const MAX_CALLS = 2 ** 29;

interface Pending {
  readonly deadline: number;
  readonly reject: (e: Error) => void;
}

/**
 * Unary calls to one server. The connection is made when it is needed and again after it was lost. A call that is late
 * has the connection checked by a ping: a peer that vanished without a word (power cut) is left.
 */
export class GrpcConnection {
  readonly #o: GrpcConnectionOptions;
  readonly #headers = new Map<string, Record<string, string>>();
  readonly #pending = new Map<ClientHttp2Stream, Pending>();
  #session: ClientHttp2Session | undefined;
  #fault = '';
  #pingedAt = 0;
  #calls = 0;
  #sweeper: Timer | undefined;
  #closed = false;

  constructor(options: GrpcConnectionOptions) {
    this.#o = options;
  }

  /**
   * One message for one. @param deadline epoch milliseconds
   * @throws GrpcError, `unavailable` when the server cannot be reached or the connection broke: then it is not known
   * whether the call took effect
   */
  unary(path: string, message: Uint8Array, deadline: number): Promise<Buffer> {
    const { promise, resolve, reject } = Promise.withResolvers<Buffer>();
    if (this.#closed) {
      reject(new GrpcError({ code: GRPC.unavailable, message: 'the connection is closed' }));
      return promise;
    }
    const stream = this.#open().request(this.#headersOf(path));
    this.#pending.set(stream, { deadline, reject });
    this.#sweepSoon();
    let answer: Buffer | undefined;
    const keep = (m: Buffer): void => {
      answer = m;
    };
    void exchange(stream, { message, maxBytes: MAX_ANSWER }, keep).then(({ code, message: words }) => {
      this.#pending.delete(stream);
      if (code > GRPC.ok) reject(new GrpcError({ code, message: words }));
      else if (code < GRPC.ok) reject(new GrpcError({ code: GRPC.unavailable, message: this.#fault || words }));
      else if (answer) resolve(answer);
      else reject(new GrpcError({ code: GRPC.unknown, message: `${path} answered without a message` }));
    });
    return promise;
  }

  close(): void {
    this.#closed = true;
    this.#sweeper?.cancel();
    this.#session?.destroy();
  }

  #headersOf(path: string): Record<string, string> {
    let headers = this.#headers.get(path);
    if (!headers) {
      headers = callHeaders(path);
      this.#headers.set(path, headers);
    }
    return headers;
  }

  #open(): ClientHttp2Session {
    const known = this.#session;
    if (known && !known.closed && !known.destroyed) {
      if (this.#calls++ < MAX_CALLS) return known;
      known.close();
    }
    const session = connect(this.#o.url, {
      ...this.#o.tls,
      settings: { initialWindowSize: STREAM_WINDOW, enablePush: false },
    });
    this.#session = session;
    this.#fault = '';
    this.#pingedAt = 0;
    this.#calls = 0;
    session.on('connect', () => {
      // The last word of a late call may have been to give this connection up.
      if (!session.destroyed) session.setLocalWindowSize(SESSION_WINDOW);
    });
    session.on('error', (e) => {
      this.#fault = e.message;
    });
    // The server sends no more answers on it, but those under way.
    session.on('goaway', () => session.close());
    return session;
  }

  #sweepSoon(): void {
    this.#sweeper ??= this.#o.clock.after(SWEEP_MS, () => this.#sweep(), { unref: true });
  }

  #sweep(): void {
    this.#sweeper = undefined;
    const now = this.#o.clock.now();
    for (const [stream, { deadline, reject }] of this.#pending) {
      if (deadline > now) continue;
      this.#pending.delete(stream);
      reject(new GrpcError({ code: GRPC.deadlineExceeded, message: 'no answer in time' }));
      stream.close(constants.NGHTTP2_CANCEL);
      this.#ping(now);
    }
    if (this.#pingedAt > 0 && now - this.#pingedAt > PING_MS) this.#session?.destroy();
    else if (this.#pending.size > 0 || this.#pingedAt > 0) this.#sweepSoon();
  }

  #ping(now: number): void {
    const session = this.#session;
    if (this.#pingedAt > 0 || !session || session.destroyed) return;
    // A connection that is not even made within the time of a call is given up at once.
    if (session.connecting) {
      session.destroy();
      return;
    }
    this.#pingedAt = now;
    session.ping(() => {
      if (session === this.#session) this.#pingedAt = 0;
    });
  }
}
