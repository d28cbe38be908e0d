import type { Dispatcher } from 'undici';
import { connectionError } from './connection-error.ts';

export interface Request {
  readonly method: string;
  readonly path: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body?: string;
  readonly signal: AbortSignal;
  /** Called right before the request is written; what it throws is thrown by the exchange. */
  readonly guard?: (() => void) | undefined;
}

export interface Answer {
  readonly code: number;
  readonly type: string;
  readonly retryAfter: string | undefined;
  readonly text: string;
}

type Headers = Readonly<Record<string, string | string[] | undefined>>;

const oneHeader = (headers: Headers, name: string): string | undefined => {
  const value = headers[name];
  return Array.isArray(value) ? value[0] : value;
};

/**
 * One request and its whole answer, straight on undici's handler interface: half the cost of its request().
 * @throws the signal's reason, the guard's error, or a ConnectionError that knows whether the request was ever sent.
 */
export function exchange(dispatcher: Dispatcher, request: Request): Promise<Answer> {
  const { promise, resolve, reject } = Promise.withResolvers<Answer>();
  const { method, path, headers, body, signal } = request;
  const collector = new Collector(request, resolve, reject);
  const onAbort = (): void => collector.abort(signal.reason);
  if (signal.aborted) return Promise.reject(signal.reason);
  signal.addEventListener('abort', onAbort, { once: true });
  dispatcher.dispatch({ method, path, headers, body: body ?? null }, collector);
  return promise.finally(() => signal.removeEventListener('abort', onAbort));
}

class Collector implements Dispatcher.DispatchHandler {
  readonly #request: Request;
  readonly #resolve: (answer: Answer) => void;
  readonly #reject: (e: unknown) => void;
  #controller: Dispatcher.DispatchController | undefined;
  #aborted: { reason: unknown } | undefined;
  #code = 0;
  #headers: Headers = {};
  readonly #chunks: Buffer[] = [];

  constructor(request: Request, resolve: (answer: Answer) => void, reject: (e: unknown) => void) {
    this.#request = request;
    this.#resolve = resolve;
    this.#reject = reject;
  }

  abort(reason: unknown): void {
    this.#aborted = { reason };
    this.#reject(reason);
    this.#controller?.abort(asError(reason));
  }

  onRequestStart(controller: Dispatcher.DispatchController): void {
    if (this.#aborted) {
      controller.abort(asError(this.#aborted.reason));
      return;
    }
    try {
      this.#request.guard?.();
    } catch (e) {
      this.#reject(e);
      controller.abort(asError(e));
      return;
    }
    this.#controller = controller;
  }

  onResponseStart(_controller: Dispatcher.DispatchController, code: number, headers: Headers): void {
    this.#code = code;
    this.#headers = headers;
  }

  onResponseData(_controller: Dispatcher.DispatchController, chunk: Buffer): void {
    this.#chunks.push(chunk);
  }

  onResponseEnd(): void {
    const [first] = this.#chunks;
    const text = this.#chunks.length === 1 && first ? first.toString() : Buffer.concat(this.#chunks).toString();
    const type = oneHeader(this.#headers, 'content-type') ?? '';
    this.#resolve({ code: this.#code, type, retryAfter: oneHeader(this.#headers, 'retry-after'), text });
  }

  onResponseError(_controller: Dispatcher.DispatchController, e: Error): void {
    // Until the request starts nothing of it has left this process: connecting, TLS or waiting for a place failed.
    const neverSent = this.#controller === undefined;
    this.#reject(connectionError(e, `${this.#request.method} ${this.#request.path}`, neverSent));
  }
}

const asError = (reason: unknown): Error => (reason instanceof Error ? reason : new Error(String(reason)));
