import { type ChildProcessWithoutNullStreams, spawn } from 'node:child_process';
import { constants } from 'node:os';
import { systemClock } from '#async/clock.ts';

export interface ExecOptions {
  readonly input?: string | Buffer;
  /** Default 30 s; then SIGKILL. */
  readonly timeoutMs?: number;
  readonly signal?: AbortSignal;
  /** Added to the environment of this process. */
  readonly env?: Readonly<Record<string, string>>;
  /** Output beyond this is an error; default 64 MiB. */
  readonly maxOutputBytes?: number;
}

export interface ExecResult {
  /** Exit code; 128 + n when a signal ended it. */
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

/**
 * Runs a program without a shell. A non-zero code is a result, not an error.
 * @throws Error when the program could not be started or did not come to its own end (timeout, too much output), and the
 * signal's reason when it was aborted.
 */
export type Exec = (command: string, args: readonly string[], options?: ExecOptions) => Promise<ExecResult>;

/** What a program says of its failure is told up to this length, characters. */
const MAX_REASON = 500;

/** Runs a program that has to succeed. @returns what it printed. @throws Error with its line and what it said */
export async function succeed(
  exec: Exec,
  command: string,
  args: readonly string[],
  options?: ExecOptions,
): Promise<string> {
  const { code, stdout, stderr } = await exec(command, args, options);
  if (code !== 0) throw new Error(`${command} ${args.join(' ')}: ${stderr.trim().slice(0, MAX_REASON)}`);
  return stdout;
}

const DEFAULT_TIMEOUT_MS = 30_000;
const DEFAULT_MAX_OUTPUT = 64 << 20;

/** Runs programs of this machine. */
export const systemExec: Exec = async (command, args, options = {}) => {
  options.signal?.throwIfAborted();
  const child = start(command, args, options.env);
  const { promise, resolve, reject } = Promise.withResolvers<ExecResult>();
  // Ends the wait as well as the program: a grandchild may keep the pipes open long after.
  const kill = (reason: unknown): void => {
    child.kill('SIGKILL');
    child.stdout.destroy();
    child.stderr.destroy();
    reject(reason);
  };
  const output = collect(child, options.maxOutputBytes ?? DEFAULT_MAX_OUTPUT, (max) =>
    kill(new Error(`${describe(command, args)} printed more than ${max} bytes`)),
  );
  const timeoutMs = options.timeoutMs ?? DEFAULT_TIMEOUT_MS;
  const timer = systemClock.after(timeoutMs, () =>
    kill(new Error(`${describe(command, args)} did not end within ${timeoutMs} ms`)),
  );
  const onAbort = (): void => kill(options.signal?.reason);
  options.signal?.addEventListener('abort', onAbort, { once: true });
  child.on('error', (e) => reject(startError(command, e)));
  child.on('close', (code, signal) => resolve({ code: code ?? signalCode(signal), ...output() }));
  // A program that does not read its input closes the pipe: that is its right.
  child.stdin.on('error', () => {});
  child.stdin.end(options.input);
  try {
    return await promise;
  } finally {
    timer.cancel();
    options.signal?.removeEventListener('abort', onAbort);
  }
};

function start(command: string, args: readonly string[], env: ExecOptions['env']): ChildProcessWithoutNullStreams {
  try {
    return spawn(command, args, { stdio: 'pipe', ...(env ? { env: { ...process.env, ...env } } : {}) });
  } catch (e) {
    throw startError(command, e);
  }
}

function collect(
  child: ChildProcessWithoutNullStreams,
  max: number,
  tooMuch: (max: number) => void,
): () => { stdout: string; stderr: string } {
  const output: Record<'stdout' | 'stderr', Buffer[]> = { stdout: [], stderr: [] };
  let size = 0;
  for (const stream of ['stdout', 'stderr'] as const) {
    child[stream].on('data', (chunk: Buffer) => {
      size += chunk.length;
      if (size > max) tooMuch(max);
      else output[stream].push(chunk);
    });
  }
  return () => ({
    stdout: Buffer.concat(output.stdout).toString(),
    stderr: Buffer.concat(output.stderr).toString(),
  });
}

const describe = (command: string, args: readonly string[]): string => [command, ...args.slice(0, 4)].join(' ');

const signalCode = (signal: NodeJS.Signals | null): number => 128 + (signal ? constants.signals[signal] : 0);

const START_FAILURES: Readonly<Record<string, string>> = {
  ENOENT: 'is not installed',
  EACCES: 'may not be run by this user',
  EAGAIN: 'could not be started: too many processes',
  E2BIG: 'could not be started: its arguments are too long',
};

function startError(command: string, e: unknown): Error {
  const { code = '', message } = e as NodeJS.ErrnoException;
  return new Error(`${command} ${START_FAILURES[code] ?? `could not be started: ${message}`}`, { cause: e });
}
