import type { Socket } from 'node:net';
import type { Clock, Timer } from '#async/clock.ts';
import type { Arrived, Reply } from '../proxy/types.ts';
import { type Owner, type Patience, ServerConnection } from './server-connection.ts';

export interface Http1ServerOptions {
  readonly clock: Clock;
  /** How long a request's head may take, milliseconds. */
  readonly headMs: number;
  /** An idle connection ends after this, milliseconds. */
  readonly idleMs: number;
  readonly take: (request: Arrived, reply: Reply) => void;
  /** Gets connections on which something else than ordinary requests comes; bytes of it may be read from them again. */
  readonly handOver: (socket: Socket) => void;
}

/** Connections are looked at so often at least, milliseconds: timeouts are exact to this. */
const TICK_MS = 1000;

/**
 * Speaks HTTP/1.1 with clients that send nothing out of the ordinary, at a third of what Node's server costs. Whatever could
 * be understood in two ways, or is seldom, is left to that.
 */
export class Http1Server implements Owner {
  readonly #o: Http1ServerOptions;
  readonly #all = new Set<ServerConnection>();
  readonly #tickMs: number;
  readonly #patience: Patience;
  readonly keepSeconds: number;
  #timer: Timer | undefined;
  #date: string | undefined;
  tick = 0;
  draining = false;

  constructor(o: Http1ServerOptions) {
    this.#o = o;
    this.#tickMs = Math.min(TICK_MS, o.idleMs / 4);
    this.#patience = { head: Math.ceil(o.headMs / this.#tickMs), idle: Math.ceil(o.idleMs / this.#tickMs) };
    this.keepSeconds = Math.floor(o.idleMs / 1000);
  }

  readonly accept = (socket: Socket): void => {
    this.#all.add(new ServerConnection(socket, this));
    this.#plan();
  };

  take(request: Arrived, reply: Reply): void {
    this.#o.take(request, reply);
  }

  handOver(socket: Socket): void {
    this.#o.handOver(socket);
  }

  onGone(connection: ServerConnection): void {
    this.#all.delete(connection);
    if (this.#all.size > 0) return;
    this.#timer?.cancel();
    this.#timer = undefined;
    this.#date = undefined;
  }

  /** Written anew each second. */
  get date(): string {
    this.#date ??= new Date(this.#o.clock.now()).toUTCString();
    return this.#date;
  }

  /** Idle connections end; others with the answer that is under way. */
  drain(): void {
    this.draining = true;
    for (const c of this.#all) c.drain();
  }

  #plan(): void {
    this.#timer ??= this.#o.clock.after(
      this.#tickMs,
      () => {
        this.#timer = undefined;
        this.#date = undefined;
        this.tick++;
        for (const c of this.#all) c.check(this.#patience);
        if (this.#all.size > 0) this.#plan();
      },
      { unref: true },
    );
  }
}
