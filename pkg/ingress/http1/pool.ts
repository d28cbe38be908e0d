import { type Clock, systemClock, type Timer } from '#async/clock.ts';
import { Connection, type Owner, type Place } from './connection.ts';
import { requestHead } from './request-head.ts';
import type { Handler, Outgoing } from './types.ts';

/** How often connections are looked at: timeouts are exact to this, milliseconds. */
const CHECK_MS = 500;

/**
 * Connections to one backend over HTTP/1.1. The one that was used last is used next. There are as many as there have been
 * requests under way at once: who sends them bounds those.
 */
export class Http1Pool implements Owner {
  readonly #place: Place;
  readonly #clock: Clock;
  readonly #all = new Set<Connection>();
  #idle: Connection[] = [];
  #closed = false;
  #check: Timer | undefined;

  constructor(place: Place, clock: Clock = systemClock) {
    this.#place = place;
    this.#clock = clock;
  }

  /** @throws Error for a request that cannot be sent as it is; then its handler hears nothing */
  dispatch(request: Outgoing, handler: Handler): void {
    const head = requestHead(request);
    let connection = request.onNewConnection ? undefined : this.#idle.pop();
    if (!connection) {
      connection = new Connection(this.#place, this);
      this.#all.add(connection);
      this.#plan();
    }
    connection.ask(request, head, handler);
  }

  /** Idle connections go at once, others with the end of their request. */
  close(): void {
    this.#closed = true;
    for (const c of this.#idle.splice(0)) c.close();
  }

  onIdle(connection: Connection): void {
    if (this.#closed) connection.close();
    else this.#idle.push(connection);
  }

  onGone(connection: Connection): void {
    this.#all.delete(connection);
    const at = this.#idle.lastIndexOf(connection);
    if (at >= 0) this.#idle.splice(at, 1);
    if (this.#all.size > 0) return;
    this.#check?.cancel();
    this.#check = undefined;
  }

  #plan(): void {
    this.#check ??= this.#clock.after(
      CHECK_MS,
      () => {
        this.#check = undefined;
        const now = performance.now();
        for (const c of this.#all) c.check(now);
        if (this.#all.size > 0) this.#plan();
      },
      { unref: true },
    );
  }
}
