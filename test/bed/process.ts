import { type ChildProcess, spawn } from 'node:child_process';
import { closeSync, openSync, readFileSync, rmSync } from 'node:fs';
import { dirname } from 'node:path';
import { systemClock, type Timer } from '#async/clock.ts';

export interface ProcessSpec {
  readonly name: string;
  readonly command: string;
  readonly args: readonly string[];
  readonly env?: Readonly<Record<string, string>>;
  /** It listens there, works in that folder, and would not start while the socket of one that was killed is in its place. */
  readonly socket?: string;
  /** Output is appended here. */
  readonly logFile: string;
  /** The program is the child of a wrapper (nsenter): signals go to that child. */
  readonly wrapped?: boolean;
  /** Resolves when the process does its work. */
  readonly ready?: (signal: AbortSignal) => Promise<void>;
  /** Started again when it ends by itself, as a supervisor would: leaders that lost their lease end. */
  readonly supervised?: boolean;
}

/** A supervised process is started again after this. */
const AGAIN_MS = 1_000;
/** So often on its way to being ready. */
const MAX_STARTS = 3;

/** What SIGTERM did not end in this time is killed. */
const STOP_MS = 10_000;

/**
 * A process of the cluster under test. It cannot outlive the process that started it, however that one ends.
 */
export class ManagedProcess {
  readonly name: string;
  readonly logFile: string;
  private readonly spec: ProcessSpec;
  private child: ChildProcess | undefined;
  private exit: Promise<void> = Promise.resolve();
  /** It has done its work, and nobody has sent it a signal since. */
  private left = false;
  private again: Timer | undefined;

  constructor(spec: ProcessSpec) {
    this.spec = spec;
    this.name = spec.name;
    this.logFile = spec.logFile;
  }

  /** Starts it and waits until it is ready. @throws Error with the end of its log when it ended instead. */
  async start(): Promise<void> {
    await this.launch();
    await this.waitReady();
  }

  /** Starts it without waiting for readiness. */
  async launch(): Promise<void> {
    if (this.running) return;
    if (this.spec.socket) rmSync(this.spec.socket, { force: true });
    const log = openSync(this.logFile, 'a', 0o600);
    // The kernel kills the child when this process dies, even by SIGKILL: no test run leaves anything running.
    const child = spawn('setpriv', ['--pdeathsig', 'KILL', '--', this.spec.command, ...this.spec.args], {
      stdio: ['ignore', log, log],
      ...(this.spec.socket ? { cwd: dirname(this.spec.socket) } : {}),
      env: { ...process.env, ...this.spec.env },
    });
    closeSync(log);
    const { promise, resolve } = Promise.withResolvers<void>();
    const ended = (): void => {
      if (this.spec.supervised && this.left) this.again = systemClock.after(AGAIN_MS, () => void this.relaunch());
      resolve();
    };
    child.once('exit', ended);
    child.once('error', ended);
    this.child = child;
    this.exit = promise;
  }

  private async relaunch(): Promise<void> {
    await this.launch();
    this.left = true;
  }

  async waitReady(): Promise<void> {
    if (!this.spec.ready) return;
    const abort = new AbortController();
    const ended = this.endsForGood(abort.signal);
    try {
      await Promise.race([this.spec.ready(abort.signal), ended]);
      this.left = true;
    } catch (e) {
      throw new Error(`${(e as Error).message}\n${this.name} log:\n${this.logTail()}`, { cause: e });
    } finally {
      abort.abort();
      ended.catch(() => {});
    }
  }

  /** Rejects when it has ended before it was ready, a leader that lost its lease on the way: so for the last time. */
  private async endsForGood(ready: AbortSignal): Promise<void> {
    for (let starts = 1; ; starts++) {
      await this.exit;
      if (ready.aborted) return;
      if (!this.spec.supervised || starts === MAX_STARTS) {
        throw new Error(`${this.name} ended before it was ready:\n${this.logTail()}`);
      }
      await systemClock.sleep(AGAIN_MS);
      await this.launch();
    }
  }

  get running(): boolean {
    return (
      this.child !== undefined && this.child.exitCode === null && this.child.signalCode === null && !!this.child.pid
    );
  }

  /** The number of the program itself, as this machine sees it. */
  get pid(): number | undefined {
    if (!this.running) return undefined;
    const pid = this.child?.pid;
    return this.spec.wrapped && pid !== undefined ? onlyChild(pid) : pid;
  }

  /** The words it was started with. @throws Error when it does not run */
  get words(): readonly string[] {
    return readFileSync(`/proc/${this.pid}/cmdline`, 'utf8').split('\0').slice(0, -1);
  }

  /** Sends a signal; for one that ends the process, `exited` tells when. */
  signal(signal: NodeJS.Signals): void {
    this.leaveAlone();
    const pid = this.pid;
    if (pid === undefined) return;
    try {
      process.kill(pid, signal);
    } catch (e) {
      // The child of a wrapper may end just now, by itself.
      if ((e as NodeJS.ErrnoException).code !== 'ESRCH') throw e;
    }
  }

  /** Sends a signal and waits for the end. */
  async kill(signal: NodeJS.Signals = 'SIGKILL'): Promise<void> {
    this.signal(signal);
    await this.exit;
  }

  get exited(): Promise<void> {
    return this.exit;
  }

  /** SIGTERM, then SIGKILL. */
  async stop(): Promise<void> {
    this.leaveAlone();
    if (!this.running) return;
    const hard = systemClock.after(STOP_MS, () => {
      this.signal('SIGKILL');
      this.child?.kill('SIGKILL');
    });
    try {
      await this.kill('SIGTERM');
    } finally {
      hard.cancel();
    }
  }

  /** What a test does with it is the test's. */
  private leaveAlone(): void {
    this.left = false;
    this.again?.cancel();
  }

  async restart(): Promise<void> {
    await this.stop();
    await this.start();
  }

  logTail(lines = 20): string {
    try {
      return readFileSync(this.logFile, 'utf8').trimEnd().split('\n').slice(-lines).join('\n');
    } catch {
      return '(no log)';
    }
  }
}

/** The one child of a wrapper such as nsenter or unshare; undefined before it was forked. */
export function onlyChild(pid: number): number | undefined {
  try {
    const children = readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8').trim();
    return children ? Number(children.split(' ')[0]) : undefined;
  } catch {
    return undefined;
  }
}
