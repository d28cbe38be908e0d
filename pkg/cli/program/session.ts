import type { Command } from 'commander';
import { type CliContext, type GlobalOptions, openContext } from '../context.ts';

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
      this.exitCode = 130;
      this.#abort.abort();
    });
    process.once('SIGTERM', () => this.#abort.abort());
    // A reader such as `head` that has seen enough ends us quietly.
    process.stdout.on('error', () => process.exit(0));
  }

  get signal(): AbortSignal {
    return this.#abort.signal;
  }

  readonly out = (text: string): void => void process.stdout.write(text);
  readonly err = (text: string): void => void process.stderr.write(text);

  async context(options: GlobalOptions): Promise<CliContext> {
    this.#context ??= await openContext(options, { out: this.out, err: this.err, signal: this.signal });
    return this.#context;
  }

  /** Makes `work` what `command` does; a number it returns is the exit code. */
  action<O>(
    command: Command,
    work: (ctx: CliContext, args: string[], options: O) => Promise<number> | Promise<void>,
  ): Command {
    return command.action(async () => {
      const options = command.optsWithGlobals<O & GlobalOptions>();
      const code = await work(await this.context(options), command.args, options);
      if (typeof code === 'number') this.exitCode = code;
    });
  }

  close(): void {
    this.#context?.rest.close();
  }
}
