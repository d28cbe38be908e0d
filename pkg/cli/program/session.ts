import type { Command } from 'commander';
import type { CliContext, GlobalOptions } from '../context.ts';
import { CliError } from '../errors.ts';
import { INTERRUPTED } from '../interrupted.ts';
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

/** One run of the program: its streams, its end, and the connection of the command that is chosen. */
export class Session {
  /** What stood after "--". */
  readonly command: readonly string[];
  exitCode = 0;
  readonly #abort = new AbortController();
  #context: CliContext | undefined;

  constructor(command: readonly string[]) {
    this.command = command;
    process.once('SIGINT', () => {
      this.exitCode = INTERRUPTED;
      this.#abort.abort();
    });
    process.once('SIGTERM', () => this.#abort.abort());
    // A reader such as `head` that has seen enough ends us quietly.
    process.stdout.on('error', () => process.exit(0));
  }

  get signal(): AbortSignal {
    return this.#abort.signal;
  }

  /** The connection, once there is one. */
  get opened(): CliContext | undefined {
    return this.#context;
  }

  readonly out = (text: string): void => void process.stdout.write(text);
  readonly err = (text: string): void => void process.stderr.write(text);

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
      const options = withTemplate(command.optsWithGlobals<O & GlobalOptions>());
      refuseUnknownWords(options as { dryRun?: string; validate?: string });
      const ctx = await this.context(options);
      const code = await work(ctx, command.args, options);
      const warned = options.warningsAsErrors ? ctx.warnings() : 0;
      if (warned > 0) throw new CliError(`${warned} ${warned === 1 ? 'warning' : 'warnings'} received`);
      // What was interrupted has not succeeded.
      if (typeof code === 'number' && !(this.signal.aborted && code === 0)) this.exitCode = code;
    });
  }

  /** Makes `work` what `command` does, for commands that need no cluster. */
  local<O>(
    command: Command,
    work: (args: string[], options: O & GlobalOptions) => Promise<number> | Promise<void>,
  ): Command {
    return command.action(async () => {
      const code = await work(command.args, command.optsWithGlobals<O & GlobalOptions>());
      if (typeof code === 'number') this.exitCode = code;
    });
  }

  close(): void {
    this.#context?.close();
  }
}
