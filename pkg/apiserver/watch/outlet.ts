import type { ServerResponse } from 'node:http';
import type { Chunks } from './flusher.ts';

/** The way from a watch to its client: an HTTP answer, or a WebSocket. */
export interface Outlet {
  /** Nobody is there any more. */
  readonly gone: boolean;
  /** Bytes that the client has not taken yet. */
  readonly backlog: number;
  /** Begins the stream: what is wrong from now on can only be told within it. @param type media type of its frames */
  open(type: string): void;
  /** Sends frames. @param chunks those who are flushed together share */
  write(frames: readonly Buffer[], chunks: Chunks): void;
  /** Ends the stream; what was written arrives. */
  end(): void;
  /** Ends it now. */
  cut(why: Error): void;
  /** Calls `gone` once the client is no longer there. To be called after `open`. */
  onGone(gone: () => void): void;
}

/** A watch as an HTTP answer of any length. */
export class HttpOutlet implements Outlet {
  readonly #response: ServerResponse;

  constructor(response: ServerResponse) {
    this.#response = response;
  }

  get gone(): boolean {
    return this.#response.destroyed;
  }

  get backlog(): number {
    return (this.#response.socket ?? this.#response).writableLength;
  }

  open(type: string): void {
    this.#response.writeHead(200, { 'content-type': type, 'cache-control': 'no-cache, private' });
    this.#response.flushHeaders();
  }

  /**
   * Writes one chunk (RFC 9112 section 7.1) straight to the socket: what a response does around each write costs as much as the
   * encryption of a small frame.
   */
  write(frames: readonly Buffer[], chunks: Chunks): void {
    const response = this.#response;
    const { socket } = response;
    // While the connection's last answer is not off yet, ours has no socket and must be kept by the response.
    if (socket) socket.write(response.chunkedEncoding ? chunks.of(frames) : Buffer.concat(frames));
    else response.write(Buffer.concat(frames));
  }

  end(): void {
    this.#response.end();
  }

  cut(why: Error): void {
    this.#response.destroy(why);
  }

  onGone(gone: () => void): void {
    this.#response.once('close', gone);
  }
}
