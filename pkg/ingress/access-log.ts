import { createWriteStream } from 'node:fs';
import { rename, stat } from 'node:fs/promises';
import type { Writable } from 'node:stream';
import type { Clock } from '#async/clock.ts';

/** What is told of one request. */
export interface Access {
  readonly client: string;
  readonly method: string;
  readonly host: string;
  /** As sent, with query. */
  readonly target: string;
  readonly status: number;
  /** Of the response body. */
  readonly bytes: number;
  readonly ms: number;
  /** "namespace/name" of the Ingress. */
  readonly ingress: string;
  /** Who answered, or was asked last. */
  readonly endpoint?: string | undefined;
  readonly tries: number;
}

/** Lines are gathered for this long and written at once, milliseconds. */
const GATHER_MS = 200;
/** What may wait for a slow disk, characters; further lines are counted and dropped. */
const MAX_WAITING = 1024 * 1024;
const MAX_FILE_BYTES = 32 * 1024 * 1024;
const MAX_TARGET = 1024;

const PLAIN = /^[\x20\x21\x23-\x5b\x5d-\x7e]*$/;
/** As JSON; most strings are there as they are. */
const text = (value: string): string => (PLAIN.test(value) ? `"${value}"` : JSON.stringify(value));

/** One JSON line a request. Bounded: in memory, and on disk to two files of 32 MiB. Never holds up a request. */
export class AccessLog {
  readonly #clock: Clock;
  readonly #file: string;
  #out: Writable | undefined;
  #size = 0;
  #waiting: string[] = [];
  #length = 0;
  #dropped = 0;
  #planned = false;
  #busy = false;
  /** The time of the last line, and how it is written. */
  #stamped = Number.NaN;
  #stamp = '';

  private constructor(file: string, clock: Clock) {
    this.#file = file;
    this.#clock = clock;
  }

  /** @param file path, "-" for standard output, "" for none. @throws the system's error when it cannot be opened */
  static async open(file: string, clock: Clock): Promise<AccessLog> {
    const log = new AccessLog(file, clock);
    if (file === '-') log.#out = process.stdout;
    else if (file !== '') await log.#reopen();
    return log;
  }

  get enabled(): boolean {
    return this.#out !== undefined;
  }

  write(a: Access): void {
    if (!this.#out) return;
    if (this.#length > MAX_WAITING) {
      this.#dropped++;
      return;
    }
    const line = this.#line(a);
    this.#waiting.push(line);
    this.#length += line.length;
    this.#plan();
  }

  /** As JSON.stringify would make it, at half the price. */
  #line(a: Access): string {
    const now = this.#clock.now();
    if (now !== this.#stamped) {
      this.#stamped = now;
      this.#stamp = new Date(now).toISOString();
    }
    const asked = `"method":${text(a.method)},"host":${text(a.host)},"target":${text(a.target.slice(0, MAX_TARGET))}`;
    const answer = `"status":${a.status},"bytes":${a.bytes},"ms":${a.ms},"ingress":${text(a.ingress)}`;
    const by = a.endpoint === undefined ? '' : `"endpoint":${text(a.endpoint)},`;
    return `{"time":"${this.#stamp}","client":${text(a.client)},${asked},${answer},${by}"tries":${a.tries}}`;
  }

  #plan(): void {
    if (this.#planned || this.#busy) return;
    this.#planned = true;
    this.#clock.after(
      GATHER_MS,
      () => {
        this.#planned = false;
        void this.flush();
      },
      { unref: true },
    );
  }

  /** Writes what is waiting. Never rejects: a full disk must not stop the traffic. */
  async flush(): Promise<void> {
    if (this.#busy || this.#length === 0) return;
    this.#busy = true;
    if (this.#dropped > 0) this.#waiting.push(JSON.stringify({ dropped: this.#dropped }));
    const text = `${this.#waiting.join('\n')}\n`;
    this.#waiting = [];
    this.#length = 0;
    this.#dropped = 0;
    // A write that failed, on a full disk, ended the stream: its lines are lost, these need not be.
    if (this.#file !== '-' && this.#out?.destroyed) await this.#reopen().catch(() => {});
    await new Promise<void>((resolve) => {
      if (this.#out) this.#out.write(text, () => resolve());
      else resolve();
    });
    this.#size += text.length;
    if (this.#file !== '-' && this.#size > MAX_FILE_BYTES) await this.#rotate().catch(() => {});
    this.#busy = false;
    if (this.#length > 0) this.#plan();
  }

  async #rotate(): Promise<void> {
    this.#out?.end();
    await rename(this.#file, `${this.#file}.1`);
    await this.#reopen();
  }

  async #reopen(): Promise<void> {
    const out = createWriteStream(this.#file, { flags: 'a', mode: 0o600 });
    await new Promise<void>((resolve, reject) => {
      out.once('open', () => resolve());
      out.once('error', reject);
    });
    out.on('error', () => {});
    this.#size = (await stat(this.#file)).size;
    this.#out = out;
  }
}
