import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdtempSync, rmSync, symlinkSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type Exec, succeed, systemExec } from '#process/exec.ts';

/** Which rules the programs of iptables write: those of the kernel's older tables, behind one lock, or nftables'. */
export type IptablesKind = 'legacy' | 'nft';

const PROGRAMS = ['iptables', 'iptables-restore', 'iptables-save', 'ip6tables', 'ip6tables-restore', 'ip6tables-save'];

/**
 * A machine of its own, as far as rules go: a network namespace, and a mount namespace with its own /run, where iptables has its
 * lock. Whoever holds that one keeps nobody else waiting. It ends with the process that made it, however that one ends.
 */
export class OwnNetwork {
  readonly #holder: ChildProcess;
  /** Where iptables is of the kind that was asked for. */
  readonly #bin: string;

  private constructor(holder: ChildProcess, bin: string) {
    this.#holder = holder;
    this.#bin = bin;
  }

  static async create(kind: IptablesKind): Promise<OwnNetwork> {
    const bin = mkdtempSync(join(tmpdir(), 'coxswain-iptables-'));
    const of = ['/usr/sbin', '/sbin'].map((d) => join(d, `xtables-${kind}-multi`)).find(existsSync);
    if (of === undefined) throw new Error(`this machine has no iptables of kind ${kind}`);
    for (const name of PROGRAMS) symlinkSync(of, join(bin, name));
    const ready = 'mount -t tmpfs none /run && mkdir /run/netns && ip link set lo up && echo ready && exec cat';
    const words = ['--pdeathsig', 'KILL', '--', 'unshare', '--net', '--mount', 'sh', '-c', ready];
    const holder = spawn('setpriv', words, { stdio: ['pipe', 'pipe', 'inherit'] });
    // At its end nothing comes, and what is asked of it next fails.
    await Promise.race([once(holder.stdout, 'data'), once(holder, 'exit'), once(holder, 'error')]);
    return new OwnNetwork(holder, bin);
  }

  /** Words that make a program run here. */
  get #here(): string[] {
    return ['--target', `${this.#holder.pid}`, '--net', '--mount', '--'];
  }

  get #env(): { readonly PATH: string } {
    return { PATH: `${this.#bin}:${process.env.PATH}` };
  }

  /** Runs programs here. */
  readonly exec: Exec = (command, args, options) =>
    systemExec('nsenter', [...this.#here, command, ...args], { ...options, env: { ...options?.env, ...this.#env } });

  /** Runs lines of the shell here. @returns what they print. @throws Error with what they say of their failure */
  sh(script: string): Promise<string> {
    return succeed(this.exec, 'sh', ['-ec', script]);
  }

  /** Starts a program here that goes on; it ends with the process that started it. */
  start(command: string, args: readonly string[]): ChildProcess {
    const words = ['--pdeathsig', 'KILL', '--', 'nsenter', ...this.#here, command, ...args];
    return spawn('setpriv', words, {
      stdio: ['ignore', 'pipe', 'inherit'],
      env: { ...process.env, ...this.#env },
    });
  }

  async end(): Promise<void> {
    const ended = once(this.#holder, 'exit');
    this.#holder.kill('SIGKILL');
    await ended;
    rmSync(this.#bin, { recursive: true, force: true });
  }
}
