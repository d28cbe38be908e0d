import { spawn } from 'node:child_process';

export interface ExecOptions {
  readonly input?: string | Buffer;
  /** Default 30 s; then SIGKILL. */
  readonly timeoutMs?: number;
  readonly signal?: AbortSignal;
  /** Output beyond this is an error; default 64 MiB. */
  readonly maxOutputBytes?: number;
}

export interface ExecResult {
  /** Exit code; 128 + n when a signal ended it. */
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

/** Runs a program without a shell. Rejects only when it could not be run to its end; a non-zero code is a result. */
export type Exec = (command: string, args: readonly string[], options?: ExecOptions) => Promise<ExecResult>;

const DEFAULT_TIMEOUT_MS = 30_000;
const DEFAULT_MAX_OUTPUT = 64 << 20;

export const systemExec: Exec = (command, args, options = {}) =>
  new Promise((resolve, reject) => {
    const child = spawn(command, args, {
      stdio: ['pipe', 'pipe', 'pipe'],
      timeout: options.timeoutMs ?? DEFAULT_TIMEOUT_MS,
      killSignal: 'SIGKILL',
      ...(options.signal ? { signal: options.signal } : {}),
    });
    const output: Record<'stdout' | 'stderr', Buffer[]> = { stdout: [], stderr: [] };
    let size = 0;
    const collect = (stream: 'stdout' | 'stderr') => (chunk: Buffer) => {
      size += chunk.length;
      if (size > (options.maxOutputBytes ?? DEFAULT_MAX_OUTPUT)) {
        child.kill('SIGKILL');
        reject(new Error(`${command} printed more than ${options.maxOutputBytes ?? DEFAULT_MAX_OUTPUT} bytes`));
      } else output[stream].push(chunk);
    };
    child.stdout.on('data', collect('stdout'));
    child.stderr.on('data', collect('stderr'));
    child.on('error', (e: NodeJS.ErrnoException) =>
      reject(e.code === 'ENOENT' ? new Error(`${command} is not installed`, { cause: e }) : e),
    );
    child.on('close', (code, signal) => {
      if (code === null) reject(new Error(`${command} ${args.slice(0, 4).join(' ')} was ended by ${signal}`));
      else
        resolve({
          code,
          stdout: Buffer.concat(output.stdout).toString(),
          stderr: Buffer.concat(output.stderr).toString(),
        });
    });
    // A program that does not read its input closes the pipe: that is its right.
    child.stdin.on('error', () => {});
    child.stdin.end(options.input);
  });
