import type { Clock, Timer } from '#async/clock.ts';
import type { SpdySession } from '#spdy/session.ts';
import type { SpdyStream } from '#spdy/stream.ts';
import { bridge } from './bridge.ts';
import { dial, type ForwardTarget, parsePort } from './forward.ts';

/** The sub-protocol of port forwarding, over SPDY and (behind "SPDY/3.1+") tunnelled through a WebSocket. */
export const PORT_FORWARD_PROTOCOL = 'portforward.k8s.io';

const PAIR_TIMEOUT_MS = 30_000;

interface Pair {
  data?: SpdyStream;
  error?: SpdyStream;
  readonly timer: Timer;
}

/**
 * Serves one port-forward session: each forwarded connection is a pair of streams, `data` and `error`, with the same
 * requestID; any number run side by side.
 */
export class SpdyPortForward {
  readonly #target: ForwardTarget;
  readonly #clock: Clock;
  readonly #pairs = new Map<string, Pair>();

  constructor(target: ForwardTarget, clock: Clock) {
    this.#target = target;
    this.#clock = clock;
  }

  /** A stream the client opened on the session. */
  accept(session: SpdySession, stream: SpdyStream): void {
    const kind = stream.headers.streamtype;
    const port = parsePort(stream.headers.port);
    if ((kind !== 'data' && kind !== 'error') || port === null) {
      stream.destroy();
      return;
    }
    // Early clients send no requestID: they open the error stream and right after it the data stream.
    const request = stream.headers.requestid ?? String(kind === 'error' ? stream.id : stream.id - 2);
    const pair = this.#pairs.get(request) ?? this.#newPair(request);
    if (pair[kind]) {
      stream.destroy();
      return;
    }
    pair[kind] = stream;
    if (pair.data && pair.error) {
      this.#drop(request);
      void this.#forward(session, port, { data: pair.data, error: pair.error });
    }
  }

  #newPair(request: string): Pair {
    const expire = () => {
      pair.data?.destroy();
      pair.error?.destroy();
      this.#drop(request);
    };
    const pair: Pair = { timer: this.#clock.after(PAIR_TIMEOUT_MS, expire, { unref: true }) };
    this.#pairs.set(request, pair);
    return pair;
  }

  #drop(request: string): void {
    this.#pairs.get(request)?.timer.cancel();
    this.#pairs.delete(request);
  }

  async #forward(session: SpdySession, port: number, pair: { data: SpdyStream; error: SpdyStream }): Promise<void> {
    const { data, error } = pair;
    error.resume();
    const connection = await dial(this.#target, port, session.signal);
    if (typeof connection === 'string') {
      error.end(connection);
      data.resume();
      data.end();
      return;
    }
    await bridge(data, connection);
    error.end();
  }
}
