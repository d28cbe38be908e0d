import { spawn } from 'node:child_process';
import { cpSync, mkdirSync, mkdtempSync, rmSync, symlinkSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { run } from '../../../deploy/run.ts';
import { repository } from '../../bed/layout.ts';
import { programsOf, tmpOf } from '../../bed/machine/bare.ts';
import type { BedNode } from '../../bed/node.ts';

export interface Outcome {
  readonly code: number | null;
  /** What it printed on both channels. */
  readonly text: string;
}

/** A copy of this repository as a user of a bare machine has it after `git clone`, but for the libraries, which are borrowed. */
export interface Checkout {
  /** By this name on the machine outside, too. */
  readonly dir: string;
  /** Runs a shell line there as a user of the machine would type it. @param options.until ends it when this shows. */
  sh(line: string, options?: { readonly timeoutMs?: number; readonly until?: RegExp }): Promise<Outcome>;
  remove(): void;
}

/** @param machine a bare one. It takes its checkouts along when it goes. */
export async function freshCheckout(machine: BedNode): Promise<Checkout> {
  const dir = mkdtempSync(join(tmpOf(machine.dir), 'coxswain-checkout-'));
  const listed = await run('git', ['-C', repository, 'ls-files', '-z', '--cached', '--others', '--exclude-standard']);
  for (const file of listed.split('\0').filter(Boolean)) {
    mkdirSync(join(dir, dirname(file)), { recursive: true });
    cpSync(join(repository, file), join(dir, file), { force: true });
  }
  symlinkSync(join(repository, 'node_modules'), join(dir, 'node_modules'));
  return {
    dir,
    sh: (line, options) => sh(machine, [dir, line], options),
    remove: () => rmSync(dir, { recursive: true, maxRetries: 20, retryDelay: 100 }),
  };
}

/** What whoever runs the tests has set for another daemon, or another cluster, is not for the machine. */
function environment(machine: BedNode): NodeJS.ProcessEnv {
  // The make around this test must not lend its variables to the one inside.
  const { MAKEFLAGS: _, MFLAGS: __, MAKELEVEL: ___, KUBECONFIG: ____, ...env } = process.env;
  for (const name of Object.keys(env)) if (name.startsWith('DOCKER_')) delete env[name];
  return { ...env, PATH: `${programsOf(machine.dir)}:${env.PATH}`, TMPDIR: tmpOf(machine.dir) };
}

interface LineOptions {
  readonly timeoutMs?: number;
  readonly until?: RegExp;
}

function sh(machine: BedNode, [dir, line]: [string, string], { timeoutMs = 120_000, until }: LineOptions = {}) {
  const [program = '', ...enter] = machine.enter();
  // Process 1 of the machine has another folder.
  const there = ['bash', '-euo', 'pipefail', '-c', `cd ${dir}; ${line}`];
  const child = spawn(program, [...enter, ...there], {
    env: environment(machine),
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
