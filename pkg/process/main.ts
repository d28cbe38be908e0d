import { Command } from 'commander';
import { systemClock } from '#async/clock.ts';
import { gatesFlag, logLevelFlag } from './flags.ts';
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
  program.parse();
  const flags = program.opts<F & CommonFlags>();
  const logger = createLogger(flags.logLevel, name);
  const signal = stopSignal(logger);
  for (const event of ['unhandledRejection', 'uncaughtException'] as const) {
    process.on(event, (err: unknown) => {
      logger.fatal({ err }, 'unexpected failure');
      process.exit(1);
    });
  }
  try {
    await run(flags, { logger, signal, featureGates: flags.featureGates });
  } catch (e) {
    if (!signal.aborted) process.exit(report(e, name, logger));
    if (e !== signal.reason) logger.debug({ err: e }, 'stopped in the middle of something');
  }
  process.exit(0);
}

function frame(name: string, define: (program: Command) => Command): Command {
  return define(new Command(name))
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
}

function stopSignal(logger: Logger): AbortSignal {
  const abort = new AbortController();
  const stop = (signal: NodeJS.Signals): void => {
    if (abort.signal.aborted) process.exit(1);
    logger.info({ signal }, 'stopping');
    const tooLong = (): void => {
      logger.error({ afterMs: SHUTDOWN_MS }, 'did not stop in time');
      process.exit(1);
    };
    systemClock.after(SHUTDOWN_MS, tooLong, { unref: true });
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
