import { connect, type TLSSocket } from 'node:tls';

/** Where and as whom requests are made. */
export interface Target {
  readonly host: string;
  readonly port: number;
  readonly ca: string;
  readonly cert: string;
  readonly key: string;
}

export interface Answer {
  readonly code: number;
  /** Bytes of the body. */
  readonly bytes: number;
  /** The beginning of the body, of refusals only. */
  readonly text: string;
}

type Done = (error: Error | undefined, answer: Answer) => void;

const HEAD_END = Buffer.from('\r\n\r\n');
const NONE: Answer = { code: 0, bytes: 0, text: '' };
const TEXT_BYTES = 500;

export function openSocket(target: Target): Promise<TLSSocket> {
  return new Promise((resolve, reject) => {
    const socket = connect({ ...target, ALPNProtocols: ['http/1.1'] });
    socket.once('error', reject);
    socket.once('secureConnect', () => {
      socket.off('error', reject);
      socket.setNoDelay(true);
      resolve(socket);
    });
  });
}

/** Status code of an answer whose first bytes are these. */
export const codeOf = (head: Buffer): number =>
  (head[9] ?? 0) * 100 + (head[10] ?? 0) * 10 + (head[11] ?? 0) - 48 * 111;

/** Where a chunked body ends (RFC 9112, section 7.1), without looking at what it holds. Of an answer without trailers. */
class ChunkedEnd {
  /** Bytes of the body so far. */
  bytes = 0;
  /** Of the current chunk and the line end behind it. */
  #left = 0;
  #line = '';

  /** @returns whether the body is complete. */
  read(data: Buffer): boolean {
    let at = 0;
    while (at < data.length) {
      if (this.#left > 0) {
        const step = Math.min(this.#left, data.length - at);
        this.#left -= step;
        at += step;
        continue;
      }
      const end = data.indexOf(10, at);
      this.#line += data.toString('latin1', at, end < 0 ? data.length : end);
      if (end < 0) return false;
      at = end + 1;
      const size = Number.parseInt(this.#line, 16);
      this.#line = '';
      // The last chunk is empty, and the empty line behind it is of the same packet.
      if (size === 0) return true;
      this.bytes += size;
      this.#left = size + 2;
    }
    return false;
  }
}

/**
 * A keep-alive connection with one request under way at a time. Written by hand, because the generator shares the
 * machine with what it measures: an answer costs it one search for the end of the head.
 */
export class Connection {
  readonly #socket: TLSSocket;
  #done: Done | undefined;
  #head: Buffer | undefined;
  #code = 0;
  #length = 0;
  #received = 0;
  #chunks: ChunkedEnd | undefined;
  #text = '';

  constructor(socket: TLSSocket) {
    this.#socket = socket;
    socket.on('data', (chunk: Buffer) => this.#read(chunk));
    socket.on('error', (e) => this.#fail(e));
    socket.on('close', () => this.#fail(new Error('the server closed the connection')));
  }

  /** Sends a complete HTTP/1.1 request. */
  send(request: Buffer, done: Done): void {
    this.#done = done;
    this.#head = undefined;
    this.#length = -1;
    this.#received = 0;
    this.#chunks = undefined;
    this.#text = '';
    this.#socket.write(request);
  }

  close(): void {
    this.#done = undefined;
    this.#socket.destroy();
  }

  #fail(e: Error): void {
    const done = this.#done;
    this.#done = undefined;
    done?.(e, NONE);
  }

  #read(chunk: Buffer): void {
    if (this.#chunks) this.#readChunks(this.#chunks, chunk);
    else if (this.#length < 0) this.#readHead(this.#head ? Buffer.concat([this.#head, chunk]) : chunk);
    else this.#received += chunk.length;
    if (this.#length < 0 || this.#received < this.#length) return;
    const done = this.#done;
    this.#done = undefined;
    done?.(undefined, { code: this.#code, bytes: this.#length, text: this.#text });
  }

  #readChunks(chunks: ChunkedEnd, bytes: Buffer): void {
    if (chunks.read(bytes)) this.#received = this.#length = chunks.bytes;
  }

  #readHead(bytes: Buffer): void {
    const end = bytes.indexOf(HEAD_END);
    if (end < 0) {
      this.#head = bytes;
      return;
    }
    const head = bytes.toString('latin1', 0, end);
    const length = /content-length: ?(\d+)/i.exec(head)?.[1];
    this.#code = codeOf(bytes);
    if (length !== undefined) {
      this.#length = Number(length);
      this.#received = bytes.length - end - HEAD_END.length;
    } else if (/transfer-encoding: ?chunked/i.test(head)) {
      this.#chunks = new ChunkedEnd();
      this.#readChunks(this.#chunks, bytes.subarray(end + HEAD_END.length));
    } else {
      this.#fail(new Error('an answer of unknown length'));
      return;
    }
    if (this.#code >= 400) this.#text = bytes.toString('utf8', end + HEAD_END.length, end + TEXT_BYTES);
  }
}
