import { connect as connectPlain, isIP } from 'node:net';
import type { Duplex } from 'node:stream';
import { connect as connectTls } from 'node:tls';
import type { Clock, Timer } from '#async/clock.ts';
import { GRPC } from './frames.ts';
import { headerBlock } from './http2/hpack.ts';
import { type Call, ClientSession } from './http2/session.ts';
import { GrpcError, type GrpcStatus } from './status.ts';

export interface GrpcConnectionOptions {
  /** `http://name:port`, `https://name:port` or `unix:///path` of a socket, which is spoken to in plain. */
  readonly url: string;
  /** PEM. */
  readonly tls?: { readonly ca: Buffer; readonly cert?: Buffer; readonly key?: Buffer };
  readonly clock: Clock;
}

/** Longest answer, bytes: pages of large objects are tens of megabytes. */
const MAX_ANSWER = 1 << 30;
/** How often deadlines are looked at, milliseconds: one timer for all calls costs less than one for each. */
const SWEEP_MS = 50;
/**
 * How many looks at deadlines later the ping that follows an unanswered call must be answered: after 5 seconds. They are
 * counted, for a process that was held up itself has looked at nothing meanwhile.
 */
const PING_SWEEPS = 5000 / SWEEP_MS;
const CLOSED = 'the connection is closed';

interface Pending {
  readonly session: ClientSession;
  readonly deadline: number;
  readonly reject: (e: Error) => void;
}

/**
 * Unary calls to one server. The connection is made when it is needed and again after it was lost. A call that is late
 * has the connection checked by a ping: a peer that vanished without a word (power cut) is left.
 */
export class GrpcConnection {
  readonly #o: GrpcConnectionOptions;
  readonly #url: URL;
  /** The headers of a call, by path. */
  readonly #heads = new Map<string, Buffer>();
  readonly #pending = new Map<Call, Pending>();
  #session: ClientSession | undefined;
  /** Looks since the ping; 0: none is out. */
  #pinging = 0;
  #sweeper: Timer | undefined;
  #closed = false;

  constructor(options: GrpcConnectionOptions) {
    this.#o = options;
    this.#url = new URL(options.url);
  }

  /**
   * One message for one. @param deadline epoch milliseconds
   * @throws GrpcError, `unavailable` when the server cannot be reached or the connection broke: then it is not known
   * whether the call took effect
   */
  unary(path: string, message: Uint8Array, deadline: number): Promise<Buffer> {
    const { promise, resolve, reject } = Promise.withResolvers<Buffer>();
    if (this.#closed) {
      reject(new GrpcError({ code: GRPC.unavailable, message: CLOSED }));
      return promise;
    }
    const done = (status: GrpcStatus, answer: Buffer | undefined): void => {
      this.#pending.delete(call);
      const { code, message: words } = status;
      if (code > GRPC.ok) reject(new GrpcError(status));
      else if (code < GRPC.ok) reject(new GrpcError({ code: GRPC.unavailable, message: words }));
      else if (answer) resolve(answer);
      else reject(new GrpcError({ code: GRPC.unknown, message: `${path} answered without a message` }));
    };
    const session = this.#open();
    const call = session.call(this.#headOf(path), message, done);
    this.#pending.set(call, { session, deadline, reject });
    this.#sweepSoon();
    return promise;
  }

  close(): void {
    this.#closed = true;
    this.#sweeper?.cancel();
    this.#session?.destroy(CLOSED);
    // One that the server is about to close may still have calls.
    for (const { session } of this.#pending.values()) session.destroy(CLOSED);
  }

  #headOf(path: string): Buffer {
    let head = this.#heads.get(path);
    if (!head) {
      const { protocol, host } = this.#url;
      head = headerBlock({
        ':method': 'POST',
        ':scheme': protocol === 'https:' ? 'https' : 'http',
        ':path': path,
        ':authority': host || 'localhost',
        'content-type': 'application/grpc',
        te: 'trailers',
      });
      this.#heads.set(path, head);
    }
    return head;
  }

  #open(): ClientSession {
    const known = this.#session;
    if (known?.usable) return known;
    const session = new ClientSession(this.#socket(), MAX_ANSWER);
    this.#session = session;
    this.#pinging = 0;
    return session;
  }

  #socket(): Duplex {
    const { protocol, port, pathname } = this.#url;
    if (protocol === 'unix:') return connectPlain({ path: decodeURIComponent(pathname) });
    // An IPv6 address has brackets in a URL.
    const host = this.#url.hostname.replace(/^\[(.*)\]$/, '$1');
    if (protocol === 'http:') return connectPlain({ host, port: Number(port || 80), noDelay: true });
    const servername = isIP(host) ? '' : host;
    const secure = { ...this.#o.tls, host, port: Number(port || 443), servername, ALPNProtocols: ['h2'] };
    const socket = connectTls(secure, () => {
      if (socket.alpnProtocol !== 'h2') socket.destroy(new Error(`${this.#o.url} does not speak HTTP/2`));
    });
    return socket.setNoDelay(true);
  }

  #sweepSoon(): void {
    this.#sweeper ??= this.#o.clock.after(SWEEP_MS, () => this.#sweep(), { unref: true });
  }

  #sweep(): void {
    this.#sweeper = undefined;
    const now = this.#o.clock.now();
    for (const [call, { session, deadline, reject }] of this.#pending) {
      if (deadline > now) continue;
      this.#pending.delete(call);
      reject(new GrpcError({ code: GRPC.deadlineExceeded, message: 'no answer in time' }));
      session.cancel(call);
      this.#ping();
    }
    if (this.#pinging > 0 && this.#pinging++ > PING_SWEEPS) this.#session?.destroy('no answer to a ping');
    else if (this.#pending.size > 0 || this.#pinging > 0) this.#sweepSoon();
  }

  #ping(): void {
    const session = this.#session;
    if (this.#pinging > 0 || !session?.usable) return;
    // A connection that is not even made within the time of a call is given up at once.
    if (!session.settled) {
      session.destroy('no connection in time');
      return;
    }
    this.#pinging = 1;
    session.ping(() => {
      if (session === this.#session) this.#pinging = 0;
    });
  }
}
