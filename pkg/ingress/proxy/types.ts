import type { Duplex, Readable } from 'node:stream';

/** A body as it comes from the client. */
export interface Body extends Readable {
  /** All of it is there. */
  readonly complete: boolean;
  /** Calls after so long a silence of the client, milliseconds; 0: no more. */
  setTimeout(ms: number, call?: () => void): unknown;
}

/** A request as it came, whatever it came by. */
export interface Arrived {
  readonly method: string;
  /** That it is for, with port if it says so. */
  readonly host: string | undefined;
  /** Path and query. */
  readonly target: string;
  /** Names and values in turn as received, pseudo headers included. */
  readonly rawHeaders: readonly string[];
  /** Address of the peer; "" when it is gone. */
  readonly peer: string;
  /** It came by TLS. */
  readonly secure: boolean;
  readonly body: Body | null;
  /** Content-Length. */
  readonly announced: number | undefined;
  /** @param name in lower case @returns its values as one; undefined without any */
  header(name: string): string | undefined;
}

/** What is said besides in an answer of our own. */
export interface Refusal {
  /** No other request is taken on that connection. */
  readonly close?: boolean;
  readonly location?: string;
}

/** What can be said to the client. Headers are names, in lower case, and values in turn. */
export interface Reply {
  start(status: number, message: string, headers: string[]): void;
  /**
   * @param chunk may be overwritten after the call
   * @returns false when the client is slower than the backend: then wait for `onDrain`
   */
  write(chunk: Buffer): boolean;
  /** What was said so far is to leave now: what follows may take a while. */
  flush(): void;
  onDrain(call: () => void): void;
  /** Called when the client is gone; it may be, too, when it has everything. */
  onClose(call: () => void): void;
  /** An answer without a body, whose headers end it. */
  only(status: number, message: string, headers: string[]): void;
  /** Trailers are for clients of HTTP/2: others would have to be told of them before the body. */
  endWith(trailers: string[]): void;
  /** @param last may be overwritten after the call */
  end(last: Buffer): void;
  /** An answer of our own, in one line of text. */
  refuse(status: number, message: string, o?: Refusal): void;
  /** Breaks the connection, or the stream. */
  destroy(): void;
  /** Answers with a change of protocol and joins the connections. */
  join(status: number, headers: string[], backend: Duplex): void;
}
