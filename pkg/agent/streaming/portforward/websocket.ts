import { once } from 'node:events';
import type { Duplex } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { errors } from '#api/meta/errors.ts';
import type { WebSocketChannels } from '../websocket/channels.ts';
import { dial, type ForwardTarget, parsePort } from './forward.ts';

/** Channel numbers must fit a byte, and in base64 a digit; nobody forwards more. */
const MAX_PORTS = 100;

/**
 * The ports a channel client names in its query, as `port=` or `ports=`, repeated or comma separated.
 * @throws StatusError 400
 */
export function parsePorts(query: URLSearchParams): number[] {
  const texts = [...query.getAll('port'), ...query.getAll('ports')].flatMap((text) => text.split(','));
  if (texts.length === 0) throw errors.badRequest('query parameter "port" is required');
  if (texts.length > MAX_PORTS) throw errors.badRequest(`at most ${MAX_PORTS} ports can be forwarded at once`);
  return texts.map((text) => {
    const port = parsePort(text);
    if (port === null) throw errors.badRequest(`invalid port ${JSON.stringify(text)}`);
    return port;
  });
}

/**
 * The older way to forward over a WebSocket: each port of the query has a data channel (2i) and an error channel
 * (2i+1), both of which start with the port as two bytes, and carries one connection. Closes when all have ended.
 */
export async function forwardChannels(
  channels: WebSocketChannels,
  target: ForwardTarget,
  ports: readonly number[],
): Promise<void> {
  await Promise.all(ports.map((port, i) => forwardPort(channels, target, { port, channel: 2 * i })));
  channels.close();
}

async function forwardPort(
  channels: WebSocketChannels,
  target: ForwardTarget,
  { port, channel }: { port: number; channel: number },
): Promise<void> {
  const prefix = Buffer.alloc(2);
  prefix.writeUInt16LE(port, 0);
  const incoming = channels.readable(channel);
  channels.send(channel, prefix);
  channels.send(channel + 1, prefix);
  const connection = await dial(target, port, channels.signal);
  if (typeof connection === 'string') {
    channels.send(channel + 1, Buffer.from(connection));
    incoming.resume();
    return;
  }
  await exchange(connection, pipeline(incoming, connection), pipeline(connection, channels.writable(channel)));
}

/** There is no half-close: the connection is over when the pod's side ends, or when either direction fails. */
async function exchange(connection: Duplex, inwards: Promise<void>, outwards: Promise<void>): Promise<void> {
  await Promise.all([inwards.catch(() => {}), outwards.catch(() => {}).finally(() => connection.destroy())]);
  if (!connection.closed) await once(connection, 'close');
}
