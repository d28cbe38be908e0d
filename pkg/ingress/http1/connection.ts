import { connect, type Socket } from 'node:net';
import { BodySender } from './body-sender.ts';
import { type Sender, sendSoon } from './burst.ts';
import { ResponseParser } from './response-parser.ts';
import { type Controller, type Handler, type Outgoing, Silence, WornOut } from './types.ts';

/** The kernel probes a quiet peer after this. */
const TCP_KEEPALIVE_MS = 10_000;
/** How long a connection is kept that nobody uses, unless the backend says less or more. */
const KEEP_MS = 4000;
const MAX_KEEP_MS = 60_000;
/** So much before the backend closes a connection no request is sent on it any more. */
const MARGIN_MS = 1000;

/**
 * What is read from any connection. All share it, since it is read, understood and passed on, or copied, before the next
 * one has its turn.
 */
const READ = Buffer.allocUnsafeSlow(64 * 1024);

export interface Place {
  readonly ip: string;
  readonly port: number;
  readonly connectTimeoutMs: number;
}

/** What becomes of a connection. */
export interface Owner {
  /** It waits for the next request. */
  onIdle(connection: Connection): void;
  onGone(connection: Connection): void;
}

/** A request on a connection. It outlives its turn there: then it does nothing. */
class Call implements Controller {
  readonly handler: Handler;
  readonly request: Outgoing;
  readonly #connection: Connection;
  /** Something came after it was asked. */
  heard = false;
  answered = false;

  constructor(connection: Connection, request: Outgoing, handler: Handler) {
    this.#connection = connection;
    this.request = request;
    this.handler = handler;
  }

  abort(reason: Error): void {
    this.#connection.abort(this, reason);
  }

  pause(): void {
    this.#connection.read(this, false);
  }

  resume(): void {
    this.#connection.read(this, true);
  }
}

/** One connection to a backend: one request after the other. */
export class Connection implements Sender {
  readonly #socket: Socket;
  readonly #owner: Owner;
  readonly #place: Place;
  readonly #parser: ResponseParser;
  #call: Call | undefined;
  /** What the call is to begin with, until the connection is there. */
  #waiting: string | undefined;
  /** A request that is sent when all that has arrived is read. */
  #unsent = '';
  #connected = false;
  /** It has brought an answer already. */
  #used = false;
  #sender: BodySender | undefined;
  #paused = false;
  #persistent = false;
  #keepMs = KEEP_MS;
  #gone = false;
  /** When something last happened, as `performance.now()` tells. */
  #since = performance.now();

  constructor(place: Place, owner: Owner) {
    this.#place = place;
    this.#owner = owner;
    this.#parser = new ResponseParser({
      onHead: (head) => {
        const call = this.#call;
        if (!call) return;
        call.answered = true;
        this.#persistent = head.persistent;
        this.#keepMs = head.keepMs === undefined ? KEEP_MS : Math.min(head.keepMs - MARGIN_MS, MAX_KEEP_MS);
        call.handler.onResponseStart(head.status, head.headers, head.message);
      },
      onData: (chunk) => {
        const call = this.#call;
        call?.handler.onResponseData(call, chunk);
      },
      onEnd: (trailers) => {
        const call = this.#call;
        call?.handler.onResponseEnd(trailers);
        this.#call = undefined;
      },
    });
    this.#socket = connect({
      ...{ host: place.ip, port: place.port, noDelay: true },
      ...{ keepAlive: true, keepAliveInitialDelay: TCP_KEEPALIVE_MS },
      onread: { buffer: READ, callback: (length: number) => this.#onRead(length) },
    });
    this.#socket.once('connect', () => this.#onConnect());
    this.#socket.once('end', () => this.#onEnd());
    this.#socket.on('error', (e) => this.#onBroken(e));
    this.#socket.once('close', () => this.#onBroken(new Error('the connection was closed')));
  }

  /** @param head as `requestHead` makes it of the request */
  ask(request: Outgoing, head: string, handler: Handler): void {
    this.#call = new Call(this, request, handler);
    if (this.#connected) this.#send(head);
    else this.#waiting = head;
  }

  abort(call: Call, reason: Error): void {
    if (this.#call === call) this.#fail(reason);
  }

  read(call: Call, on: boolean): void {
    if (this.#call !== call || this.#paused !== on) return;
    this.#paused = !on;
    this.#since = performance.now();
    if (on) this.#socket.resume();
    else this.#socket.pause();
  }

  /** Ends it if nobody has used it for long, or if the backend has been silent for too long. @param now `performance.now()` */
  check(now: number): void {
    const quiet = now - this.#since;
    const call = this.#call;
    if (!call) {
      if (quiet > this.#keepMs) this.close();
    } else if (!this.#connected) {
      if (quiet > this.#place.connectTimeoutMs) this.#fail(new Error('the connection took too long'));
    } else if (!this.#paused && (!this.#sender || this.#sender.blocked) && quiet > call.request.readTimeoutMs) {
      this.#fail(new Silence('the backend was silent for too long'));
    }
  }

  /** Nobody has a request on it. */
  close(): void {
    this.#fail(new Error('the connection was closed'));
  }

  #onConnect(): void {
    this.#connected = true;
    const head = this.#waiting;
    this.#waiting = undefined;
    if (head !== undefined) this.#send(head);
  }

  #send(head: string): void {
    const call = this.#call;
    if (!call) return;
    const { body, length, method } = call.request;
    this.#since = performance.now();
    this.#persistent = false;
    this.#parser.begin(method);
    call.handler.onRequestStart(call);
    if (this.#call !== call) return;
    if (!body) {
      this.#unsent = head;
      sendSoon(this);
      return;
    }
    this.#socket.write(head, 'latin1');
    this.#sender = new BodySender(body, {
      ...{ to: this.#socket, length },
      onProgress: () => {
        this.#since = performance.now();
      },
      onDone: (error) => {
        this.#sender = undefined;
        this.#since = performance.now();
        if (error) this.#fail(error);
      },
    });
  }

  flush(): void {
    const head = this.#unsent;
    this.#unsent = '';
    if (head !== '' && !this.#gone) this.#socket.write(head, 'latin1');
  }

  #onRead(length: number): boolean {
    const call = this.#call;
    if (!call || this.#unsent !== '') {
      // Nobody has asked yet: what comes may not be taken for the answer to the next request.
      this.close();
      return false;
    }
    call.heard = true;
    this.#since = performance.now();
    try {
      this.#parser.feed(length === READ.length ? READ : READ.subarray(0, length));
      if (this.#call?.answered) this.#call.handler.onResponsePause();
    } catch (e) {
      this.#fail(e as Error);
    }
    if (this.#gone) return false;
    if (!this.#call) this.#next();
    return !this.#paused;
  }

  #onEnd(): void {
    try {
      this.#parser.finish();
      this.close();
    } catch (e) {
      this.#onBroken(e as Error);
    }
  }

  /** The backend has ended it, in whatever way. */
  #onBroken(error: Error): void {
    const worn = this.#used && this.#call?.heard === false;
    this.#fail(worn ? new WornOut(error.message, { cause: error }) : error);
  }

  /** The answer is there. What is left of the request is of no use to anybody. */
  #next(): void {
    this.#used = true;
    if (this.#persistent && !this.#sender && this.#keepMs > 0) {
      if (this.#paused) this.#socket.resume();
      this.#paused = false;
      this.#owner.onIdle(this);
    } else this.close();
  }

  #fail(error: Error): void {
    if (this.#gone) return;
    this.#gone = true;
    const call = this.#call;
    this.#call = undefined;
    this.#parser.stop();
    this.#sender?.stop();
    this.#socket.destroy();
    this.#owner.onGone(this);
    call?.handler.onResponseError(error);
  }
}
