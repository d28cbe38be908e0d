import { Command, type Option } from 'commander';
import { systemClock } from '#async/clock.ts';
import { durationFlag, durationText, gatesFlag, logLevelFlag } from './flags.ts';
import { createLogger, type Logger } from './logger.ts';
import { userSentence } from './user-error.ts';
import { versionInfo } from './version.ts';

export * from './flags.ts';
export { UserError } from './user-error.ts';

/** What a main function gets besides its flags. */
export interface MainContext {
  readonly logger: Logger;
  /** Aborts on SIGTERM or SIGINT. */
  readonly signal: AbortSignal;
  readonly featureGates: ReadonlyMap<string, boolean>;
  /** Grants the process so many milliseconds more than usual to end after a signal. */
  readonly needsToStop: (ms: number) => void;
}

interface CommonFlags {
  readonly logLevel: string;
  readonly featureGates: Map<string, boolean>;
}

/** A process that has not ended this long after SIGTERM ends hard: its supervisor would kill it anyway. */
const SHUTDOWN_MS = 60_000;

/**
 * The frame of every process: flags, logger, signals, and errors as one sentence. Sets the exit code and ends the process:
 * 0 when `run` ended or was stopped by a signal, 1 otherwise. A second signal ends it at once.
 * @param define declares the flags; @param run does the work until its signal aborts.
 */
export async function runMain<F>(
  name: string,
  define: (program: Command) => Command,
  run: (flags: F, context: MainContext) => Promise<void>,
): Promise<void> {
  const program = frame(name, define);
  refuseUnknownOptions(program);
  program.parse();
  const flags = program.opts<F & CommonFlags>();
  const logger = createLogger(flags.logLevel, name);
  const stopping = { limitMs: SHUTDOWN_MS };
  const signal = stopSignal(logger, stopping);
  for (const event of ['unhandledRejection', 'uncaughtException'] as const) {
    process.on(event, (err: unknown) => {
      logger.fatal({ err }, 'unexpected failure');
      process.exit(1);
    });
  }
  try {
    const needsToStop = (ms: number): void => {
      stopping.limitMs = SHUTDOWN_MS + ms;
    };
    await run(flags, { logger, signal, featureGates: flags.featureGates, needsToStop });
  } catch (e) {
    if (!signal.aborted) process.exit(report(e, name, logger));
    if (e !== signal.reason) logger.debug({ err: e }, 'stopped in the middle of something');
  }
  process.exit(0);
}

/** The default of a flag as one would write it on the command line. */
function defaultAsWritten({ defaultValue, parseArg }: Option): string {
  if (parseArg === durationFlag) return durationText(defaultValue as number);
  if (typeof defaultValue !== 'object') return String(defaultValue) || 'empty';
  const pairs = defaultValue instanceof Map ? [...defaultValue] : Object.entries(defaultValue as object);
  return (Array.isArray(defaultValue) ? defaultValue : pairs.map((p) => p.join('='))).join(',') || 'empty';
}

function frame(name: string, define: (program: Command) => Command): Command {
  const program = define(new Command(name))
    .version(versionInfo.gitVersion)
    .option('--log-level <level>', 'trace, debug, info, warn, error, fatal or silent', logLevelFlag, 'info')
    .option('--feature-gates <list>', 'switches such as Name=true,Other=false', gatesFlag, new Map())
    .allowExcessArguments(false)
    .configureOutput({
      outputError: (text, write) =>
        write(
          `${name}: ${text
            .replace(/^error: /, '')
            .trim()
            .replaceAll('\n', ' ')}\n`,
        ),
    });
  for (const option of program.options) option.defaultValueDescription = defaultAsWritten(option);
  return program;
}

/** Commander would first ask for required options: whoever mistypes one should hear of the typing error. */
function refuseUnknownOptions(program: Command): void {
  const { unknown } = program.parseOptions(process.argv.slice(2));
  const first = unknown.find((word) => word.startsWith('-') && !['-h', '--help'].includes(word));
  if (first) program.error(`error: unknown option '${first.replace(/=.*/s, '')}'`);
}

function stopSignal(logger: Logger, stopping: { readonly limitMs: number }): AbortSignal {
  const abort = new AbortController();
  const stop = (signal: NodeJS.Signals): void => {
    if (abort.signal.aborted) process.exit(1);
    logger.info({ signal }, 'stopping');
    const tooLong = (): void => {
      logger.error({ afterMs: stopping.limitMs }, 'did not stop in time');
      process.exit(1);
    };
    systemClock.after(stopping.limitMs, tooLong, { unref: true });
    abort.abort(new Error(`stopped by ${signal}`));
  };
  process.on('SIGTERM', stop);
  process.on('SIGINT', stop);
  return abort.signal;
}

/** @returns the exit code. */
function report(e: unknown, name: string, logger: Logger): number {
  const sentence = userSentence(e);
  if (sentence) process.stderr.write(`${name}: ${sentence}\n`);
  else logger.fatal({ err: e }, 'failed');
  return 1;
}
