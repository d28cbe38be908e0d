import { STATUS_CODES } from 'node:http';
import type { Duplex } from 'node:stream';
import { refusal } from '../proxy/reply.ts';
import type { Refusal, Reply } from '../proxy/types.ts';
import { DIGITS, VALUE } from './grammar.ts';

/** Parts up to this many bytes are worth a copy, so that they leave together with others. */
const SMALL = 16_384;

/** A connection, as an answer sees it. */
export interface ReplyTo {
  /** The request to be answered is the last one. */
  readonly last: boolean;
  /** The time, for a Date header. */
  readonly date: string;
  /** How long the connection is kept when nobody uses it, seconds. */
  readonly keepSeconds: number;
  /** @returns false when the client is slower; @param text as latin1 */
  send(text: string, chunk?: Buffer, tail?: string): boolean;
  /** The client is slower than what it is sent. */
  readonly blocked: boolean;
  /** The answer is on its way as a whole. @param close no other follows */
  finished(close: boolean): void;
  destroy(): void;
}

/** An answer to an ordinary request: head and body leave together when they come together. */
export class ServerReply implements Reply {
  readonly #to: ReplyTo;
  readonly #isHead: boolean;
  /** To be sent with what follows. */
  #text = '';
  #bodiless = false;
  /** Bytes of the body to come; -1: not known, it is sent in chunks. */
  #left = 0;
  #close = false;
  #over = false;
  #onDrain: (() => void) | undefined;
  #onClose: (() => void) | undefined;

  constructor(to: ReplyTo, isHead: boolean) {
    this.#to = to;
    this.#isHead = isHead;
  }

  start(status: number, message: string, headers: string[]): void {
    let text = `HTTP/1.1 ${status} ${message || STATUS_CODES[status] || ''}\r\n`;
    let [length, dated, close] = [-1, false, this.#to.last];
    for (let i = 0; i < headers.length; i += 2) {
      const name = headers[i] ?? '';
      const value = headers[i + 1] ?? '';
      if (!VALUE.test(value)) throw new Error(`header "${name}" of the answer is malformed`);
      if (name === 'connection') {
        close ||= value === 'close';
        continue;
      }
      if (name === 'content-length') {
        if (length >= 0 || !DIGITS.test(value)) throw new Error('the length of the answer is malformed');
        length = Number(value);
      }
      if (name === 'date') dated = true;
      text += `${name}: ${value}\r\n`;
    }
    if (!dated) text += `date: ${this.#to.date}\r\n`;
    this.#close = close;
    text += close
      ? 'connection: close\r\n'
      : `connection: keep-alive\r\nkeep-alive: timeout=${this.#to.keepSeconds}\r\n`;
    this.#bodiless = this.#isHead || status === 204 || status === 304;
    if (!this.#bodiless && length < 0) text += 'transfer-encoding: chunked\r\n';
    this.#left = this.#bodiless ? 0 : length;
    this.#text = `${text}\r\n`;
  }

  write(chunk: Buffer): boolean {
    if (this.#over || this.#bodiless || chunk.length === 0) return true;
    if (this.#left < 0) return this.#writeChunk(chunk);
    if (chunk.length > this.#left) {
      // What is too much would be taken for the next answer.
      this.destroy();
      return true;
    }
    this.#left -= chunk.length;
    if (chunk.length <= SMALL) return this.#add(chunk.toString('latin1'));
    return this.#send(Buffer.from(chunk));
  }

  #writeChunk(chunk: Buffer): boolean {
    this.#text += `${chunk.length.toString(16)}\r\n`;
    if (chunk.length <= SMALL) return this.#add(`${chunk.toString('latin1')}\r\n`);
    return this.#send(Buffer.from(chunk), '\r\n');
  }

  #add(text: string): boolean {
    this.#text += text;
    return this.#text.length <= SMALL ? !this.#to.blocked : this.#send();
  }

  #send(chunk?: Buffer, tail?: string): boolean {
    const text = this.#text;
    this.#text = '';
    return this.#to.send(text, chunk, tail);
  }

  flush(): void {
    if (!this.#over && this.#text !== '') this.#send();
  }

  onDrain(call: () => void): void {
    this.#onDrain = call;
  }

  onClose(call: () => void): void {
    this.#onClose = call;
  }

  /** The client takes more. */
  drained(): void {
    const call = this.#onDrain;
    this.#onDrain = undefined;
    call?.();
  }

  /** The client is gone. */
  closed(): void {
    this.#over = true;
    this.#onClose?.();
  }

  only(status: number, message: string, headers: string[]): void {
    this.start(status, message, headers);
    this.#finish();
  }

  endWith(_trailers: string[]): void {
    this.#finish();
  }

  end(last: Buffer): void {
    this.write(last);
    this.#finish();
  }

  #finish(): void {
    if (this.#over) return;
    if (this.#left > 0) {
      // It is shorter than it was said to be: the client must not wait for the rest.
      this.destroy();
      return;
    }
    if (this.#left < 0) this.#text += '0\r\n\r\n';
    if (this.#text !== '') this.#send();
    this.#over = true;
    this.#to.finished(this.#close);
  }

  refuse(status: number, message: string, o: Refusal = {}): void {
    const { headers, text } = refusal(status, message, o);
    if (o.close) headers.push('connection', 'close');
    this.start(status, '', headers);
    this.end(Buffer.from(text));
  }

  destroy(): void {
    this.#over = true;
    this.#to.destroy();
  }

  /** Nobody who asks for another protocol comes here. */
  join(_status: number, _headers: string[], backend: Duplex): void {
    backend.destroy();
    this.destroy();
  }
}
