import type { Clock } from '#async/clock.ts';
import { keepAlive } from '../streaming/keepalive.ts';

/** A live streaming connection. */
export interface Connection {
  readonly signal: AbortSignal;
  readonly lastActivity: number;
  probe(): void;
  destroy(): void;
}

export interface ConnectionLimits {
  readonly clock: Clock;
  readonly probeEveryMs: number;
  readonly idleTimeoutMs: number;
}

/** The streaming connections of a server: probed while they live, ended with the server. */
export class Connections {
  readonly #limits: ConnectionLimits;
  readonly #open = new Set<Connection>();

  constructor(limits: ConnectionLimits) {
    this.#limits = limits;
  }

  get size(): number {
    return this.#open.size;
  }

  add(connection: Connection): void {
    if (connection.signal.aborted) return;
    this.#open.add(connection);
    connection.signal.addEventListener('abort', () => this.#open.delete(connection), { once: true });
    void keepAlive({
      ...this.#limits,
      signal: connection.signal,
      lastActivity: () => connection.lastActivity,
      probe: () => connection.probe(),
      close: () => connection.destroy(),
    });
  }

  destroyAll(): void {
    for (const connection of [...this.#open]) connection.destroy();
  }
}
