import { Command, InvalidArgumentError } from 'commander';
import { createLogger, type Logger } from './logger.ts';
import { versionInfo } from './version.ts';

/** A failure the user can mend: printed as one sentence, exit code 1. */
export class UserError extends Error {}

/** What a main function gets besides its flags. */
export interface MainContext {
  readonly logger: Logger;
  /** Aborts on SIGTERM or SIGINT. */
  readonly signal: AbortSignal;
  readonly featureGates: ReadonlyMap<string, boolean>;
}

const UNITS: Record<string, number> = { ms: 1, s: 1000, m: 60_000, h: 3_600_000 };

/** "15s", "1m30s", "250ms" → milliseconds. */
export function durationFlag(text: string): number {
  const parts = [...text.matchAll(/(\d+(?:\.\d+)?)(ms|s|m|h)/g)];
  if (parts.length === 0 || parts.map((p) => p[0]).join('') !== text) {
    throw new InvalidArgumentError('It must be a duration such as 15s or 1m30s.');
  }
  return parts.reduce((ms, p) => ms + Number(p[1]) * (UNITS[p[2] ?? ''] ?? 0), 0);
}

export function portFlag(text: string): number {
  const port = Number(text);
  if (!/^\d+$/.test(text) || port > 65_535) throw new InvalidArgumentError('It must be a port number, 0 to 65535.');
  return port;
}

export function intFlag(text: string): number {
  if (!/^\d+$/.test(text)) throw new InvalidArgumentError('It must be a whole number.');
  return Number(text);
}

/** "true"/"false", as in `--flag=false`. */
export function boolFlag(text: string): boolean {
  if (text !== 'true' && text !== 'false') throw new InvalidArgumentError('It must be true or false.');
  return text === 'true';
}

/** "a=b,c=d" → record. */
export function keyValuesFlag(text: string): Record<string, string> {
  const pairs = text
    .split(',')
    .filter(Boolean)
    .map((p) => p.split(/=(.*)/s, 2));
  if (pairs.some((p) => p.length < 2)) throw new InvalidArgumentError('It must be a list such as a=1,b=2.');
  return Object.fromEntries(pairs) as Record<string, string>;
}

function gatesFlag(text: string): Map<string, boolean> {
  return new Map(Object.entries(keyValuesFlag(text)).map(([k, v]) => [k, boolFlag(v)]));
}

/** One sentence for errors that are the user's to mend; undefined for the rest. */
function userSentence(e: unknown): string | undefined {
  if (e instanceof UserError) return e.message;
  const { code, address, port } = (e ?? {}) as { code?: string; address?: string; port?: number };
  if (code === 'EADDRINUSE')
    return `port ${port ?? ''} on ${address ?? ''} is in use by another program; choose another one or stop it`;
  if (code === 'EACCES' && port) return `port ${port} may not be opened by this user`;
  if (code === 'EADDRNOTAVAIL') return `${address ?? 'the address'} is not an address of this machine`;
  return undefined;
}

/**
 * The frame of every process: flags, logger, signals, and errors as one sentence. Sets the exit code and ends the process.
 * @param define declares the flags; @param run does the work until its signal aborts.
 */
export async function runMain<F>(
  name: string,
  define: (program: Command) => Command,
  run: (flags: F, context: MainContext) => Promise<void>,
): Promise<void> {
  const program = define(new Command(name))
    .version(versionInfo.gitVersion)
    .option('--log-level <level>', 'debug, info, warn or error', 'info')
    .option('--feature-gates <list>', 'switches such as Name=true,Other=false', gatesFlag, new Map())
    .allowExcessArguments(false)
    .configureOutput({ outputError: (text, write) => write(`${name}: ${text.replace(/^error: /, '')}`) });
  program.parse();
  const flags = program.opts<F & { logLevel: string; featureGates: Map<string, boolean> }>();
  const logger = createLogger(flags.logLevel, name);
  const abort = new AbortController();
  const stop = (signal: NodeJS.Signals): void => {
    if (abort.signal.aborted) process.exit(1);
    logger.info({ signal }, 'stopping');
    abort.abort(new Error(`stopped by ${signal}`));
  };
  process.on('SIGTERM', stop);
  process.on('SIGINT', stop);
  process.on('unhandledRejection', (err) => {
    logger.fatal({ err }, 'unexpected failure');
    process.exit(1);
  });
  try {
    await run(flags, { logger, signal: abort.signal, featureGates: flags.featureGates });
    process.exit(0);
  } catch (e) {
    if (abort.signal.aborted) process.exit(0);
    const sentence = userSentence(e);
    if (sentence) process.stderr.write(`${name}: ${sentence}\n`);
    else logger.fatal({ err: e }, 'failed');
    process.exit(1);
  }
}
