import { appendFileSync, mkdtempSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { jsonLog, logSize } from './json-log.ts';
import type { LogRequest } from './types.ts';

let dir = '';
const path = (n = 0): string => join(dir, n === 0 ? 'json.log' : `json.log.${n}`);

beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), 'json-log-'));
});
afterEach(() => rmSync(dir, { recursive: true, force: true }));

/** As Docker writes it. */
const entry = (log: string, { stream = 'stdout', time = '2026-01-01T00:00:00.5Z' } = {}): string =>
  `${JSON.stringify({ log, stream, time })}\n`;
const lines = (from: number, to: number): string =>
  Array.from({ length: to - from }, (_, i) => entry(`line ${from + i}\n`)).join('');
const texts = (from: number, to: number): string =>
  Array.from({ length: to - from }, (_, i) => `line ${from + i}\n`).join('');

/** The newest file becomes the one before, as Docker does it. */
function rotate(): void {
  for (const n of [1, 0]) {
    try {
      renameSync(path(n), path(n + 1));
    } catch {
      // There was none yet.
    }
  }
  writeFileSync(path(), '');
}

const asked = (more: Partial<LogRequest> = {}): LogRequest => ({
  follow: false,
  timestamps: false,
  stdout: true,
  stderr: true,
  ...more,
});

async function read(more: Partial<LogRequest> = {}): Promise<string> {
  let text = '';
  for await (const chunk of jsonLog({ path: path(), files: 3 }, asked(more))) text += chunk.toString();
  return text;
}

describe('what is there', () => {
  test('is read from the oldest file to the newest', async () => {
    writeFileSync(path(2), lines(0, 3));
    writeFileSync(path(1), lines(3, 5));
    writeFileSync(path(), lines(5, 6));
    expect(await read()).toBe(texts(0, 6));
  });

  test.each([
    [0, 6, 6],
    [1, 6, 5],
    [2, 6, 4],
    [5, 6, 1],
    [6, 6, 0],
    [99, 6, 0],
  ])('the last %i lines, in whichever files they are', async (tail, end, from) => {
    writeFileSync(path(2), lines(0, 3));
    writeFileSync(path(1), lines(3, 5));
    writeFileSync(path(), lines(5, end));
    expect(await read({ tail })).toBe(texts(from, end));
  });

  test('the last lines of files that are larger than what is read at a time', async () => {
    writeFileSync(path(1), lines(0, 4000));
    writeFileSync(path(), lines(4000, 8000));
    expect(await read({ tail: 5001 })).toBe(texts(2999, 8000));
  });

  test('since a time, of one output', async () => {
    const at = (s: number): object => ({ time: `2026-01-01T00:00:0${s}.25Z` });
    writeFileSync(path(), entry('a\n', at(1)) + entry('b\n', { ...at(2), stream: 'stderr' }) + entry('c\n', at(3)));
    const since = Date.parse('2026-01-01T00:00:02Z') / 1000;
    expect(await read({ since })).toBe('b\nc\n');
    expect(await read({ since, stderr: false })).toBe('c\n');
    expect(await read({ stdout: false })).toBe('b\n');
  });

  test('times have a fixed width and stand at the beginning of lines, not of pieces of them', async () => {
    writeFileSync(path(), entry('long ') + entry('other\n', { stream: 'stderr' }) + entry('line\n') + entry('next\n'));
    const time = '2026-01-01T00:00:00.500000000Z';
    expect(await read({ timestamps: true })).toBe(`${time} long ${time} other\nline\n${time} next\n`);
  });

  test('what a power cut left of a line is passed over', async () => {
    writeFileSync(path(), `${entry('a\n')}{"log":"b\u0000\u0000\n${entry('c\n')}`);
    expect(await read()).toBe('a\nc\n');
  });

  test('takes what all its files take', async () => {
    writeFileSync(path(1), lines(0, 4));
    writeFileSync(path(), lines(4, 5));
    expect(await logSize({ path: path(), files: 3 })).toBe(lines(0, 5).length);
  });

  test('no log is no text, and takes nothing', async () => {
    expect(await read()).toBe('');
    expect(await logSize({ path: path(), files: 3 })).toBe(0);
  });
});

describe('a log that is followed', { timeout: 60_000 }, () => {
  /** A reader who takes the next chunk when he is told to. */
  function follow(more: Partial<LogRequest> = {}) {
    const writer = Promise.withResolvers<void>();
    let left = false;
    const ended = (signal: AbortSignal): Promise<void> => {
      signal.addEventListener('abort', () => {
        left = true;
      });
      return writer.promise;
    };
    const text = jsonLog({ path: path(), files: 3 }, asked({ follow: true, ...more }), { ended });
    const seen = { text: '', over: false };
    const all = async (): Promise<void> => {
      for await (const chunk of text) seen.text += chunk.toString();
      seen.over = true;
    };
    return { text, seen, all, end: writer.resolve, left: () => left };
  }

  test('shows what is written until the writer ends, to the last line', async () => {
    writeFileSync(path(), lines(0, 2));
    const f = follow({ tail: 1 });
    const reading = f.all();
    await vi.waitFor(() => expect(f.seen.text).toBe(texts(1, 2)), 50_000);
    const half = entry('line 2\n');
    appendFileSync(path(), half.slice(0, 9));
    appendFileSync(path(), half.slice(9));
    await vi.waitFor(() => expect(f.seen.text).toBe(texts(1, 3)), 50_000);
    appendFileSync(path(), lines(3, 5));
    f.end();
    await reading;
    expect(f.seen.text).toBe(texts(1, 5));
    expect(f.left()).toBe(true);
  });

  test('loses nothing when files are rotated, before and while the reader looks away', async () => {
    writeFileSync(path(), lines(0, 2));
    const f = follow();
    const first = await f.text.next();
    expect(String(first.value)).toBe(texts(0, 2));
    appendFileSync(path(), lines(2, 4));
    rotate();
    appendFileSync(path(), lines(4, 6));
    rotate();
    appendFileSync(path(), lines(6, 7));
    const reading = f.all();
    await vi.waitFor(() => expect(f.seen.text).toBe(texts(2, 7)), 50_000);
    rotate();
    appendFileSync(path(), lines(7, 8));
    await vi.waitFor(() => expect(f.seen.text).toBe(texts(2, 8)), 50_000);
    rotate();
    f.end();
    await reading;
    expect(f.seen.text).toBe(texts(2, 8));
  });

  test('goes on with what is left when the reader is too slow', async () => {
    writeFileSync(path(), lines(0, 1));
    const f = follow();
    await f.text.next();
    for (let n = 1; n < 6; n++) {
      rotate();
      appendFileSync(path(), lines(n, n + 1));
    }
    f.end();
    await f.all();
    expect(f.seen.text).toBe(texts(3, 6));
  });

  test('a reader who leaves takes everything along', async () => {
    writeFileSync(path(), lines(0, 1));
    const f = follow();
    await f.text.next();
    const waiting = f.text.next();
    const left = f.text.return(undefined);
    appendFileSync(path(), lines(1, 2));
    expect(String((await waiting).value)).toBe(texts(1, 2));
    await left;
    expect(f.left()).toBe(true);
  });
});
