import type { Duplex } from 'node:stream';
import { GrpcFrames, grpcFrame } from '../frames.ts';
import { type GrpcStatus, statusOf } from '../status.ts';
import {
  contentOf,
  FLAG,
  FRAME,
  FRAME_BYTES,
  FrameReader,
  frameHead,
  frameOf,
  type OnFrame,
  readSettings,
  settingsFrame,
} from './frames.ts';
import { HpackDecoder } from './hpack.ts';

const PREFACE = Buffer.from('PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n');
const SETTING = { push: 2, calls: 3, window: 4, frame: 5 } as const;
/** What either side may send before it has heard more: RFC 9113 section 6.9.2. */
const FIRST_WINDOW = 65_535;
const LARGEST_WINDOW = 2 ** 31 - 1;
/** What the server may send before it has heard of our reading, bytes, of one answer and of all. */
const STREAM_WINDOW = 4 << 20;
const SESSION_WINDOW = 16 << 20;
/** Longest block of headers. */
const MAX_HEADERS = 64 << 10;
/** Streams are numbered up to 2^31. */
const LAST_STREAM = 2 ** 31 - 1;
const CANCEL = 8;

/** `status.code` -1: there is no answer of gRPC. */
export type Done = (status: GrpcStatus, answer: Buffer | undefined) => void;

/** A call of a session. */
export class Call {
  /** 0: it has not begun. */
  stream = 0;
  /** What may be sent of it. */
  window = 0;
  /** Read of the answer and not told to the server yet, bytes. */
  read = 0;
  status: GrpcStatus | undefined;
  answer: Buffer | undefined;
  readonly head: Buffer;
  /** What is still to be sent. */
  unsent: Buffer;
  readonly frames: GrpcFrames;
  readonly done: Done;

  constructor(head: Buffer, message: Uint8Array, maxBytes: number, done: Done) {
    this.head = head;
    this.unsent = grpcFrame(message);
    this.frames = new GrpcFrames(maxBytes);
    this.done = done;
  }
}

/** A block of headers of which more frames are to come. */
interface Block {
  readonly stream: number;
  readonly flags: number;
  readonly parts: Buffer[];
  length: number;
}

/**
 * The client's end of an HTTP/2 connection (RFC 9113), as far as unary gRPC calls need it: no streams of Node with their
 * events, which take a quarter of what a write costs the API server. What gathers in one turn of the event loop is
 * written as one piece.
 */
export class ClientSession {
  readonly #socket: Duplex;
  readonly #reader = new FrameReader();
  readonly #hpack = new HpackDecoder();
  readonly #calls = new Map<number, Call>();
  /** Not begun, for the server takes no more at a time. */
  readonly #waiting = new Set<Call>();
  /** Begun, with more to send than the server takes now. */
  readonly #blocked = new Set<Call>();
  readonly #maxBytes: number;
  readonly #onFrame: OnFrame = (type, flags, stream, payload) => this.#take(type, flags, stream, payload);
  #out: Buffer[] = [];
  #next = 1;
  /** Calls at a time: none before the server has said what it takes. */
  #maxCalls = 0;
  #maxFrame = FRAME_BYTES;
  #window = FIRST_WINDOW;
  #firstWindow = FIRST_WINDOW;
  #read = 0;
  #block: Block | undefined;
  #pong: (() => void) | undefined;
  #settled = false;
  #leaving = false;
  #ended = false;
  #fault = '';

  /** @param socket may still be connecting. @param maxBytes of an answer */
  constructor(socket: Duplex, maxBytes: number) {
    this.#socket = socket;
    this.#maxBytes = maxBytes;
    socket.on('data', (chunk: Buffer) => this.#receive(chunk));
    // Where a name has several addresses, the error of them all has no words.
    socket.on('error', (e: NodeJS.ErrnoException) => {
      this.#fault ||= e.message || (e.code ?? '');
    });
    socket.on('close', () => this.#end());
    const settings = settingsFrame([
      [SETTING.push, 0],
      [SETTING.window, STREAM_WINDOW],
    ]);
    this.#send(PREFACE, settings, frameOf(FRAME.windowUpdate, 0, SESSION_WINDOW - FIRST_WINDOW));
  }

  /** Whether the server has answered at all. */
  get settled(): boolean {
    return this.#settled;
  }

  /** Whether it takes further calls. */
  get usable(): boolean {
    return !this.#ended && !this.#leaving && !this.#socket.destroyed && this.#next < LAST_STREAM;
  }

  /** Begins a call, or lets it wait for its turn. @param head see `headerBlock` */
  call(head: Buffer, message: Uint8Array, done: Done): Call {
    const call = new Call(head, message, this.#maxBytes, done);
    if (this.#calls.size < this.#maxCalls) this.#begin(call);
    else this.#waiting.add(call);
    return call;
  }

  /** Gives a call up; nobody is told. */
  cancel(call: Call): void {
    this.#waiting.delete(call);
    if (this.#calls.get(call.stream) !== call) return;
    this.#send(frameOf(FRAME.reset, call.stream, CANCEL));
    this.#forget(call);
  }

  /** Asks for a sign of life. */
  ping(answered: () => void): void {
    this.#pong = answered;
    this.#send(frameHead(FRAME.ping, 0, 0, 8), Buffer.alloc(8));
  }

  /** Breaks the connection: all calls fail. */
  destroy(why = ''): void {
    this.#fault ||= why;
    this.#socket.destroy();
  }

  #begin(call: Call): void {
    call.stream = this.#next;
    this.#next += 2;
    call.window = this.#firstWindow;
    this.#calls.set(call.stream, call);
    this.#send(frameHead(FRAME.headers, FLAG.endHeaders, call.stream, call.head.length), call.head);
    this.#sendMore(call);
  }

  /** As much of a message as may be sent. */
  #sendMore(call: Call): void {
    while (call.unsent.length > 0) {
      const length = Math.min(call.unsent.length, this.#window, call.window, this.#maxFrame);
      if (length <= 0) {
        this.#blocked.add(call);
        return;
      }
      const piece = call.unsent.subarray(0, length);
      call.unsent = call.unsent.subarray(length);
      this.#window -= length;
      call.window -= length;
      const flags = call.unsent.length === 0 ? FLAG.endStream : 0;
      this.#send(frameHead(FRAME.data, flags, call.stream, length), piece);
    }
    this.#blocked.delete(call);
  }

  #sendBlocked(): void {
    for (const call of this.#blocked) this.#sendMore(call);
  }

  #send(...pieces: readonly Buffer[]): void {
    if (this.#out.length === 0) setImmediate(() => this.#flush());
    this.#out.push(...pieces);
  }

  #flush(): void {
    const out = this.#out;
    this.#out = [];
    if (!this.#socket.destroyed) this.#socket.write(Buffer.concat(out));
  }

  #receive(chunk: Buffer): void {
    if (this.#ended) return;
    try {
      this.#reader.push(chunk, this.#onFrame);
    } catch (e) {
      this.destroy(`HTTP/2: ${(e as Error).message}`);
    }
  }

  #take(type: number, flags: number, stream: number, payload: Buffer): void {
    if (this.#block && type !== FRAME.continuation) throw new RangeError('headers were left unfinished');
    switch (type) {
      case FRAME.data:
        this.#data(flags, stream, payload);
        break;
      case FRAME.headers:
        this.#block = { stream, flags, parts: [], length: 0 };
        this.#headers(flags, contentOf(type, flags, payload));
        break;
      case FRAME.continuation:
        this.#headers(flags, payload);
        break;
      case FRAME.reset:
        this.#reset(stream, payload);
        break;
      case FRAME.settings:
        if (!(flags & FLAG.ack)) this.#settings(payload);
        break;
      case FRAME.pushPromise:
        throw new RangeError('a push that was ruled out');
      case FRAME.ping:
        if (flags & FLAG.ack) this.#pong?.();
        else this.#send(frameHead(FRAME.ping, FLAG.ack, 0, payload.length), payload);
        break;
      case FRAME.goAway:
        this.#goAway(payload);
        break;
      case FRAME.windowUpdate:
        this.#widen(stream, payload.readUInt32BE(0));
        break;
    }
  }

  #data(flags: number, stream: number, payload: Buffer): void {
    this.#read += payload.length;
    if (this.#read >= SESSION_WINDOW / 2) {
      this.#send(frameOf(FRAME.windowUpdate, 0, this.#read));
      this.#read = 0;
    }
    const call = this.#calls.get(stream);
    if (!call) return;
    try {
      for (const message of call.frames.push(contentOf(FRAME.data, flags, payload))) call.answer = message;
    } catch (e) {
      this.cancel(call);
      call.done({ code: -1, message: (e as Error).message }, undefined);
      return;
    }
    if (flags & FLAG.endStream) {
      this.#finish(call);
      return;
    }
    call.read += payload.length;
    if (call.read < STREAM_WINDOW / 2) return;
    this.#send(frameOf(FRAME.windowUpdate, stream, call.read));
    call.read = 0;
  }

  #headers(flags: number, part: Buffer): void {
    const block = this.#block;
    if (!block) throw new RangeError('headers go on that have not begun');
    block.parts.push(part);
    block.length += part.length;
    if (block.length > MAX_HEADERS) throw new RangeError(`more than ${MAX_HEADERS} bytes of headers`);
    if (!(flags & FLAG.endHeaders)) return;
    this.#block = undefined;
    const headers: Record<string, string> = {};
    // Also what nobody waits for is read: the next block may refer to it.
    this.#hpack.decode(block.parts.length === 1 ? part : Buffer.concat(block.parts), (name, value) => {
      headers[name] = value;
    });
    const call = this.#calls.get(block.stream);
    if (!call) return;
    if (headers['grpc-status'] !== undefined) call.status = statusOf(headers);
    if (block.flags & FLAG.endStream) this.#finish(call);
  }

  #reset(stream: number, payload: Buffer): void {
    const call = this.#calls.get(stream);
    if (call) this.#fail(call, `the server ended the call with code ${payload.readUInt32BE(0)} of HTTP/2`);
  }

  #settings(payload: Buffer): void {
    if (!this.#settled) this.#maxCalls = Number.POSITIVE_INFINITY;
    this.#settled = true;
    for (const [id, value] of readSettings(payload)) {
      if (id === SETTING.calls) this.#maxCalls = value;
      else if (id === SETTING.frame) this.#maxFrame = value;
      else if (id === SETTING.window) {
        if (value > LARGEST_WINDOW) throw new RangeError('a window that is too large');
        // May leave calls with less than nothing.
        for (const call of this.#calls.values()) call.window += value - this.#firstWindow;
        this.#firstWindow = value;
      }
    }
    this.#send(frameHead(FRAME.settings, FLAG.ack, 0, 0));
    this.#sendBlocked();
    this.#beginWaiting();
  }

  #widen(stream: number, bytes: number): void {
    if (stream === 0) {
      this.#window += bytes;
      if (this.#window > LARGEST_WINDOW) throw new RangeError('a window that is too large');
      this.#sendBlocked();
      return;
    }
    const call = this.#calls.get(stream);
    if (!call) return;
    call.window += bytes;
    if (this.#blocked.has(call)) this.#sendMore(call);
  }

  /** The server takes no further calls and answers those it has begun with. */
  #goAway(payload: Buffer): void {
    const last = payload.readUInt32BE(0) & LAST_STREAM;
    this.#leaving = true;
    const why = 'the server is about to close the connection';
    for (const call of this.#waiting) {
      this.#waiting.delete(call);
      call.done({ code: -1, message: why }, undefined);
    }
    for (const call of this.#calls.values()) if (call.stream > last) this.#fail(call, why);
    this.#leaveWhenDone();
  }

  #leaveWhenDone(): void {
    if (this.#leaving && this.#calls.size === 0) this.#socket.destroy();
  }

  #finish(call: Call): void {
    // An answer may come before the question has ended.
    if (call.unsent.length > 0) this.#send(frameOf(FRAME.reset, call.stream, CANCEL));
    this.#forget(call);
    call.done(call.status ?? { code: -1, message: 'no gRPC answer' }, call.answer);
  }

  #fail(call: Call, message: string): void {
    this.#forget(call);
    call.done({ code: -1, message }, undefined);
  }

  #forget(call: Call): void {
    this.#calls.delete(call.stream);
    this.#blocked.delete(call);
    this.#beginWaiting();
    this.#leaveWhenDone();
  }

  #beginWaiting(): void {
    for (const call of this.#waiting) {
      if (this.#calls.size >= this.#maxCalls) return;
      this.#waiting.delete(call);
      this.#begin(call);
    }
  }

  #end(): void {
    this.#ended = true;
    const message = this.#fault || 'the connection was closed';
    for (const call of [...this.#waiting, ...this.#calls.values()]) call.done({ code: -1, message }, undefined);
    this.#waiting.clear();
    this.#calls.clear();
    this.#blocked.clear();
  }
}
