import { type IncomingMessage, type OutgoingHttpHeaders, ServerResponse, STATUS_CODES } from 'node:http';
import type { Http2ServerResponse } from 'node:http2';
import type { Duplex } from 'node:stream';
import type { Refusal, Reply } from './types.ts';

/** Bodies up to this many bytes are worth a copy. */
const SMALL = 16_384;

type Response = ServerResponse | Http2ServerResponse;

/** What is said to a client that Node speaks to: over HTTP/1.1, HTTP/2, or on a connection that asked for another protocol. */
export class NodeReply implements Reply {
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

  static to(response: Response): NodeReply {
    return new NodeReply(response, 'stream' in response);
  }

  /** For an `upgrade` event, where no response was made. The connection ends after an answer other than 101. */
  static onUpgrade(request: IncomingMessage, socket: Duplex, head: Buffer): NodeReply {
    const response = new ServerResponse(request);
    response.shouldKeepAlive = false;
    response.assignSocket(socket as never);
    response.once('finish', () => socket.end());
    return new NodeReply(response, false, { socket, head });
  }

  start(status: number, message: string, headers: string[]): void {
    const response = this.#response as ServerResponse;
    if (this.#http2) response.writeHead(status, byName(headers));
    else response.writeHead(status, message || STATUS_CODES[status] || '', headers);
  }

  write(chunk: Buffer): boolean {
    this.#begun = true;
    return (this.#response as ServerResponse).write(Buffer.from(chunk));
  }

  flush(): void {
    if (!this.#http2 && !this.#begun) (this.#response as ServerResponse).flushHeaders();
    this.#begun = true;
  }

  onDrain(call: () => void): void {
    this.#response.once('drain', call);
  }

  onClose(call: () => void): void {
    this.#response.once('close', call);
    this.#socket?.once('close', call);
  }

  only(status: number, message: string, headers: string[]): void {
    if (this.#http2) {
      this.#response.statusCode = status;
      for (const [name, value] of Object.entries(byName(headers))) this.#response.setHeader(name, value as string);
    } else this.start(status, message, headers);
    this.#response.end();
  }

  endWith(trailers: string[]): void {
    if (this.#http2) (this.#response as Http2ServerResponse).addTrailers(byName(trailers));
    this.#response.end();
  }

  end(last: Buffer): void {
    // As text, head and body leave in one piece, at less than half the price of two.
    if (!this.#http2 && !this.#begun && last.length <= SMALL)
      (this.#response as ServerResponse).end(last.toString('latin1'), 'latin1');
    else (this.#response as ServerResponse).end(Buffer.from(last));
  }

  refuse(status: number, message: string, o: Refusal = {}): void {
    const { headers, text } = refusal(status, message, o);
    // Of HTTP/2 each request has a stream of its own.
    if (o.close && !this.#http2) headers.push('connection', 'close');
    this.start(status, '', headers);
    this.#response.end(text);
  }

  destroy(): void {
    if (this.#http2) (this.#response as Http2ServerResponse).stream.close(2);
    else this.#response.destroy();
  }

  join(status: number, headers: string[], backend: Duplex): void {
    const client = this.#socket;
    if (!client) {
      backend.destroy();
      this.destroy();
      return;
    }
    let lines = '';
    for (let i = 0; i < headers.length; i += 2) lines += `${headers[i]}: ${headers[i + 1]}\r\n`;
    (this.#response as ServerResponse).detachSocket(client as never);
    client.write(`HTTP/1.1 ${status} ${STATUS_CODES[status]}\r\n${lines}\r\n`, 'latin1');
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

/** Headers as HTTP/2 takes them: what comes several times is a list. */
function byName(headers: readonly string[]): OutgoingHttpHeaders {
  const found: NodeJS.Dict<string | string[]> = {};
  for (let i = 0; i < headers.length; i += 2) {
    const name = headers[i] ?? '';
    const value = headers[i + 1] ?? '';
    const before = Object.hasOwn(found, name) ? found[name] : undefined;
    found[name] = before === undefined ? value : [before, value].flat();
  }
  return found;
}

/** An answer of our own, in one line of text. */
export function refusal(status: number, message: string, o: Refusal): { headers: string[]; text: string } {
  const text = `${status} ${STATUS_CODES[status]}: ${message}\n`;
  const headers = ['content-type', 'text/plain; charset=utf-8', 'content-length', `${Buffer.byteLength(text)}`];
  if (o.location !== undefined) headers.push('location', o.location);
  return { headers, text };
}
