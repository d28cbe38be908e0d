import { destination, type Logger as PinoLogger, pino } from 'pino';

export type Logger = PinoLogger;

/**
 * JSON lines to standard error; `level` as in pino ("debug", "info", "warn", …). Written synchronously: the last line
 * before an exit is the one that matters, and components log little.
 */
export const createLogger = (level: string, name: string): Logger =>
  pino({ level, name, base: { pid: process.pid } }, destination({ fd: 2, sync: true }));

/** For tests and the CLI: says nothing. */
export const silentLogger: Logger = pino({ level: 'silent' });
