import type { IncomingMessage } from 'node:http';
import type { WebSocket } from 'ws';
import { errors } from '#api/meta/errors.ts';
import type { Clock } from '#async/clock.ts';
import { type AcceptorLimits, offeredSubprotocols, type Upgrade, WebSocketAcceptor } from '#websocket/acceptor.ts';
import { askBackend, type BackendTarget } from '../proxy/backend.ts';
import { requestHeaders } from '../proxy/headers.ts';
import { relayRefusal } from '../proxy/upgrade.ts';

/** Clients have nothing to say to a log; what they say is thrown away. */
const LIMITS: AcceptorLimits = { maxMessage: 64 << 10, lingerMs: 10_000 };
const NORMAL_CLOSURE = 1000;
const SWITCHING_PROTOCOLS = 101;
const BAD_REQUEST = 400;
const BASE64 = 'base64.binary.k8s.io';
/** What a stream of bytes can be read by; who offers nothing gets bytes as they are. */
const SUBPROTOCOLS = ['', 'binary.k8s.io', BASE64];

const acceptor = new WebSocketAcceptor(LIMITS);

/** The first that the client offers and we know. @throws StatusError 403 */
function subprotocolOf(upgrade: Upgrade): string {
  const offered = offeredSubprotocols(upgrade);
  if (offered.length === 0) return '';
  const known = offered.find((name) => SUBPROTOCOLS.includes(name));
  if (known !== undefined) return known;
  const supported = SUBPROTOCOLS.join(' ');
  throw errors.forbiddenPath(
    `requested protocol(s) are not supported: [${offered.join(' ')}]; supports [${supported}]`,
  );
}

/** One message, when the client has taken it so far that the next may come. */
const send = (ws: WebSocket, message: Buffer | string): Promise<void> =>
  new Promise((resolve, reject) => ws.send(message, (e) => (e ? reject(e) : resolve())));

/**
 * The log of a container as a WebSocket: what the agent sends, in messages as it comes, of bytes or of base64 text. The
 * first is empty: it says that the log has been opened.
 *
 * Resolves when the log is at its end or either side has left, with the code of the answer.
 * @throws StatusError 403 for unknown sub-protocols, 500 when the agent cannot be reached; the client's socket is untouched then
 */
export async function socketLog(upgrade: Upgrade, target: BackendTarget, clock: Clock): Promise<number> {
  const { request, socket } = upgrade;
  const gone = new AbortController();
  socket.once('close', () => gone.abort());
  if (socket.closed) gone.abort();
  const ask = { method: 'GET', headers: logHeaders(request), clock, signal: gone.signal };
  const { response: answer, upgraded } = await askBackend(target, ask);
  upgraded?.socket.destroy();
  socket.once('close', () => answer.destroy());
  if (answer.statusCode !== 200) {
    await relayRefusal(socket, answer);
    return answer.statusCode ?? 500;
  }
  try {
    return await relayLog(upgrade, answer);
  } finally {
    answer.destroy();
  }
}

/** The agent is asked for plain HTTP. */
function logHeaders(request: IncomingMessage): ReturnType<typeof requestHeaders> {
  const end = Object.entries(requestHeaders(request)).filter(([name]) => !name.startsWith('sec-websocket-'));
  return { ...Object.fromEntries(end), connection: 'close' };
}

async function relayLog(upgrade: Upgrade, answer: IncomingMessage): Promise<number> {
  const subprotocol = subprotocolOf(upgrade);
  let opened: WebSocket | undefined;
  acceptor.accept(upgrade, subprotocol, (ws) => {
    opened = ws;
    // It closes by itself then.
    ws.on('error', () => {});
    ws.on('close', () => answer.destroy());
  });
  if (!opened) return BAD_REQUEST;
  const ws = opened;
  const closed = new Promise((resolve) => ws.once('close', resolve));
  const encode = (bytes: Buffer): Buffer | string => (subprotocol === BASE64 ? bytes.toString('base64') : bytes);
  try {
    await send(ws, encode(Buffer.alloc(0)));
    for await (const chunk of answer) await send(ws, encode(chunk as Buffer));
    ws.close(NORMAL_CLOSURE);
  } catch {
    // A log that breaks off must not look complete.
    ws.terminate();
  }
  await closed;
  return SWITCHING_PROTOCOLS;
}
