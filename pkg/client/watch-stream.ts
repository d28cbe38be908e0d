import type { Dispatcher } from 'undici';
import { type Status, StatusError } from '#api/meta/errors.ts';
import type { KubeObject } from '#api/meta/objectmeta.ts';
import type { Clock, Timer } from '#async/clock.ts';
import { ConnectionError, connectionError } from './connection-error.ts';
import { LineSplitter } from './json-lines.ts';
import { statusErrorOf } from './status-error.ts';
import type { WatchEvent } from './types.ts';
import { IN_EVENT, withoutManagedFields } from './without-managed-fields.ts';

export interface WatchStreamOptions {
  readonly path: string;
  readonly headers: () => Promise<Record<string, string>>;
  readonly dispatcher: Dispatcher;
  readonly clock: Clock;
  /** No byte for this long: the peer is dead; undefined: wait for ever. */
  readonly silenceMs: number | undefined;
  readonly signal: AbortSignal | undefined;
  /** Objects come without `metadata.managedFields`. */
  readonly withoutManagedFields: boolean;
}

/** Bytes of undelivered events at which the connection is paused: a slow consumer slows the server, not our heap. */
const HIGH_WATER = 1 << 20;
/** The server must begin to answer within this. */
const RESPONSE_TIMEOUT_MS = 30_000;
const MAX_ERROR_BYTES = 64 << 10;

/**
 * Opens one watch. Events come in order; the iterator ends when the server ends the stream or the signal aborts.
 * It throws StatusError on an ERROR event or a refused request, ConnectionError when the connection breaks.
 */
export function openWatch<T extends KubeObject>(o: WatchStreamOptions): AsyncIterator<WatchEvent<T>> {
  const stream = new WatchStream<T>(o);
  stream.start();
  return stream;
}

type End = { readonly error?: unknown };
type Result<T extends KubeObject> = IteratorResult<WatchEvent<T>>;
interface Waiter<T extends KubeObject> {
  resolve(r: Result<T>): void;
  reject(e: unknown): void;
}

const DONE = { done: true, value: undefined } as const;

/**
 * Written by hand instead of as an async generator: a `for await` over it costs one resolved promise per event, a
 * generator that reads a Readable five times that, and a generator cannot be ended while it waits.
 */
class WatchStream<T extends KubeObject> implements AsyncIterator<WatchEvent<T>>, Dispatcher.DispatchHandler {
  readonly #o: WatchStreamOptions;
  readonly #splitter = new LineSplitter();
  /** Lines not handed out yet; parsed when asked for. */
  #lines: Buffer[] = [];
  #next = 0;
  #bytes = 0;
  #end: End | undefined;
  #waiter: Waiter<T> | undefined;
  #controller: Dispatcher.DispatchController | undefined;
  #started = false;
  #code = 0;
  #retryAfter: string | undefined;
  readonly #errorBody: Buffer[] = [];
  #errorBytes = 0;
  #lastByteAt = 0;
  #timer: Timer | undefined;

  constructor(o: WatchStreamOptions) {
    this.#o = o;
  }

  start(): void {
    const { signal, clock, dispatcher, path } = this.#o;
    if (signal?.aborted) {
      this.#finish({});
      return;
    }
    signal?.addEventListener('abort', this.#onAbort, { once: true });
    this.#lastByteAt = clock.now();
    this.#arm(RESPONSE_TIMEOUT_MS);
    this.#o.headers().then(
      (headers) => {
        if (!this.#end) dispatcher.dispatch({ method: 'GET', path, headers }, this);
      },
      (e: unknown) => this.#finish({ error: e }),
    );
  }

  readonly #onAbort = (): void => this.#finish({});

  /** One timer for the whole stream, re-armed when it fires: nothing to do per event. */
  #arm(ms: number): void {
    this.#timer = this.#o.clock.after(
      ms,
      () => {
        const limit = this.#code === 0 ? RESPONSE_TIMEOUT_MS : this.#o.silenceMs;
        if (limit === undefined) return;
        const left = this.#lastByteAt + limit - this.#o.clock.now();
        if (left > 0 || this.#controller?.paused) {
          this.#arm(Math.max(left, 1000));
          return;
        }
        const text = this.#code === 0 ? 'no answer' : 'no event and no bookmark';
        const message = `watch ${this.#o.path}: ${text} for ${limit} ms`;
        this.#finish({ error: new ConnectionError(message, { neverSent: false }) });
      },
      { unref: true },
    );
  }

  /** No more bytes are taken. Lines already here are still delivered, unless the consumer is the one who left. */
  #finish(end: End): void {
    if (this.#end) return;
    this.#end = end;
    this.#timer?.cancel();
    this.#o.signal?.removeEventListener('abort', this.#onAbort);
    this.#controller?.abort(new Error('the watch is over'));
    if (this.#o.signal?.aborted) this.#drop();
    const waiter = this.#waiter;
    this.#waiter = undefined;
    if (!waiter) return;
    if ('error' in end) waiter.reject(end.error);
    else waiter.resolve(DONE);
  }

  #drop(): void {
    this.#lines = [];
    this.#next = 0;
    this.#bytes = 0;
  }

  // The consumer's side.

  next(): Promise<Result<T>> {
    const line = this.#lines[this.#next];
    if (line) return this.#deliver(line);
    if (this.#end) return this.#ended(this.#end);
    this.#resume();
    // Resuming may have delivered a line or the end before it returned.
    const arrived = this.#lines[this.#next];
    if (arrived) return this.#deliver(arrived);
    if (this.#end) return this.#ended(this.#end);
    const { promise, resolve, reject } = Promise.withResolvers<Result<T>>();
    this.#waiter = { resolve, reject };
    return promise;
  }

  #resume(): void {
    if (!this.#controller?.paused) return;
    // The silence was ours.
    this.#lastByteAt = this.#o.clock.now();
    this.#controller.resume();
  }

  #deliver(line: Buffer): Promise<Result<T>> {
    this.#next++;
    this.#bytes -= line.length;
    if (this.#next === this.#lines.length) this.#drop();
    try {
      return Promise.resolve({ done: false, value: parseEvent<T>(line, this.#o.withoutManagedFields) });
    } catch (e) {
      this.#drop();
      this.#finish({});
      return Promise.reject(this.#asWatchError(e));
    }
  }

  #ended(end: End): Promise<Result<T>> {
    if (!('error' in end)) return Promise.resolve(DONE);
    // Thrown once; who asks again is told that it is over.
    this.#end = {};
    return Promise.reject(end.error);
  }

  return(): Promise<Result<T>> {
    this.#finish({});
    this.#drop();
    return Promise.resolve(DONE);
  }

  #asWatchError(e: unknown): unknown {
    return e instanceof StatusError ? e : connectionError(e, `watch ${this.#o.path}`, !this.#started);
  }

  // The connection's side (undici calls these).

  onRequestStart(controller: Dispatcher.DispatchController): void {
    if (this.#end) {
      controller.abort(new Error('the watch is over'));
      return;
    }
    this.#started = true;
    this.#controller = controller;
  }

  onResponseStart(
    _controller: Dispatcher.DispatchController,
    code: number,
    headers: Readonly<Record<string, string | string[] | undefined>>,
  ): void {
    if (code < 200) return;
    this.#code = code;
    const after = headers['retry-after'];
    this.#retryAfter = Array.isArray(after) ? after[0] : after;
    this.#timer?.cancel();
    if (this.#o.silenceMs !== undefined) this.#arm(this.#o.silenceMs);
    this.#lastByteAt = this.#o.clock.now();
  }

  onResponseData(controller: Dispatcher.DispatchController, chunk: Buffer): void {
    if (this.#end) return;
    this.#lastByteAt = this.#o.clock.now();
    if (this.#code !== 200) {
      this.#collectError(chunk);
      return;
    }
    try {
      this.#splitter.push(chunk, (line) => {
        this.#lines.push(line);
        this.#bytes += line.length;
      });
    } catch (e) {
      this.#finish({ error: this.#asWatchError(e) });
      return;
    }
    if (this.#bytes > HIGH_WATER) controller.pause();
    this.#wake();
  }

  #wake(): void {
    const line = this.#lines[this.#next];
    const waiter = this.#waiter;
    if (!line || !waiter) return;
    this.#waiter = undefined;
    this.#deliver(line).then(waiter.resolve, waiter.reject);
  }

  #collectError(chunk: Buffer): void {
    this.#errorBytes += chunk.length;
    if (this.#errorBytes <= MAX_ERROR_BYTES) this.#errorBody.push(chunk);
  }

  onResponseEnd(): void {
    this.#controller = undefined;
    if (this.#code === 200) this.#finish({});
    else {
      const text = Buffer.concat(this.#errorBody).toString();
      this.#finish({ error: statusErrorOf(this.#code, text, this.#retryAfter) });
    }
  }

  onResponseError(_controller: Dispatcher.DispatchController, e: Error): void {
    this.#controller = undefined;
    this.#finish({ error: this.#asWatchError(e) });
  }
}

function parseEvent<T extends KubeObject>(line: Buffer, unmanaged: boolean): WatchEvent<T> {
  const text = line.toString();
  const event = JSON.parse(unmanaged ? withoutManagedFields(text, IN_EVENT) : text) as
    | WatchEvent<T>
    | { type: 'ERROR'; object: Status };
  if (event.type === 'ERROR') throw new StatusError(event.object);
  return event;
}
