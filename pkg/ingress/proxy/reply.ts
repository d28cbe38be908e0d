import {
  type IncomingHttpHeaders,
  type IncomingMessage,
  type OutgoingHttpHeaders,
  ServerResponse,
  STATUS_CODES,
} from 'node:http';
import type { Http2ServerRequest, Http2ServerResponse } from 'node:http2';
import type { Duplex } from 'node:stream';
import type { Origin } from './headers.ts';

/** Bodies up to this many bytes are worth a copy. */
const SMALL = 16_384;

/** What both versions of HTTP have in common. */
export type Request = IncomingMessage | Http2ServerRequest;
type Response = ServerResponse | Http2ServerResponse;

/** A request as its route needs to know it. */
export interface Incoming {
  readonly request: Request;
  readonly reply: Reply;
  readonly origin: Origin;
  readonly hasBody: boolean;
  /** Content-Length of the body. */
  readonly announced: number | undefined;
  /** The protocol it wants to change to. */
  readonly upgrade?: string;
}

/** What can be said to the client, over HTTP/1.1, HTTP/2, or on a connection that asked for another protocol. */
export class Reply {
  readonly #response: Response;
  readonly #http2: boolean;
  /** A part of the body is on its way. */
  #begun = false;
  /** Of a connection that asked for another protocol, and what it sent already. */
  readonly #socket: Duplex | undefined;
  readonly #head: Buffer | undefined;

  private constructor(response: Response, http2: boolean, upgrade?: { socket: Duplex; head: Buffer }) {
    this.#response = response;
    this.#http2 = http2;
    this.#socket = upgrade?.socket;
    this.#head = upgrade?.head;
  }

  static to(response: Response): Reply {
    return new Reply(response, 'stream' in response);
  }

  /** For an `upgrade` event, where no response was made. The connection ends after an answer other than 101. */
  static onUpgrade(request: IncomingMessage, socket: Duplex, head: Buffer): Reply {
    const response = new ServerResponse(request);
    response.shouldKeepAlive = false;
    response.assignSocket(socket as never);
    response.once('finish', () => socket.end());
    return new Reply(response, false, { socket, head });
  }

  start(status: number, message: string, headers: OutgoingHttpHeaders): void {
    const response = this.#response as ServerResponse;
    if (this.#http2) response.writeHead(status, headers);
    else response.writeHead(status, message || STATUS_CODES[status] || '', headers);
  }

  /** @returns false when the client is slower than the backend: then wait for `onDrain`. */
  write(chunk: Buffer): boolean {
    this.#begun = true;
    return (this.#response as ServerResponse).write(chunk);
  }

  onDrain(call: () => void): void {
    this.#response.once('drain', call);
  }

  /** Called when the client is gone or has everything. */
  onClose(call: () => void): void {
    this.#response.once('close', call);
    this.#socket?.once('close', call);
  }

  /** An answer without a body, whose headers end it. */
  only(status: number, message: string, headers: OutgoingHttpHeaders): void {
    if (this.#http2) {
      this.#response.statusCode = status;
      for (const [name, value] of Object.entries(headers))
        if (value !== undefined) this.#response.setHeader(name, value);
    } else this.start(status, message, headers);
    this.#response.end();
  }

  /** Trailers are for clients of HTTP/2: others would have to be told of them before the body. */
  endWith(trailers: IncomingHttpHeaders): void {
    if (this.#http2) (this.#response as Http2ServerResponse).addTrailers(trailers);
    this.#response.end();
  }

  end(last?: Buffer): void {
    if (!last) this.#response.end();
    // As text, head and body leave in one piece, at less than half the price of two.
    else if (!this.#http2 && !this.#begun && last.length <= SMALL)
      (this.#response as ServerResponse).end(last.toString('latin1'), 'latin1');
    else (this.#response as ServerResponse).end(last);
  }

  /** An answer of our own, in one line of text. */
  refuse(status: number, message: string, o: { readonly close?: boolean; readonly location?: string } = {}): void {
    const text = `${status} ${STATUS_CODES[status]}: ${message}\n`;
    this.start(status, '', {
      'content-type': 'text/plain; charset=utf-8',
      'content-length': Buffer.byteLength(text),
      ...(o.location === undefined ? {} : { location: o.location }),
      // What is left of the body would be taken for the next request.
      ...(o.close && !this.#http2 ? { connection: 'close' } : {}),
    });
    this.#response.end(text);
  }

  /** Breaks the connection, or the stream. */
  destroy(): void {
    if (this.#http2) (this.#response as Http2ServerResponse).stream.close(2);
    else this.#response.destroy();
  }

  /** Answers with a change of protocol and joins the connections. */
  join(status: number, headers: OutgoingHttpHeaders, backend: Duplex): void {
    const client = this.#socket;
    if (!client) {
      backend.destroy();
      this.destroy();
      return;
    }
    const lines = Object.entries(headers).flatMap(([name, value]) =>
      (Array.isArray(value) ? value : [value]).map((v) => `${name}: ${v}\r\n`),
    );
    (this.#response as ServerResponse).detachSocket(client as never);
    client.write(`HTTP/1.1 ${status} ${STATUS_CODES[status]}\r\n${lines.join('')}\r\n`, 'latin1');
    if (this.#head?.length) backend.write(this.#head);
    for (const [from, to] of [
      [client, backend],
      [backend, client],
    ] as const) {
      from.on('error', () => to.destroy());
      from.on('close', () => to.destroy());
      from.pipe(to);
    }
  }
}
