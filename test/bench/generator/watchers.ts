import type { TLSSocket } from 'node:tls';
import { codeOf, openSocket, type Target } from './connection.ts';
import { micros, quantile } from './load.ts';
import { STAMP, STAMP_NAME } from './requests.ts';

export interface WatchResult {
  readonly events: number;
  /** From `since` to the last event. */
  readonly seconds: number;
  /** Milliseconds from a request's sending to an event's arrival, when events are stamped. */
  readonly p50: number;
  readonly p99: number;
}

const NEEDLES = { stamp: Buffer.from(STAMP_NAME), added: Buffer.from('{"type":"ADDED"') };
export type Needle = keyof typeof NEEDLES;

/** Many watches of one path. Events are found by a search for bytes: parsing them would measure the generator. */
export class Watchers {
  readonly #sockets: TLSSocket[] = [];
  readonly #needle: Needle;
  #latencies: number[] = [];
  #count = 0;
  #lastAt = 0;
  #wanted = Number.POSITIVE_INFINITY;
  #reached: () => void = () => {};
  #failed: (e: Error) => void = () => {};

  constructor(needle: Needle) {
    this.#needle = needle;
  }

  /** Resolves when the server has begun to answer every watch. */
  async open(target: Target, path: string, count: number): Promise<void> {
    const request = `GET ${path} HTTP/1.1\r\nhost: bench\r\nuser-agent: bench/1\r\naccept: application/json\r\n\r\n`;
    await Promise.all(
      Array.from({ length: count }, async () => {
        const socket = await openSocket(target);
        this.#sockets.push(socket);
        socket.on('error', (e) => this.#failed(e));
        socket.on('close', () => this.#failed(new Error('a watch was ended')));
        await new Promise<void>((resolve, reject) => {
          socket.once('data', (chunk: Buffer) => {
            if (codeOf(chunk) === 200) resolve();
            else reject(new Error(`watch: ${chunk.toString().slice(0, 300)}`));
          });
          this.#listen(socket);
          socket.write(request);
        });
      }),
    );
  }

  #listen(socket: TLSSocket): void {
    const needle = NEEDLES[this.#needle];
    const stamped = this.#needle === 'stamp';
    const whole = needle.length + (stamped ? STAMP.length : 0);
    let tail: Buffer | undefined;
    socket.on('data', (chunk: Buffer) => {
      const bytes = tail ? Buffer.concat([tail, chunk]) : chunk;
      tail = undefined;
      const now = micros();
      let from = 0;
      for (;;) {
        const at = bytes.indexOf(needle, from);
        if (at < 0 || at + whole > bytes.length) {
          // What could be the beginning of an event that goes on in the next chunk.
          const keep = at < 0 ? Math.max(from, bytes.length - needle.length + 1) : at;
          if (keep < bytes.length) tail = bytes.subarray(keep);
          break;
        }
        if (stamped) {
          const sent = Number(bytes.toString('latin1', at + needle.length, at + whole));
          this.#latencies.push((now - sent) / 1000);
        }
        this.#count++;
        from = at + whole;
      }
      this.#lastAt = now;
      if (this.#count >= this.#wanted) this.#reached();
    });
  }

  /** Forgets what has been seen. */
  reset(): void {
    this.#count = 0;
    this.#latencies = [];
  }

  /** Waits for so many events since the last reset. @param since microseconds, see `micros`. */
  async wait(events: number, since: number): Promise<WatchResult> {
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    this.#wanted = events;
    this.#reached = resolve;
    this.#failed = reject;
    if (this.#count >= events) resolve();
    await promise;
    this.#failed = () => {};
    const latencies = Float64Array.from(this.#latencies);
    const seconds = (this.#lastAt - since) / 1e6;
    return { events: this.#count, seconds, p50: quantile(latencies, 0.5), p99: quantile(latencies, 0.99) };
  }

  close(): void {
    this.#failed = () => {};
    for (const s of this.#sockets) s.destroy();
  }
}
