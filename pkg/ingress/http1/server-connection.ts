import type { Socket } from 'node:net';
import { peerOf } from '../proxy/peer.ts';
import type { Arrived, Reply } from '../proxy/types.ts';
import { type Sender, sendSoon } from './burst.ts';
import { mayBecomeOrdinary, OrdinaryRequest, ordinaryHead } from './ordinary-request.ts';
import { type ReplyTo, ServerReply } from './server-reply.ts';

/** Bytes of a head; a longer one is not ordinary. */
const MAX_HEAD = 16_384;
/** Bytes that wait for the answer to what came before; then no more are read. */
const MAX_WAITING = 16_384;
/** Characters of answers that may wait for others to be sent with them. */
const MAX_UNSENT = 32_768;
const EMPTY_LINE = '\r\n\r\n';

/** What connections have in common. */
export interface Owner {
  /** Goes up by one at each look at all connections: their clock. */
  readonly tick: number;
  readonly draining: boolean;
  readonly date: string;
  readonly keepSeconds: number;
  /** Takes a request to its answer. */
  take(request: Arrived, reply: Reply): void;
  /** Takes a connection whose next request is not ordinary, for good. */
  handOver(socket: Socket): void;
  onGone(connection: ServerConnection): void;
}

/** After how many ticks a quiet connection ends: while a request's head is awaited, and between requests. */
export interface Patience {
  readonly head: number;
  readonly idle: number;
}

/**
 * A connection of a client that sends ordinary requests of HTTP/1.1: one after the other is read and answered. With the
 * first thing that is not ordinary the connection is handed over, once that is next.
 */
export class ServerConnection implements ReplyTo, Sender {
  readonly #socket: Socket;
  readonly #owner: Owner;
  readonly #from: { readonly peer: string; readonly secure: boolean };
  /** Received, not understood yet. */
  #rest: Buffer | undefined;
  /** To be sent when all that has arrived is read. */
  #unsent = '';
  /** To the request under way. */
  #reply: ServerReply | undefined;
  #last = false;
  #reading = false;
  /** There was a request, and no part of the next one. */
  #idle = false;
  #ended = false;
  #since: number;

  constructor(socket: Socket, owner: Owner) {
    this.#socket = socket;
    this.#owner = owner;
    this.#since = owner.tick;
    this.#from = { peer: peerOf(socket), secure: 'encrypted' in socket };
    socket.on('data', this.#onData);
    socket.on('drain', this.#onDrain);
    socket.on('end', this.#onEnd);
    socket.on('error', this.#onError);
    socket.on('close', this.#onClose);
  }

  get last(): boolean {
    return this.#last || this.#owner.draining;
  }

  get date(): string {
    return this.#owner.date;
  }

  get keepSeconds(): number {
    return this.#owner.keepSeconds;
  }

  get blocked(): boolean {
    return this.#socket.writableNeedDrain;
  }

  readonly #onData = (chunk: Buffer): void => {
    if (this.#ended) return;
    if (!this.#rest && !this.#reply) this.#begin();
    this.#rest = this.#rest ? Buffer.concat([this.#rest, chunk]) : chunk;
    if (!this.#reply) this.#next();
    if (this.#rest && this.#rest.length > MAX_WAITING) this.#socket.pause();
  };

  /** The first part of a request is there. */
  #begin(): void {
    this.#idle = false;
    this.#since = this.#owner.tick;
  }

  /** Reads requests, one after the other is answered. */
  #next(): void {
    // Some are answered at once: then this is called from within.
    if (this.#reading) return;
    this.#reading = true;
    while (this.#rest && !this.#reply && !this.#ended && !this.#socket.destroyed && !this.blocked) {
      if (!this.#read(this.#rest)) break;
    }
    this.#reading = false;
    if (this.#ended || !this.#socket.isPaused()) return;
    if (!this.#rest || this.#rest.length <= MAX_WAITING) this.#socket.resume();
  }

  /** @returns whether there was a request */
  #read(bytes: Buffer): boolean {
    const text = bytes.toString('latin1', 0, MAX_HEAD + EMPTY_LINE.length);
    const end = text.indexOf(EMPTY_LINE);
    if (end < 0) {
      if (bytes.length > MAX_HEAD || !mayBecomeOrdinary(text)) this.#handOver(bytes);
      return false;
    }
    const head = ordinaryHead(text.slice(0, end));
    if (!head) {
      this.#handOver(bytes);
      return false;
    }
    const next = end + EMPTY_LINE.length;
    this.#rest = next === bytes.length ? undefined : bytes.subarray(next);
    this.#last = head.last;
    const reply = new ServerReply(this, head.method === 'HEAD');
    this.#reply = reply;
    this.#owner.take(new OrdinaryRequest(head, this.#from), reply);
    return true;
  }

  send(text: string, chunk?: Buffer, tail?: string): boolean {
    const socket = this.#socket;
    if (!chunk && this.#unsent.length + text.length <= MAX_UNSENT) {
      if (this.#unsent === '') sendSoon(this);
      this.#unsent += text;
      return !this.blocked;
    }
    this.flush();
    if (!chunk) return socket.write(text, 'latin1');
    socket.cork();
    if (text !== '') socket.write(text, 'latin1');
    let open = socket.write(chunk);
    if (tail !== undefined) open = socket.write(tail, 'latin1');
    socket.uncork();
    return open;
  }

  flush(): void {
    const text = this.#unsent;
    this.#unsent = '';
    if (text !== '' && !this.#socket.destroyed) this.#socket.write(text, 'latin1');
  }

  finished(close: boolean): void {
    this.#reply = undefined;
    this.#since = this.#owner.tick;
    if (close || this.#owner.draining) {
      this.#ended = true;
      this.#rest = undefined;
      this.flush();
      this.#socket.destroySoon();
      return;
    }
    this.#idle = !this.#rest;
    this.#next();
  }

  destroy(): void {
    // What was said before, to another request maybe, counts.
    this.flush();
    this.#socket.destroy();
  }

  /** Ends it if nothing came for too long. */
  check({ head, idle }: Patience): void {
    if (this.#reply) return;
    const quiet = this.#owner.tick - this.#since;
    if (this.#ended || this.#idle || this.blocked) {
      if (quiet > idle) this.destroy();
    } else if (quiet > head) {
      this.#ended = true;
      this.#socket.end('HTTP/1.1 408 Request Timeout\r\nconnection: close\r\n\r\n', 'latin1');
      this.#since = this.#owner.tick;
    }
  }

  /** No request is taken that has not begun to arrive; the answer to one under way is the last. */
  drain(): void {
    if (this.#reply || this.#rest || this.#ended) return;
    this.#ended = true;
    this.flush();
    this.#socket.destroySoon();
  }

  #handOver(unread: Buffer): void {
    const socket = this.#socket;
    this.flush();
    this.#ended = true;
    this.#rest = undefined;
    socket.off('data', this.#onData);
    socket.off('drain', this.#onDrain);
    socket.off('end', this.#onEnd);
    socket.off('error', this.#onError);
    socket.off('close', this.#onClose);
    this.#owner.onGone(this);
    socket.pause();
    socket.unshift(unread);
    this.#owner.handOver(socket);
    socket.resume();
  }

  readonly #onDrain = (): void => {
    if (this.#reply) this.#reply.drained();
    else this.#next();
  };

  /** Who sends no more is taken to be gone: what leaves looks the same. */
  readonly #onEnd = (): void => {
    this.#ended = true;
    if (this.#reply) this.destroy();
    else {
      this.flush();
      this.#socket.end();
    }
  };

  /** What follows is `close`. */
  readonly #onError = (): void => {};

  readonly #onClose = (): void => {
    this.#ended = true;
    this.#rest = undefined;
    this.#owner.onGone(this);
    this.#reply?.closed();
  };
}
