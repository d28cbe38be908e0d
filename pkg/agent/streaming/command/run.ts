import type { Readable, Writable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import type { ProcessSession } from '../backend.ts';
import type { TerminalSize } from './resize.ts';
import { type CommandStatus, exitStatus, failureStatus } from './status.ts';

/** The channels of one remote command, whichever protocol carries them. Null: not asked for. */
export interface CommandChannels {
  /** Ends when the client closes it. */
  readonly stdin: Readable | null;
  readonly stdout: Writable | null;
  readonly stderr: Writable | null;
  /** Aborts when the connection is gone. */
  readonly signal: AbortSignal;
  /** At most one listener; sizes that came before are delivered at once. */
  onResize(listener: (size: TerminalSize) => void): void;
  /** Tells the client how it ended and closes the connection politely. Call once, after the outputs have ended. */
  finish(status: CommandStatus): void;
}

/**
 * Carries one command from its start to its end: both outputs to the client, stdin and resizes to the process, at last
 * the status. Never rejects. When the client leaves, the process session is aborted by the channels' signal and its
 * streams are destroyed.
 */
export async function runCommand(
  channels: CommandChannels,
  start: (signal: AbortSignal) => Promise<ProcessSession>,
): Promise<void> {
  let session: ProcessSession;
  try {
    session = await start(channels.signal);
  } catch (error) {
    channels.stdout?.end();
    channels.stderr?.end();
    channels.finish(failureStatus(error));
    return;
  }
  const release = () => {
    for (const stream of [session.stdin, session.stdout, session.stderr]) stream?.destroy();
  };
  channels.signal.addEventListener('abort', release, { once: true });
  if (channels.signal.aborted) release();
  session.stdin?.on('error', () => {});
  if (channels.stdin && session.stdin) feed(channels.stdin, session.stdin);
  else channels.stdin?.resume();
  channels.onResize((size) => void session.resize(size.columns, size.rows).catch(() => {}));
  const outputs = [copy(session.stdout, channels.stdout), copy(session.stderr, channels.stderr)];
  const status = await session.exitCode.then(exitStatus, failureStatus);
  await Promise.all(outputs);
  channels.signal.removeEventListener('abort', release);
  release();
  if (!channels.signal.aborted) channels.finish(status);
}

/** A broken output is no reason to fail: the exit code tells how the command ended. */
async function copy(from: Readable | null, to: Writable | null): Promise<void> {
  if (!to) {
    from?.on('error', () => {});
    from?.resume();
    return;
  }
  if (!from) {
    to.end();
    return;
  }
  await pipeline(from, to).catch(() => {});
}

/** Feeds stdin until the process stops reading; what comes after that is thrown away, so that the client never blocks. */
function feed(from: Readable, to: Writable): void {
  const discard = () => {
    from.unpipe(to);
    from.resume();
  };
  to.once('error', discard);
  to.once('close', discard);
  from.pipe(to);
}
