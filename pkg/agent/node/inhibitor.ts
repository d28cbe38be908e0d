import { type ChildProcess, spawn } from 'node:child_process';
import { createInterface } from 'node:readline';
import type { Logger } from '#process/logger.ts';

/** A program of the node and its arguments, as this process has to call it. */
export type NodeCommand = (program: string, args: readonly string[]) => readonly [string, readonly string[]];

export interface InhibitorDeps {
  readonly logger: Logger;
  /** How a program of the node is called, wherever this process is. */
  readonly command: NodeCommand;
  /** Called when the machine is about to go down; what it does is waited for. */
  readonly goesDown: () => Promise<void>;
}

const MATCH =
  "type='signal',interface='org.freedesktop.login1.Manager',member='PrepareForShutdown',path='/org/freedesktop/login1'";
const WHO = ['--what=shutdown', '--mode=delay', '--who=coxswain', '--why=pods are being ended'];

/** Whether a line of `busctl monitor` says that the machine goes down (rather than that it was called off). Pure. */
export function saysShutdown(line: string): boolean {
  try {
    const { member, payload } = JSON.parse(line) as { member?: string; payload?: { data?: unknown[] } };
    return member === 'PrepareForShutdown' && payload?.data?.[0] === true;
  } catch {
    return false;
  }
}

/**
 * Holds the machine's end back until pods have ended ("Node Shutdowns"): a delay lock of systemd-logind, given back when they
 * have, or when logind waits no longer (InhibitDelayMaxSec). Where there is no logind the agent is only told by SIGTERM.
 */
export class ShutdownInhibitor {
  readonly #d: InhibitorDeps;
  #lock: ChildProcess | undefined;
  #monitor: ChildProcess | undefined;
  #closed = false;

  constructor(deps: InhibitorDeps) {
    this.#d = deps;
  }

  start(): void {
    this.#monitor = this.#child('busctl', ['--system', '--json=short', 'monitor', '--match', MATCH], 'pipe');
    this.#lock = this.#child('systemd-inhibit', [...WHO, 'cat'], 'ignore');
    const { stdout } = this.#monitor;
    if (!stdout) return;
    createInterface({ input: stdout }).on('line', (line) => {
      if (!saysShutdown(line)) return;
      const { logger, goesDown } = this.#d;
      logger.info('the machine is about to go down');
      goesDown()
        .catch((err: unknown) => logger.error({ err }, 'the pods could not be ended'))
        .finally(() => this.close());
    });
  }

  #child(program: string, args: readonly string[], stdout: 'pipe' | 'ignore'): ChildProcess {
    const { logger, command } = this.#d;
    // What reads our pipe ends with us, however we end.
    const child = spawn(...command(program, args), { stdio: ['pipe', stdout, 'ignore'] });
    child.on('error', (err) =>
      logger.info({ program, why: err.message }, 'no lock of logind: the end of the machine is not held back'),
    );
    child.on('exit', (code) => {
      if (code && !this.#closed)
        logger.info({ program, code }, 'no lock of logind: the end of the machine is not held back');
    });
    return child;
  }

  /** Gives the lock back. */
  close(): void {
    this.#closed = true;
    for (const child of [this.#lock, this.#monitor]) child?.kill('SIGTERM');
  }
}
