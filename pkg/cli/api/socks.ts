import { connect, isIP, type Socket } from 'node:net';
import { addressBytes } from '#api/meta/ip.ts';
import { CliError } from '../errors.ts';

/** SOCKS version 5 (RFC 1928) with names and passwords (RFC 1929): only what a client needs to be connected. */
const VERSION = 5;
const NO_AUTHENTICATION = 0;
const PASSWORD = 2;
const CONNECT = 1;
const [IPV4, NAME, IPV6] = [1, 3, 4];
/** Until the proxy has connected us, milliseconds. */
const LIMIT_MS = 30_000;
const MAX_TEXT_BYTES = 255;

/** Why a proxy does not connect us, by its code (RFC 1928 §6). */
const REFUSALS: readonly string[] = [
  '',
  'it failed',
  'its rules do not allow it',
  'the network cannot be reached',
  'the server cannot be reached',
  'the server refused the connection',
  'the server did not answer in time',
  'it does not know how to connect',
  'it does not know this kind of address',
];

/** The next bytes of a socket that is read by nobody else. */
function take(socket: Socket, count: number): Promise<Buffer> {
  return new Promise((resolve, reject) => {
    const done = (then: () => void): void => {
      socket.off('readable', look).off('error', failed).off('end', ended).off('close', ended);
      then();
    };
    const failed = (e: Error): void => done(() => reject(e));
    const ended = (): void => failed(new CliError('the SOCKS proxy closed the connection'));
    const look = (): void => {
      const bytes = socket.read(count) as Buffer | null;
      if (bytes?.length === count) done(() => resolve(bytes));
    };
    socket.on('readable', look).on('error', failed).on('end', ended).on('close', ended);
    if (socket.destroyed) ended();
    else look();
  });
}

/** A text behind its length. @throws CliError when it is too long for that */
function counted(text: string, what: string): Buffer {
  const bytes = Buffer.from(text);
  if (bytes.length === 0 || bytes.length > MAX_TEXT_BYTES)
    throw new CliError(`the ${what} for the SOCKS proxy must have 1 to ${MAX_TEXT_BYTES} bytes`);
  return Buffer.from([bytes.length, ...bytes]);
}

async function authenticate(socket: Socket, proxy: URL): Promise<void> {
  const { username, password } = proxy;
  socket.write(Buffer.from(username ? [VERSION, 2, NO_AUTHENTICATION, PASSWORD] : [VERSION, 1, NO_AUTHENTICATION]));
  const [version, method] = await take(socket, 2);
  if (version !== VERSION) throw new CliError(`${proxy.host} does not speak SOCKS version 5`);
  if (method === NO_AUTHENTICATION) return;
  if (method !== PASSWORD || !username)
    throw new CliError(
      `the SOCKS proxy ${proxy.host} wants ${method === PASSWORD || !username ? 'a name and a password' : 'another way of authentication'}: socks5://NAME:PASSWORD@${proxy.host}`,
    );
  const name = counted(decodeURIComponent(username), 'name');
  socket.write(Buffer.concat([Buffer.from([1]), name, counted(decodeURIComponent(password), 'password')]));
  const [, status] = await take(socket, 2);
  if (status !== 0) throw new CliError(`the SOCKS proxy ${proxy.host} refuses the name and password of its URL`);
}

/** An address as the protocol writes it; names are looked up by the proxy. */
function addressOf(host: string): Buffer {
  const family = isIP(host);
  if (family === 0) return Buffer.concat([Buffer.from([NAME]), counted(host, 'name of the server')]);
  return Buffer.from([family === 4 ? IPV4 : IPV6, ...(addressBytes(host) ?? [])]);
}

async function ask(socket: Socket, proxy: URL, [host, port]: readonly [string, number]): Promise<void> {
  const where = [addressOf(host), Buffer.from([port >> 8, port & 0xff])];
  socket.write(Buffer.concat([Buffer.from([VERSION, CONNECT, 0]), ...where]));
  const [, reply = 1, , kind] = await take(socket, 4);
  if (reply !== 0)
    throw new CliError(
      `the SOCKS proxy ${proxy.host} does not connect to ${host}:${port}: ${REFUSALS[reply] ?? `code ${reply}`}`,
    );
  const length = kind === IPV4 ? 4 : kind === IPV6 ? 16 : ((await take(socket, 1))[0] ?? 0);
  await take(socket, length + 2);
}

/** A connection to a server through a proxy of socks5://. @throws CliError when it is not made */
export async function throughSocks(proxy: URL, host: string, port: number): Promise<Socket> {
  const socket = connect({ host: proxy.hostname.replace(/^\[|\]$/g, ''), port: Number(proxy.port || 1080) });
  const late = (): void => void socket.destroy(new CliError(`the SOCKS proxy ${proxy.host} did not answer in time`));
  // Without a listener an error between two questions would end the program.
  const ignore = (): void => undefined;
  socket.on('error', ignore).setTimeout(LIMIT_MS, late);
  try {
    await authenticate(socket, proxy);
    await ask(socket, proxy, [host, port]);
    socket.setTimeout(0).off('timeout', late).off('error', ignore);
    return socket;
  } catch (e) {
    socket.destroy();
    throw e;
  }
}
