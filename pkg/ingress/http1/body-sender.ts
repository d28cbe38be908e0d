import type { Readable, Writable } from 'node:stream';

/** What a request's body is on its way to. */
export interface BodyTarget {
  readonly to: Writable;
  /** Bytes it has to have; undefined: it is sent in chunks. */
  readonly length: number | undefined;
  /** A part was taken, or more can be. */
  readonly onProgress: () => void;
  /** Called once; not after `stop`. */
  readonly onDone: (error?: Error) => void;
}

/** Sends a body no faster than it is taken. */
export class BodySender {
  readonly #body: Readable;
  readonly #o: BodyTarget;
  #sent = 0;
  #over = false;
  /** The backend does not take any more just now. */
  blocked = false;

  constructor(body: Readable, o: BodyTarget) {
    this.#body = body;
    this.#o = o;
    body.on('data', this.#onData);
    body.once('end', this.#onEnd);
    body.once('error', this.#onError);
    body.once('close', this.#onClose);
    o.to.on('drain', this.#onDrain);
  }

  /** Sends no more. What is left of the body is read and forgotten, so that the next request can be. */
  stop(): void {
    if (this.#over) return;
    this.#over = true;
    const body = this.#body;
    body.off('data', this.#onData);
    body.off('end', this.#onEnd);
    body.off('close', this.#onClose);
    this.#o.to.off('drain', this.#onDrain);
    body.resume();
  }

  readonly #onData = (chunk: Buffer): void => {
    const { to, length, onProgress } = this.#o;
    this.#sent += chunk.length;
    if (length !== undefined && this.#sent > length) {
      this.#finish(new Error('the body is longer than its announced length'));
      return;
    }
    if (chunk.length === 0) return;
    let open: boolean;
    if (length === undefined) {
      to.cork();
      to.write(`${chunk.length.toString(16)}\r\n`, 'latin1');
      to.write(chunk);
      open = to.write('\r\n', 'latin1');
      to.uncork();
    } else open = to.write(chunk);
    onProgress();
    if (open) return;
    this.blocked = true;
    this.#body.pause();
  };

  readonly #onDrain = (): void => {
    this.blocked = false;
    this.#o.onProgress();
    this.#body.resume();
  };

  readonly #onEnd = (): void => {
    const { to, length } = this.#o;
    if (length === undefined) to.write('0\r\n\r\n', 'latin1');
    else if (this.#sent < length) {
      this.#finish(new Error('the body is shorter than its announced length'));
      return;
    }
    this.#finish();
  };

  readonly #onError = (e: Error): void => this.#finish(e);

  readonly #onClose = (): void => this.#finish(new Error('the body broke off'));

  #finish(error?: Error): void {
    if (this.#over) return;
    this.stop();
    this.#o.onDone(error);
  }
}
