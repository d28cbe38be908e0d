import type { ChildProcess } from 'node:child_process';
import type { Command } from 'commander';
import type { CliContext, GlobalOptions } from '../context.ts';
import { CliError } from '../errors.ts';
import { withTemplate } from '../output/template-flag.ts';

const DRY_RUNS = new Set(['none', 'server', 'client']);
const VALIDATIONS = new Set(['strict', 'true', 'warn', 'ignore', 'false']);

/** Words that many commands take: a mistyped one must not mean "really". @throws CliError in kubectl's words */
function refuseUnknownWords({ dryRun = 'none', validate = 'strict' }: { dryRun?: string; validate?: string }): void {
  if (!DRY_RUNS.has(dryRun))
    throw new CliError(`Invalid dry-run value (${dryRun}). Must be "none", "server", or "client".`);
  if (!VALIDATIONS.has(validate))
    throw new CliError(
      `invalid - validate option "${validate}"; must be one of: strict (or true), warn, ignore (or false)`,
    );
}

/** A flag of the command above, such as -f of `create`, means nothing to `create configmap`: it must not seem to. @throws CliError */
function refuseForeign(command: Command): void {
  for (let above = command.parent; above?.parent; above = above.parent) {
    for (const o of above.options) {
      const key = o.attributeName();
      const own = command.options.some((c) => c.attributeName() === key);
      if (!own && above.getOptionValueSource(key) === 'cli')
        throw new CliError(`${above.name()} ${command.name()} takes no ${o.long ?? o.short}`);
    }
  }
}

/** What ends a command from outside, and the number that shells tell it by. */
const SIGNALS = { SIGHUP: 1, SIGINT: 2, SIGTERM: 15 } as const;
type Signal = keyof typeof SIGNALS;
/** Added to the number of the signal that a program died of: 130 after Ctrl-C. */
const DIED = 128;
/** What programs die of whose reader is gone. Node ignores it, and says so by an error. */
const SIGPIPE = 13;

/** One run of the program: its streams, its end, and the connection of the command that is chosen. */
export class Session {
  /** What stood after "--". */
  readonly command: readonly string[];
  exitCode = 0;
  readonly #abort = new AbortController();
  #died: Signal | undefined;
  #context: CliContext | undefined;

  constructor(command: readonly string[]) {
    this.command = command;
    for (const name of Object.keys(SIGNALS) as Signal[]) process.on(name, this.#onSignal);
    // A reader such as `head` that has seen enough ends us quietly.
    process.stdout.on('error', this.#onDeaf);
  }

  readonly #onSignal = (name: Signal): void => {
    // Who asks twice does not want to wait for anything. Leaving this way puts the terminal back as it was.
    if (this.#died !== undefined) process.exit(DIED + SIGNALS[name]);
    this.#died = name;
    this.#end(DIED + SIGNALS[name]);
  };

  readonly #onDeaf = (): void => {
    if (!this.signal.aborted) this.#end(DIED + SIGPIPE);
  };

  #end(exitCode: number): void {
    this.exitCode = exitCode;
    // That nobody reads may be heard when the command is over already.
    process.exitCode = exitCode;
    this.#abort.abort();
  }

  get signal(): AbortSignal {
    return this.#abort.signal;
  }

  /** The connection, once there is one. */
  get opened(): CliContext | undefined {
    return this.#context;
  }

  readonly out = (text: string): void => void process.stdout.write(text);
  readonly err = (text: string): void => {
    // Not before it is written to: making it takes a while.
    if (process.stderr.listenerCount('error', this.#onDeaf) === 0) process.stderr.on('error', this.#onDeaf);
    process.stderr.write(text);
  };

  async context(options: GlobalOptions): Promise<CliContext> {
    if (this.#context) return this.#context;
    // What connects is loaded by those who do.
    const { openContext } = await import('../context.ts');
    this.#context = await openContext(options, { out: this.out, err: this.err, signal: this.signal });
    return this.#context;
  }

  /** Makes `work` what `command` does; a number it returns is the exit code. */
  action<O>(
    command: Command,
    work: (ctx: CliContext, args: string[], options: O) => Promise<number> | Promise<void>,
  ): Command {
    return command.action(async () => {
      refuseForeign(command);
      const options = withTemplate(command.optsWithGlobals<O & GlobalOptions>());
      refuseUnknownWords(options as { dryRun?: string; validate?: string });
      const ctx = await this.context(options);
      const code = await work(ctx, command.args, options);
      const warned = options.warningsAsErrors ? ctx.warnings() : 0;
      if (warned > 0) throw new CliError(`${warned} ${warned === 1 ? 'warning' : 'warnings'} received`);
      this.#finish(code);
    });
  }

  /** Makes `work` what `command` does, for commands that need no cluster. */
  local<O>(
    command: Command,
    work: (args: string[], options: O & GlobalOptions) => Promise<number> | Promise<void>,
  ): Command {
    return command.action(async () => {
      const code = await work(command.args, command.optsWithGlobals<O & GlobalOptions>());
      this.#finish(code);
    });
  }

  /** What was interrupted has not succeeded, and not failed either. */
  #finish(code: unknown): void {
    if (typeof code === 'number' && !this.signal.aborted) this.exitCode = code;
  }

  /** Leaves to a program that runs in our place what signals mean. Those of a terminal reach it anyway, others are passed on. */
  yieldTo(program: ChildProcess): void {
    this.#silence();
    process.on('SIGINT', () => undefined);
    process.on('SIGTERM', () => program.kill());
  }

  #silence(): void {
    for (const name of Object.keys(SIGNALS) as Signal[]) process.off(name, this.#onSignal);
  }

  /** Ends all connections; and the program, if a signal has ended the command. */
  close(): void {
    this.#context?.close();
    this.#silence();
    // A shell stops its script when a program dies of Ctrl-C, not when it merely ends with the exit code of that.
    if (this.#died) process.kill(process.pid, this.#died);
    // Nothing that is left half-read may keep us.
    if (this.signal.aborted) process.exit(this.exitCode);
  }
}
