import { type IncomingMessage, STATUS_CODES } from 'node:http';
import type { Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { type Clock, systemClock } from '#async/clock.ts';
import type { Upgrade } from '#websocket/acceptor.ts';
import { askBackend, type BackendAnswer, type BackendTarget } from './backend.ts';
import { requestHeaders, responseHeaders } from './headers.ts';
import { ReadAhead } from './read-ahead.ts';

/** How long one side may take to close after the other has. */
const LINGER_MS = 15_000;
const TCP_KEEP_ALIVE_MS = 30_000;
const TUNNEL_LISTENERS = 20;

/**
 * Passes an upgrade request on to an agent, or a program in a pod, and then every byte both ways, until either side is
 * gone; then the other is closed too. An answer other than 101 is relayed and ends the connection: nothing the client sends after it may reach
 * the agent, which takes every request on this connection for the apiserver's own.
 *
 * Resolves when both connections are over, with the code of the agent's answer.
 * @throws StatusError 500 `error dialing backend: …`; nothing was written to the client's socket then
 */
export async function pipeUpgrade(client: Upgrade, target: BackendTarget, clock: Clock = systemClock): Promise<number> {
  const { request, socket } = client;
  socket.on('error', () => socket.destroy());
  const gone = new AbortController();
  socket.once('close', () => gone.abort());
  if (socket.closed) gone.abort();
  const upgrade = { connection: 'Upgrade', upgrade: request.headers.upgrade ?? '' };
  const headers = { ...requestHeaders(request), ...target.headers, ...upgrade };
  const method = request.method ?? 'GET';
  const answer = await askBackend(target, { method, headers, clock, signal: gone.signal });
  const code = answer.response.statusCode ?? 500;
  client.answered?.(code);
  if (answer.upgraded) await tunnel(client, answer.response, { clock, ...answer.upgraded });
  else await relayRefusal(socket, answer.response);
  return code;
}

/** Relays an answer that does not switch protocols, and ends the connection. */
export async function relayRefusal(socket: Duplex, answer: IncomingMessage): Promise<void> {
  socket.write(head(answer, 'Connection: close'));
  // What the client still sends is thrown away.
  socket.resume();
  await pipeline(answer, socket).catch(() => socket.destroy());
  answer.destroy();
}

async function tunnel(
  client: Upgrade,
  answer: IncomingMessage,
  agent: NonNullable<BackendAnswer['upgraded']> & { readonly clock: Clock },
): Promise<void> {
  const socket = client.socket as Duplex & Partial<Pick<Socket, 'setNoDelay' | 'setKeepAlive'>>;
  const backend = agent.socket;
  socket.setNoDelay?.(true);
  socket.setKeepAlive?.(true, TCP_KEEP_ALIVE_MS);
  socket.write(head(answer, 'Connection: Upgrade', `Upgrade: ${answer.headers.upgrade}`));
  if (agent.head.length > 0) backend.unshift(agent.head);
  if (client.head.length > 0) socket.unshift(client.head);
  const destroyBoth = () => {
    socket.destroy();
    backend.destroy();
  };
  // Two pipelines put a dozen listeners on each end, which is no leak.
  for (const end of [socket, backend]) end.setMaxListeners(TUNNEL_LISTENERS);
  // Ends are passed on, so that the last bytes arrive; anything else (a reset, a write to a dead peer) ends both.
  const there = pipeline(socket, new ReadAhead(agent.clock), backend);
  const directions = [pipeline(backend, socket), there].map((done) => done.catch(destroyBoth));
  // The last bytes of a client that is gone may find nobody who takes them.
  const left = new Promise<void>((resolve) => socket.once('end', resolve));
  await Promise.race([...directions, left]);
  const giveUp = agent.clock.after(LINGER_MS, destroyBoth, { unref: true });
  await Promise.all(directions);
  giveUp.cancel();
  destroyBoth();
}

/** The head of the answer for the client. */
function head(answer: IncomingMessage, ...connection: string[]): string {
  const code = answer.statusCode ?? 500;
  const lines = [`HTTP/1.1 ${code} ${answer.statusMessage || STATUS_CODES[code]}`, ...connection];
  for (const [name, values] of Object.entries(responseHeaders(answer))) {
    for (const value of values) lines.push(`${name}: ${value}`);
  }
  return `${lines.join('\r\n')}\r\n\r\n`;
}
