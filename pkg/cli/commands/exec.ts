import WebSocket from 'ws';
import type { Status } from '#api/meta/errors.ts';
import type { Kubeconfig } from '#client/kubeconfig.ts';
import { pathOf } from '../api/discovery.ts';
import type { CliContext } from '../context.ts';
import { CliError } from '../errors.ts';
import { defaultContainer, podsOf } from './pods-of.ts';

/** Channels of the v5 remote-command protocol. */
const STDIN = 0;
const STDOUT = 1;
const STDERR = 2;
const STATUS = 3;
const RESIZE = 4;
const CLOSE = 255;
const PROTOCOL = 'v5.channel.k8s.io';
const HANDSHAKE_TIMEOUT_MS = 30_000;

export interface ExecFlags {
  readonly container?: string;
  readonly stdin?: boolean;
  readonly tty?: boolean;
  readonly quiet?: boolean;
}

interface Terminal {
  readonly stdin: NodeJS.ReadStream;
  readonly stdout: NodeJS.WriteStream;
  readonly stderr: NodeJS.WriteStream;
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

function sendInput(socket: WebSocket, terminal: Terminal, tty: boolean): () => void {
  const { stdin, stdout } = terminal;
  const raw = tty && stdin.isTTY;
  if (raw) stdin.setRawMode(true);
  const resize = (): void => socket.send(frame(RESIZE, JSON.stringify({ Width: stdout.columns, Height: stdout.rows })));
  if (raw) {
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
  return () => {
    stdin.off('data', data);
    stdin.off('end', end);
    stdout.off('resize', resize);
    if (raw) stdin.setRawMode(false);
    stdin.pause();
  };
}

function session(socket: WebSocket, terminal: Terminal, o: ExecFlags): Promise<number> {
  return new Promise((resolve, reject) => {
    let restore: () => void = () => {};
    let code: number | undefined;
    socket.on('open', () => {
      if (o.stdin) restore = sendInput(socket, terminal, o.tty === true);
    });
    socket.on('message', (message: Buffer) => {
      const data = message.subarray(1);
      if (message[0] === STDOUT) terminal.stdout.write(data);
      else if (message[0] === STDERR) terminal.stderr.write(data);
      else if (message[0] === STATUS) {
        try {
          code = exitCodeOf(JSON.parse(data.toString()) as Status);
        } catch (e) {
          reject(e);
        }
      }
    });
    socket.on('unexpected-response', (_request, response) => {
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
    });
    socket.on('error', reject);
    socket.on('close', () => {
      restore();
      if (code === undefined) reject(new CliError('the connection was closed before the command ended'));
      else resolve(code);
    });
  });
}

/** `cox exec POD -- COMMAND`. @returns the exit code of the command */
export async function exec(
  ctx: CliContext,
  config: Kubeconfig,
  how: { target: string; command: readonly string[]; flags: ExecFlags; terminal: Terminal },
): Promise<number> {
  const { flags, command } = how;
  if (command.length === 0) throw new CliError('you must specify at least one command for the container');
  const [pod] = await podsOf(ctx, [how.target], undefined);
  const container = flags.container ?? defaultContainer(pod, flags.quiet ? () => {} : ctx.err);
  const pods = await (await ctx.discovery()).find('pods');
  const tty = flags.tty === true && how.terminal.stdin.isTTY === true;
  const query = new URLSearchParams({
    container: container ?? '',
    stdout: 'true',
    stderr: String(!tty),
    stdin: String(flags.stdin === true),
    tty: String(tty),
  });
  for (const c of command) query.append('command', c);
  const url = ctx.rest.url(pathOf(pods, ctx.namespace, pod?.metadata?.name, 'exec')).replace(/^http/, 'ws');
  const socket = new WebSocket(`${url}?${query}`, PROTOCOL, {
    ...(config.ca ? { ca: config.ca } : {}),
    ...(config.cert ? { cert: config.cert } : {}),
    ...(config.key ? { key: config.key } : {}),
    rejectUnauthorized: !config.insecureSkipTlsVerify,
    headers: ctx.rest.authorization(),
    handshakeTimeout: HANDSHAKE_TIMEOUT_MS,
    perMessageDeflate: false,
  });
  const code = await session(socket, how.terminal, { ...flags, tty });
  if (code !== 0 && !flags.quiet) ctx.err(`command terminated with exit code ${code}\n`);
  return code;
}
