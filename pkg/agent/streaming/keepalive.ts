import type { Clock } from '#async/clock.ts';

export interface KeepAlive {
  readonly clock: Clock;
  readonly probeEveryMs: number;
  /** Silence after which the connection is closed. */
  readonly idleTimeoutMs: number;
  /** Ends the loop. */
  readonly signal: AbortSignal;
  /** Clock time of the last data. */
  lastActivity(): number;
  /**
   * Sends something to the peer. While back-pressure keeps us from reading, writing is the only way to learn that the
   * peer is gone: its machine answers with a reset.
   */
  probe(): void;
  /** Closes the connection. */
  close(): void;
}

/** Probes a connection until it ends, and closes it when it was idle for too long. Never rejects. */
export async function keepAlive(options: KeepAlive): Promise<void> {
  const { clock, signal } = options;
  while (!signal.aborted) {
    try {
      await clock.sleep(options.probeEveryMs, signal);
    } catch {
      return;
    }
    if (clock.now() - options.lastActivity() > options.idleTimeoutMs) options.close();
    else options.probe();
  }
}
