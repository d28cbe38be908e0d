import { type FSWatcher, watch } from 'node:fs';
import { type FileHandle, open, stat } from 'node:fs/promises';
import { dirname } from 'node:path';
import { systemClock } from '#async/clock.ts';
import { LineSplitter } from '#client/json-lines.ts';
import type { LogRequest } from './types.ts';

const READ_BYTES = 64 * 1024;
/** A log of which nothing is heard is looked at all the same; the kernel tells of most changes long before. */
const LOOK_MS = 1_000;
const NEWLINE = 0x0a;
/** Digits of a second that a time shows. */
const TIME_DIGITS = 9;

/** A line, or a piece of a long one, as Docker's json-file driver writes it. */
interface Entry {
  readonly log?: string;
  readonly stream?: string;
  readonly time?: string;
}

/** Where the log of a container is. */
export interface LogPlace {
  readonly path: string;
  /** How many files there are at most, the one being written included; Docker removes older ones. */
  readonly files: number;
}

interface LogFile {
  readonly handle: FileHandle;
  readonly ino: number;
}

/** Who writes the log. */
export interface Writer {
  /** Settles when nothing more will be written, or the signal aborts. */
  ended(signal: AbortSignal): Promise<void>;
}

/** Files of a log, the newest first, whether they are there or not. */
const pathsOf = ({ path, files }: LogPlace): string[] =>
  Array.from({ length: files + 1 }, (_, n) => (n === 0 ? path : `${path}.${n}`));

/** Bytes that a log takes on disk, all its files together. */
export async function logSize(place: LogPlace): Promise<number> {
  const sizes = await Promise.all(
    pathsOf(place).map((p) =>
      stat(p).then(
        (s) => s.size,
        () => 0,
      ),
    ),
  );
  return sizes.reduce((sum, size) => sum + size, 0);
}

async function openFile(path: string): Promise<LogFile | undefined> {
  try {
    const handle = await open(path, 'r');
    return { handle, ino: (await handle.stat()).ino };
  } catch (e) {
    if ((e as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw e;
  }
}

/**
 * The files of a log, the oldest first. They are opened from the newest on: of a rotation meanwhile files are seen twice, and
 * none is missed but the one that it is about to make.
 */
async function openFiles(place: LogPlace): Promise<LogFile[]> {
  const files: LogFile[] = [];
  for (const p of pathsOf(place)) {
    const file = await openFile(p);
    if (file && files.some((f) => f.ino === file.ino)) await file.handle.close();
    else if (file) files.unshift(file);
  }
  return files;
}

/** Files that came after this one, which may be gone; they are open. */
async function newerFiles(place: LogPlace, than: LogFile | undefined): Promise<LogFile[]> {
  const newest = await stat(place.path).catch(() => undefined);
  if (!newest || newest.ino === than?.ino) return [];
  const files = await openFiles(place);
  const known = files.findIndex((f) => f.ino === than?.ino);
  for (const f of files.slice(0, known + 1)) await f.handle.close();
  return files.slice(known + 1);
}

/** Where the last lines begin. */
async function startOf(
  files: readonly LogFile[],
  lines: number,
): Promise<{ readonly file: number; readonly at: number }> {
  let ends = 0;
  for (let file = files.length - 1; file >= 0; file--) {
    const { handle } = files[file] as LogFile;
    for (let to = (await handle.stat()).size; to > 0; ) {
      const from = Math.max(0, to - READ_BYTES);
      const { buffer } = await handle.read(Buffer.alloc(to - from), 0, to - from, from);
      for (let i = buffer.lastIndexOf(NEWLINE); i >= 0; i = i > 0 ? buffer.lastIndexOf(NEWLINE, i - 1) : -1)
        if (++ends > lines) return { file, at: from + i + 1 };
      to = from;
    }
  }
  return { file: 0, at: 0 };
}

/** Tells of changes in a folder. */
class Changes {
  readonly #watcher: FSWatcher | undefined;
  #heard = false;
  #wake = (): void => {};
  /** Something happened. */
  readonly notice = (): void => {
    this.#heard = true;
    this.#wake();
  };

  constructor(dir: string) {
    try {
      this.#watcher = watch(dir, this.notice).on('error', () => {});
    } catch {
      // The kernel has only so many watches to give.
    }
  }

  /** What happened until now is known. */
  forget(): void {
    this.#heard = false;
  }

  /** Resolves when something happened that is not known, or after a second. */
  async next(): Promise<void> {
    if (this.#heard) return;
    await new Promise<void>((resolve) => {
      const timer = systemClock.after(LOOK_MS, resolve);
      this.#wake = () => {
        timer.cancel();
        resolve();
      };
    });
  }

  close(): void {
    this.#watcher?.close();
  }
}

const fullTime = (time: string): string => {
  const [seconds = '', fraction = ''] = time.replace(/Z$/, '').split('.');
  return `${seconds}.${fraction.padEnd(TIME_DIGITS, '0')}Z`;
};

/** Turns entries into the text that was asked for. */
class Rendering {
  readonly #request: LogRequest;
  /** Outputs whose last piece did not end its line. */
  readonly #open = new Set<string>();
  readonly #sinceMs: number;

  constructor(request: LogRequest) {
    this.#request = request;
    this.#sinceMs = (request.since ?? 0) * 1000;
  }

  /** '' for one that is not wanted, or is no entry: after a power cut there may be such lines. */
  text(line: Buffer): string {
    const { log, stream = '', time = '' } = entryOf(line);
    if (!log || !(stream === 'stderr' ? this.#request.stderr : this.#request.stdout)) return '';
    if (this.#sinceMs > 0 && Date.parse(time) < this.#sinceMs) return '';
    const begins = !this.#open.has(stream);
    if (log.endsWith('\n')) this.#open.delete(stream);
    else this.#open.add(stream);
    return this.#request.timestamps && begins ? `${fullTime(time)} ${log}` : log;
  }
}

function entryOf(line: Buffer): Entry {
  try {
    return (JSON.parse(line.toString()) as Entry | null) ?? {};
  } catch {
    return {};
  }
}

/** Reads a file from a place on to where it ends now. @returns that place */
async function* readOn(
  { handle }: LogFile,
  from: number,
  splitter: LineSplitter,
  rendering: Rendering,
): AsyncGenerator<Buffer, number> {
  for (let at = from; ; ) {
    const { buffer, bytesRead } = await handle.read(Buffer.allocUnsafe(READ_BYTES), 0, READ_BYTES, at);
    if (bytesRead === 0) return at;
    at += bytesRead;
    const texts: string[] = [];
    splitter.push(buffer.subarray(0, bytesRead), (line) => texts.push(rendering.text(line)));
    const text = Buffer.from(texts.join(''));
    if (text.length > 0) yield text;
  }
}

/** The files of a log, read one after the other, the newest as far as it goes. */
class Reading {
  readonly #place: LogPlace;
  readonly #rendering: Rendering;
  #files: LogFile[] = [];
  #at = 0;
  #splitter = new LineSplitter();

  constructor(place: LogPlace, request: LogRequest) {
    this.#place = place;
    this.#rendering = new Rendering(request);
  }

  async open(tail: number | undefined): Promise<void> {
    this.#files = await openFiles(this.#place);
    if (tail === undefined) return;
    const { file, at } = await startOf(this.#files, tail);
    for (const f of this.#files.splice(0, file)) await f.handle.close();
    this.#at = at;
  }

  /** All that is there, also in files that came since. */
  async *rest(): AsyncGenerator<Buffer> {
    for (;;) {
      const [file] = this.#files;
      if (file) this.#at = yield* readOn(file, this.#at, this.#splitter, this.#rendering);
      if (file && this.#files.length > 1) {
        this.#files.shift();
        await file.handle.close();
        this.#at = 0;
        this.#splitter = new LineSplitter();
        continue;
      }
      // Of one that was rotated away the end is read before the next is begun.
      const newer = await newerFiles(this.#place, file);
      if (newer.length === 0) return;
      this.#files.push(...newer);
    }
  }

  async close(): Promise<void> {
    for (const f of this.#files) await f.handle.close();
  }
}

/**
 * The text of a log that Docker's json-file driver keeps: `path`, and before it `path.1` and so on. With a writer it is followed
 * until he ends, across rotations, where Docker's own follower (20.10) shows lines twice.
 */
export async function* jsonLog(place: LogPlace, request: LogRequest, writer?: Writer): AsyncGenerator<Buffer> {
  const off = new AbortController();
  const reading = new Reading(place, request);
  const changes = writer && new Changes(dirname(place.path));
  let over = !writer;
  const end = (): void => {
    over = true;
    changes?.notice();
  };
  writer?.ended(off.signal).then(end, end);
  try {
    await reading.open(request.tail);
    for (;;) {
      // Asked before the last look: what was written before the end is seen.
      const last = over;
      changes?.forget();
      yield* reading.rest();
      if (last) return;
      await changes?.next();
    }
  } finally {
    off.abort(new Error('nobody reads the log any more'));
    changes?.close();
    await reading.close();
  }
}
