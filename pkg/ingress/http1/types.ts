import type { Readable } from 'node:stream';

/** A request for a backend. */
export interface Outgoing {
  readonly method: string;
  /** With query. */
  readonly path: string;
  /** Names and values in turn. */
  readonly headers: string[];
  readonly body: Readable | null;
  /** Of the body, bytes, as its sender has announced it; undefined: a body is sent in chunks. */
  readonly length: number | undefined;
  /** Longest silence of the backend, milliseconds. */
  readonly readTimeoutMs: number;
  /** It is not to be sent on a connection that others were sent on. */
  readonly onNewConnection?: boolean;
}

/** A request under way, for who sent it. */
export interface Controller {
  /** Breaks it off: its handler hears of it as of an error. */
  abort(reason: Error): void;
  /** Reads no more of the answer. */
  pause(): void;
  resume(): void;
}

/** Hears of the answer. What it throws breaks the request off. Headers are names, in lower case, and values in turn. */
export interface Handler {
  /** There is a connection; what fails before that was never sent. */
  onRequestStart(controller: Controller): void;
  /** Not called for informational answers (1xx). */
  onResponseStart(status: number, headers: string[], message: string): void;
  /** @param chunk not to be kept: its bytes are overwritten after the call */
  onResponseData(controller: Controller, chunk: Buffer): void;
  /** What was read so far is told, and there is more to come: it may take a while. */
  onResponsePause(): void;
  onResponseEnd(trailers: string[]): void;
  onResponseError(error: Error): void;
}

/** The backend said nothing for too long. */
export class Silence extends Error {}

/**
 * A connection that others had used before ended before anything of the answer came: it may have been on its end already, which
 * says nothing about the backend (RFC 9110, 9.2.2).
 */
export class WornOut extends Error {}
