import type { Readable, Writable } from 'node:stream';
import WebSocket from 'ws';
import type { Status } from '#api/meta/errors.ts';
import { type Clock, systemClock } from '#async/clock.ts';
import { agentFor } from '../api/agents.ts';
import { proxyOf } from '../api/proxies.ts';
import { connected } from '../api/rest.ts';
import type { CliContext } from '../context.ts';
import { CliError } from '../errors.ts';
import { Interrupted } from '../interrupted.ts';
import { listenFor } from './heartbeat.ts';

/** Channels of the v5 remote-command protocol. */
const STDIN = 0;
const STDOUT = 1;
const STDERR = 2;
const STATUS = 3;
const RESIZE = 4;
const CLOSE = 255;
const PROTOCOL = 'v5.channel.k8s.io';
const HANDSHAKE_TIMEOUT_MS = 30_000;
const LOST = 'the connection is lost: nothing has been heard of the server for a minute';

/** What a conversation with a container goes through: the process's own streams, or any others. */
export interface Ends {
  readonly stdin?: Readable & { readonly isTTY?: boolean; setRawMode?(raw: boolean): unknown };
  readonly stdout: Writable & { readonly columns?: number; readonly rows?: number };
  readonly stderr: Writable;
}

/** What is passed to the container. */
export interface ConversationFlags {
  readonly stdin: boolean;
  readonly tty: boolean;
  /** Ends the conversation from outside. */
  readonly signal?: AbortSignal;
  /** Default: the machine's. */
  readonly clock?: Clock;
  /** Called as soon as anything has been heard. */
  readonly heard?: () => void;
}

const frame = (channel: number, data: Buffer | string): Buffer =>
  Buffer.concat([Buffer.from([channel]), Buffer.from(data)]);

/** Exit code in a v4 Status: 0 for success, the ExitCode cause otherwise. @throws CliError when the command never ran */
function exitCodeOf(status: Status): number {
  if (status.status === 'Success') return 0;
  const cause = status.details?.causes?.find((c) => c.reason === 'ExitCode');
  if (cause) return Number(cause.message);
  throw new CliError(status.message ?? 'the command could not be run');
}

/** @returns what puts the terminal back as it was */
function sendInput(socket: WebSocket, { stdin, stdout }: Ends, tty: boolean): () => void {
  if (!stdin) return () => {};
  const raw = tty && stdin.isTTY === true;
  const resize = (): void => socket.send(frame(RESIZE, JSON.stringify({ Width: stdout.columns, Height: stdout.rows })));
  if (raw) {
    stdin.setRawMode?.(true);
    resize();
    stdout.on('resize', resize);
  }
  const data = (chunk: Buffer): void => {
    stdin.pause();
    socket.send(frame(STDIN, chunk), () => stdin.resume());
  };
  const end = (): void => socket.send(Buffer.from([CLOSE, STDIN]));
  stdin.on('data', data);
  stdin.on('end', end);
  // A terminal that is gone cannot be read.
  stdin.on('error', end);
  return () => {
    stdin.off('data', data);
    stdin.off('end', end);
    stdout.off('resize', resize);
    if (raw) stdin.setRawMode?.(false);
    stdin.pause();
  };
}

/** Writes what arrives; a reader that is slow makes the sender wait. */
function receive(socket: WebSocket, to: Writable, data: Buffer): void {
  if (data.length === 0 || to.write(data)) return;
  socket.pause();
  to.once('drain', () => socket.resume());
}

/** The server's own words for a connection it refused. */
function refusal(response: NodeJS.ReadableStream, reject: (e: CliError) => void): void {
  const chunks: Buffer[] = [];
  response.on('data', (c: Buffer) => chunks.push(c));
  response.on('end', () => {
    const text = Buffer.concat(chunks).toString();
    let message = text;
    try {
      message = (JSON.parse(text) as Status).message ?? text;
    } catch {
      // Plain text will do.
    }
    reject(new CliError(message));
  });
}

/** Opens `exec` or `attach` of a pod. @param path with its query */
function openChannels({ rest, config }: CliContext, path: string): WebSocket {
  return new WebSocket(rest.url(path).replace(/^http/, 'ws'), PROTOCOL, {
    ...(config.ca ? { ca: config.ca } : {}),
    ...(config.cert ? { cert: config.cert } : {}),
    ...(config.key ? { key: config.key } : {}),
    ...(config.tlsServerName ? { servername: config.tlsServerName } : {}),
    rejectUnauthorized: !config.insecureSkipTlsVerify,
    ...(proxyOf(config) ? { agent: agentFor(config) } : {}),
    headers: rest.authorization() as Record<string, string>,
    handshakeTimeout: HANDSHAKE_TIMEOUT_MS,
    perMessageDeflate: false,
  });
}

/** Speaks with a container until its process ends. @returns its exit code. @throws CliError when it never ran */
export const converse = (ctx: CliContext, path: string, ends: Ends, o: ConversationFlags): Promise<number> =>
  connected(() => conversation(ctx, path, ends, o));

function conversation(ctx: CliContext, path: string, ends: Ends, o: ConversationFlags): Promise<number> {
  const signal = o.signal ? AbortSignal.any([ctx.signal, o.signal]) : ctx.signal;
  if (signal.aborted) return Promise.reject(new Interrupted());
  const socket = openChannels(ctx, path);
  return new Promise((resolve, reject) => {
    let restore: () => void = () => {};
    let rest: () => void = () => {};
    let code: number | undefined;
    // The terminal first: what is still told is told there.
    const end = (): void => {
      signal.removeEventListener('abort', end);
      restore();
      rest();
      socket.terminate();
    };
    const fail = (e: unknown): void => {
      end();
      reject(e);
    };
    signal.addEventListener('abort', end);
    socket.on('open', () => {
      if (o.stdin) restore = sendInput(socket, ends, o.tty);
      rest = listenFor(socket, o.clock ?? systemClock, () => fail(new CliError(LOST)));
    });
    socket.on('message', (message: Buffer) => {
      const data = message.subarray(1);
      if (message[0] !== STATUS && data.length > 0) o.heard?.();
      if (message[0] === STDOUT) receive(socket, ends.stdout, data);
      else if (message[0] === STDERR) receive(socket, ends.stderr, data);
      else if (message[0] === STATUS) {
        try {
          code = exitCodeOf(JSON.parse(data.toString()) as Status);
        } catch (e) {
          fail(e);
        }
      }
    });
    socket.on('unexpected-response', (request, response) => {
      response.on('close', () => request.destroy());
      refusal(response, reject);
    });
    socket.on('error', fail);
    socket.on('close', () => {
      end();
      if (code !== undefined) resolve(code);
      else
        reject(
          ctx.signal.aborted ? new Interrupted() : new CliError('the connection was closed before the command ended'),
        );
    });
  });
}
