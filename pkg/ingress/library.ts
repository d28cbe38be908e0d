import type { IncomingHttpHeaders } from 'node:http';
import type { Duplex } from 'node:stream';
import type { Dispatcher } from 'undici';
import { type Handler, Silence } from './http1/types.ts';

/** A handler of requests that may change the protocol of their connection. */
export interface UpgradeHandler extends Handler {
  onRequestUpgrade(status: number, headers: string[], socket: Duplex): void;
}

/** Lets one of our handlers hear of an answer that the library reads. */
export class LibraryHandler implements Dispatcher.DispatchHandler {
  readonly #handler: UpgradeHandler;

  constructor(handler: UpgradeHandler) {
    this.#handler = handler;
  }

  onRequestStart(controller: Dispatcher.DispatchController): void {
    this.#handler.onRequestStart(controller);
  }

  onRequestUpgrade(_c: unknown, status: number, headers: IncomingHttpHeaders, socket: Duplex): void {
    this.#handler.onRequestUpgrade(status, flat(headers), socket);
  }

  onResponseStart(_c: unknown, status: number, headers: IncomingHttpHeaders, message?: string): void {
    if (status >= 200) this.#handler.onResponseStart(status, flat(headers), message ?? '');
  }

  onResponseData(controller: Dispatcher.DispatchController, chunk: Buffer): void {
    this.#handler.onResponseData(controller, chunk);
    this.#handler.onResponsePause();
  }

  onResponseEnd(_c: unknown, trailers: IncomingHttpHeaders): void {
    this.#handler.onResponseEnd(flat(trailers));
  }

  onResponseError(_c: unknown, error: Error & { code?: string }): void {
    const silent = error.code === 'UND_ERR_HEADERS_TIMEOUT';
    this.#handler.onResponseError(silent ? new Silence(error.message, { cause: error }) : error);
  }
}

const flat = (headers: IncomingHttpHeaders): string[] =>
  Object.entries(headers ?? {}).flatMap(([name, value]) =>
    value === undefined ? [] : Array.isArray(value) ? value.flatMap((v) => [name, v]) : [name, value],
  );
