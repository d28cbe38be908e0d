import type { SpdySession } from '#spdy/session.ts';
import type { SpdyStream } from '#spdy/stream.ts';
import type { StreamWishes } from '../backend.ts';
import { ResizeDecoder, type TerminalSize } from './resize.ts';
import type { CommandChannels } from './run.ts';
import { encodeStatus } from './status.ts';

/** Sub-protocols over SPDY, by the name in X-Stream-Protocol-Version; the value is their version. */
export const SPDY_COMMAND_PROTOCOLS: ReadonlyMap<string, number> = new Map([
  ['v4.channel.k8s.io', 4],
  ['v3.channel.k8s.io', 3],
  ['v2.channel.k8s.io', 2],
  ['channel.k8s.io', 1],
]);

type Kind = 'error' | 'stdin' | 'stdout' | 'stderr' | 'resize';

/** Collects the streams a client opens for one command until the expected ones are there. */
export class SpdyCommandStreams {
  readonly #expected: ReadonlySet<string>;
  readonly #found = new Map<string, SpdyStream>();
  readonly #complete = Promise.withResolvers<void>();

  constructor(wishes: StreamWishes, version: number) {
    const kinds: (Kind | false)[] = [
      'error',
      wishes.stdin && 'stdin',
      wishes.stdout && 'stdout',
      wishes.stderr && 'stderr',
      wishes.tty && version >= 3 && 'resize',
    ];
    this.#expected = new Set(kinds.filter((kind) => kind !== false));
  }

  /** Give this to the session as `onStream`. */
  readonly accept = (stream: SpdyStream): void => {
    const kind = stream.headers.streamtype ?? '';
    if (!this.#expected.has(kind) || this.#found.has(kind)) {
      stream.destroy();
      return;
    }
    // Only stdin and resize carry anything towards us.
    if (kind !== 'stdin' && kind !== 'resize') stream.resume();
    this.#found.set(kind, stream);
    if (this.#found.size === this.#expected.size) this.#complete.resolve();
  };

  /** Resolves when all are there. */
  get complete(): Promise<void> {
    return this.#complete.promise;
  }

  get(kind: Kind): SpdyStream | null {
    return this.#found.get(kind) ?? null;
  }
}

/** The channels of a command whose streams are complete. */
export function spdyChannels(session: SpdySession, streams: SpdyCommandStreams, version: number): CommandChannels {
  const resize = streams.get('resize');
  return {
    stdin: streams.get('stdin'),
    stdout: streams.get('stdout'),
    stderr: streams.get('stderr'),
    signal: session.signal,
    onResize(listener: (size: TerminalSize) => void) {
      const decoder = new ResizeDecoder();
      resize?.on('data', (chunk: Buffer) => decoder.push(chunk).forEach(listener));
    },
    finish(status) {
      streams.get('error')?.end(encodeStatus(status, version));
      streams.get('stdin')?.end();
      resize?.end();
      session.shutdown();
    },
  };
}
