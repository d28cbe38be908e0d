import { spawn } from 'node:child_process';
import { cpSync, mkdirSync, mkdtempSync, rmSync, symlinkSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { run } from '../../../deploy/run.ts';
import { repository } from '../../bed/layout.ts';

export interface Outcome {
  readonly code: number | null;
  /** What it printed on both channels. */
  readonly text: string;
}

/** A copy of this repository as a user has it after `git clone`, but for the libraries, which are borrowed. */
export interface Checkout {
  readonly dir: string;
  /** Runs a shell line there as a user would type it. @param options.until ends it when this shows. */
  sh(line: string, options?: { readonly timeoutMs?: number; readonly until?: RegExp }): Promise<Outcome>;
  remove(): void;
}

export async function freshCheckout(): Promise<Checkout> {
  const dir = mkdtempSync(join(tmpdir(), 'coxswain-checkout-'));
  const listed = await run('git', ['-C', repository, 'ls-files', '-z', '--cached', '--others', '--exclude-standard']);
  for (const file of listed.split('\0').filter(Boolean)) {
    mkdirSync(join(dir, dirname(file)), { recursive: true });
    cpSync(join(repository, file), join(dir, file), { force: true });
  }
  symlinkSync(join(repository, 'node_modules'), join(dir, 'node_modules'));
  return {
    dir,
    sh: (line, options) => sh(dir, line, options),
    remove: () => rmSync(dir, { recursive: true, maxRetries: 20, retryDelay: 100 }),
  };
}

function sh(dir: string, line: string, { timeoutMs = 120_000, until }: { timeoutMs?: number; until?: RegExp } = {}) {
  // The make around this test must not lend its variables to the one inside.
  const { MAKEFLAGS: _, MFLAGS: __, MAKELEVEL: ___, KUBECONFIG: ____, ...env } = process.env;
  const child = spawn('bash', ['-euo', 'pipefail', '-c', line], {
    cwd: dir,
    env,
    stdio: ['ignore', 'pipe', 'pipe'],
    detached: true,
  });
  const end = (signal: NodeJS.Signals): void => {
    try {
      if (child.pid) process.kill(-child.pid, signal);
    } catch {
      // It has ended.
    }
  };
  let text = '';
  const take = (chunk: Buffer): void => {
    text += chunk.toString();
    if (until?.test(text)) end('SIGKILL');
  };
  child.stdout.on('data', take);
  child.stderr.on('data', take);
  const limit = setTimeout(() => {
    text += `\n(ended after ${timeoutMs} ms)`;
    end('SIGKILL');
  }, timeoutMs);
  return new Promise<Outcome>((resolve, reject) => {
    child.on('error', reject);
    // Not "close": what `make up` leaves running may hold our pipes.
    child.on('exit', (code) => {
      clearTimeout(limit);
      setImmediate(() => resolve({ code, text }));
    });
  });
}
