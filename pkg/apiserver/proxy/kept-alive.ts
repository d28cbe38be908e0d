import type { ClientRequest, IncomingMessage } from 'node:http';
import { Agent, type RequestOptions, request } from 'node:https';

/** Idle connections kept for each server, and for how long: servers close theirs after a minute or more. */
const MAX_IDLE = 4;
const IDLE_MS = 30_000;
/** Connections to one server at a time; further requests wait their turn, within their own time limits. */
const MAX_CONNECTIONS = 64;

/**
 * Connections to servers that are asked again and again: webhooks. A handshake costs more than most of the answers. Node
 * tells connections apart by host, port, authorities and names, so one pool serves all.
 */
const pool = new Agent({
  keepAlive: true,
  maxFreeSockets: MAX_IDLE,
  maxSockets: MAX_CONNECTIONS,
  timeout: IDLE_MS,
  scheduling: 'lifo',
});

/**
 * Sends `body` on a kept connection. A server may close an idle connection in the very moment it is used: then, and only
 * then, the request is sent once more, on a new one.
 * @param signal gives it up. @returns the answer's head, its body still to be read
 */
export function askKeptAlive(options: RequestOptions, body: Buffer, signal: AbortSignal): Promise<IncomingMessage> {
  const { promise, resolve, reject } = Promise.withResolvers<IncomingMessage>();
  const send = (agent: Agent | false): void => {
    const outgoing: ClientRequest = request({ ...options, agent, signal }, resolve);
    outgoing.on('error', (e: NodeJS.ErrnoException) => {
      const closed = e.code === 'ECONNRESET' || e.code === 'EPIPE';
      if (agent && outgoing.reusedSocket && closed && !signal.aborted) send(false);
      else reject(e);
    });
    outgoing.end(body);
  };
  send(pool);
  return promise;
}
