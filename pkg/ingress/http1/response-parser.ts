import { BadResponse, type ResponseHead, responseHead, trailerFields } from './response-head.ts';

/** What is found in the bytes of an answer. */
export interface Parts {
  /** Called once: informational answers (1xx) are passed over. */
  onHead(head: ResponseHead): void;
  /** @param chunk not to be kept: the bytes are overwritten after the call */
  onData(chunk: Buffer): void;
  /** @param trailers names, in lower case, and values in turn */
  onEnd(trailers: string[]): void;
}

/** A head, or trailers, bytes. */
const MAX_HEAD = 32 * 1024;
/** The line before a chunk, with what may be said there about it. */
const MAX_CHUNK_LINE = 1024;
const CHUNK_LINE = /^([0-9a-fA-F]{1,8})[ \t]*(?:;[\t\x20-\x7e\x80-\xff]*)?$/;

type State = 'head' | 'fixed' | 'size' | 'chunk' | 'after-chunk' | 'trailers' | 'to-close' | 'done';

/** Reads one answer of HTTP/1.1 after the other, in whatever pieces they come. */
export class ResponseParser {
  readonly #parts: Parts;
  #method = '';
  #state: State = 'done';
  /** Bytes of the body, or of the chunk, to come. */
  #left = 0;
  /** The beginning of a line, or of a head. */
  #rest: Buffer | undefined;

  constructor(parts: Parts) {
    this.#parts = parts;
  }

  /** The next bytes are the answer to a request of this method. */
  begin(method: string): void {
    this.#method = method;
    this.#state = 'head';
    this.#rest = undefined;
  }

  /** Nothing more is told of this answer. */
  stop(): void {
    this.#state = 'done';
  }

  /** @throws BadResponse when it is none, or more than that */
  feed(chunk: Buffer): void {
    let bytes = chunk;
    if (this.#rest) {
      bytes = Buffer.concat([this.#rest, chunk]);
      this.#rest = undefined;
    }
    let at = 0;
    while (at < bytes.length) {
      const next = this.#step(bytes, at);
      if (next < 0) {
        this.#rest = Buffer.from(bytes.subarray(at));
        return;
      }
      at = next;
    }
  }

  /** The connection has ended. @throws BadResponse when the answer has not */
  finish(): void {
    if (this.#state === 'to-close') this.#end([]);
    else if (this.#state !== 'done') throw new BadResponse('the connection ended before the answer did');
  }

  /** @returns where to go on; -1 when that needs more bytes than there are */
  #step(bytes: Buffer, at: number): number {
    switch (this.#state) {
      case 'head':
        return this.#head(bytes, at);
      case 'fixed':
      case 'chunk':
        return this.#body(bytes, at);
      case 'size':
        return this.#size(bytes, at);
      case 'after-chunk':
        return this.#afterChunk(bytes, at);
      case 'trailers':
        return this.#trailers(bytes, at);
      case 'to-close':
        this.#parts.onData(bytes.subarray(at));
        return bytes.length;
      case 'done':
        throw new BadResponse('there is more than one answer');
    }
  }

  #head(bytes: Buffer, at: number): number {
    const end = bytes.indexOf('\r\n\r\n', at, 'latin1');
    if (end < 0 || end - at > MAX_HEAD) return wait(bytes.length - at, MAX_HEAD);
    const head = responseHead(bytes.toString('latin1', at, end), this.#method);
    if (head.status === 101) throw new BadResponse('the answer changes the protocol, which nobody had asked for');
    if (head.status < 200) return end + 4;
    this.#state = head.body === 'chunked' ? 'size' : head.body === 'close' ? 'to-close' : 'fixed';
    this.#left = typeof head.body === 'number' ? head.body : 0;
    this.#parts.onHead(head);
    if (head.body === 0) this.#end([]);
    return end + 4;
  }

  #body(bytes: Buffer, at: number): number {
    const end = Math.min(bytes.length, at + this.#left);
    this.#left -= end - at;
    const whole = this.#state === 'fixed';
    this.#parts.onData(at === 0 && end === bytes.length ? bytes : bytes.subarray(at, end));
    if (this.#left === 0 && this.#state !== 'done') {
      if (whole) this.#end([]);
      else this.#state = 'after-chunk';
    }
    return end;
  }

  #size(bytes: Buffer, at: number): number {
    const end = bytes.indexOf('\r\n', at, 'latin1');
    if (end < 0 || end - at > MAX_CHUNK_LINE) return wait(bytes.length - at, MAX_CHUNK_LINE);
    const size = CHUNK_LINE.exec(bytes.toString('latin1', at, end))?.[1];
    if (size === undefined) throw new BadResponse('the length of a chunk is malformed');
    this.#left = Number.parseInt(size, 16);
    this.#state = this.#left === 0 ? 'trailers' : 'chunk';
    return end + 2;
  }

  #afterChunk(bytes: Buffer, at: number): number {
    if (bytes.length - at < 2) return -1;
    if (bytes[at] !== 13 || bytes[at + 1] !== 10) throw new BadResponse('a chunk is longer than it says');
    this.#state = 'size';
    return at + 2;
  }

  #trailers(bytes: Buffer, at: number): number {
    if (bytes.length - at < 2) return -1;
    if (bytes[at] === 13 && bytes[at + 1] === 10) {
      this.#end([]);
      return at + 2;
    }
    const end = bytes.indexOf('\r\n\r\n', at, 'latin1');
    if (end < 0 || end - at > MAX_HEAD) return wait(bytes.length - at, MAX_HEAD);
    this.#end(trailerFields(bytes.toString('latin1', at, end)));
    return end + 4;
  }

  #end(trailers: string[]): void {
    if (this.#state === 'done') return;
    this.#state = 'done';
    this.#parts.onEnd(trailers);
  }
}

function wait(present: number, limit: number): -1 {
  if (present > limit) throw new BadResponse(`a part of the answer is longer than ${limit} bytes`);
  return -1;
}
