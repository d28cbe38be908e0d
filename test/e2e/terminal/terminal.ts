import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { waitFor } from '../../bed/wait.ts';
import type { Side } from '../parity/compare.ts';

const ROWS = 30;
const COLUMNS = 120;
/** Stands for the escape character, which is no good in patterns. */
const ESCAPE = '␛';

/** A shell line on a terminal of its own (script(1) of util-linux makes it), at which somebody types. */
export class Terminal {
  readonly #child: ChildProcess;
  readonly #closed: Promise<unknown>;
  #raw = '';
  #text = '';
  #read = 0;

  /** @param line as `runLine` takes it. */
  constructor(side: Side, line: string, env: Readonly<Record<string, string>> = {}) {
    const script = `k() { "${side.program}" -n "$NS" "$@"; }; stty rows ${ROWS} cols ${COLUMNS}; ${line}`;
    this.#child = spawn('script', ['-qfec', script, '/dev/null'], {
      cwd: side.folder,
      stdio: ['pipe', 'pipe', 'inherit'],
      env: {
        ...process.env,
        SHELL: '/bin/sh',
        TERM: 'xterm',
        NS: side.namespace,
        PROGRAM: side.program,
        KUBECONFIG: side.kubeconfig,
        HOME: side.folder,
        ...env,
      },
    });
    this.#closed = once(this.#child, 'close');
    this.#child.stdout?.on('data', (c: Buffer) => {
      this.#raw += c.toString();
      // The ends of lines as the program wrote them: both terminals, this one and a container's, add their own.
      this.#text = this.#raw.replaceAll('\u001b', ESCAPE).replace(/\r+(?=\n|$)/g, '');
    });
  }

  /** Everything that was shown, with ESCAPE for the beginning of control sequences. */
  get text(): string {
    return this.#text;
  }

  type(keys: string): void {
    this.#child.stdin?.write(keys);
  }

  /** Waits until what was shown since the last call matches. @returns the match */
  async sees(wanted: RegExp, timeoutMs = 60_000): Promise<RegExpExecArray> {
    let found: RegExpExecArray | null = null;
    const look = waitFor(
      `${wanted}`,
      () => {
        found = wanted.exec(this.#text.slice(this.#read));
        return found !== null;
      },
      { timeoutMs },
    );
    await look.catch((e: Error) => {
      throw new Error(`${e.message}; seen: ${JSON.stringify(this.#text.slice(this.#read))}`);
    });
    const match = found as unknown as RegExpExecArray;
    this.#read += match.index + match[0].length;
    return match;
  }

  /** Waits for its end. @returns the exit code */
  async ended(): Promise<number> {
    await this.#closed;
    return this.#child.exitCode ?? 1;
  }

  /** Ends it, if it has not. */
  async close(): Promise<void> {
    this.#child.kill('SIGTERM');
    this.#child.stdin?.end();
    await this.#closed;
  }
}

/** ctrl-C */
export const INTERRUPT = '\u0003';
