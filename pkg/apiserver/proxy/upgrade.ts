import type { IncomingMessage, ServerResponse } from 'node:http';
import { Agent, request as httpsRequest } from 'node:https';
import { type Duplex, finished } from 'node:stream';
import { errors } from '#api/meta/errors.ts';

/** How the API server shows itself to node agents, and whose certificates it believes. */
export interface AgentTls {
  readonly ca: Buffer;
  readonly cert: Buffer;
  readonly key: Buffer;
}

export interface ProxyTarget {
  readonly host: string;
  readonly port: number;
  /** Path and query. */
  readonly path: string;
  readonly tls: AgentTls;
}

const CONNECT_TIMEOUT_MS = 10_000;
/** Headers that speak of the client's connection or identity, not of the request. */
const DROPPED = new Set(['authorization', 'host', 'x-remote-user', 'x-remote-group', 'content-length']);

function forwarded(request: IncomingMessage): Record<string, string | string[]> {
  const headers: Record<string, string | string[]> = {};
  for (const [k, v] of Object.entries(request.headers)) if (v !== undefined && !DROPPED.has(k)) headers[k] = v;
  return headers;
}

const agents = new WeakMap<AgentTls, Agent>();
function agentOf(tls: AgentTls): Agent {
  let agent = agents.get(tls);
  if (!agent) {
    agent = new Agent({ ...tls, keepAlive: true, maxFreeSockets: 8 });
    agents.set(tls, agent);
  }
  return agent;
}

const dialError = (e: Error): Error => errors.internal(`error dialing backend: ${e.message}`);

/** The status line and headers of an answer, as they go over the wire. */
function head(response: IncomingMessage): string {
  const lines = [`HTTP/1.1 ${response.statusCode} ${response.statusMessage ?? ''}`];
  for (let i = 0; i < response.rawHeaders.length; i += 2)
    lines.push(`${response.rawHeaders[i]}: ${response.rawHeaders[i + 1]}`);
  return `${lines.join('\r\n')}\r\n\r\n`;
}

/** Joins two sockets until either ends; each direction half-closes on its own. */
function join(a: Duplex, b: Duplex): void {
  a.pipe(b);
  b.pipe(a);
  const destroy = (): void => {
    a.destroy();
    b.destroy();
  };
  a.on('error', destroy);
  b.on('error', destroy);
  finished(a, destroy);
  finished(b, destroy);
}

/**
 * Hands an upgraded connection (exec, attach, port-forward) to a node agent, byte for byte: SPDY and WebSocket alike.
 * Resolves when the agent answered; a refusal is relayed as it is. @throws StatusError 500 when the agent cannot be reached
 */
export function pipeUpgrade(
  client: IncomingMessage,
  socket: Duplex,
  first: Buffer,
  target: ProxyTarget,
): Promise<void> {
  return new Promise((resolve, reject) => {
    const request = httpsRequest({
      host: target.host,
      port: target.port,
      path: target.path,
      method: client.method,
      headers: forwarded(client),
      ...target.tls,
      agent: false,
    });
    request.setTimeout(CONNECT_TIMEOUT_MS, () => request.destroy(new Error('no answer in time')));
    request.on('upgrade', (response, agent, rest) => {
      request.setTimeout(0);
      agent.setTimeout(0);
      socket.write(head(response));
      if (rest.length > 0) socket.write(rest);
      if (first.length > 0) agent.write(first);
      join(socket, agent);
      resolve();
    });
    request.on('response', (response) => {
      socket.write(head(response));
      response.pipe(socket);
      resolve();
    });
    request.on('error', (e) => {
      socket.destroyed ? resolve() : reject(dialError(e));
    });
    socket.on('close', () => request.destroy());
    request.end();
  });
}

/** Relays a plain GET (logs) as a stream, as fast as the client reads. @throws StatusError 500 when the agent cannot be reached */
export function pipeRequest(target: ProxyTarget, raw: ServerResponse, signal: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    const request = httpsRequest({
      host: target.host,
      port: target.port,
      path: target.path,
      agent: agentOf(target.tls),
      signal,
    });
    request.on('socket', (s) => s.setTimeout(0));
    const timer = AbortSignal.timeout(CONNECT_TIMEOUT_MS);
    const late = (): void => void request.destroy(new Error('no answer in time'));
    timer.addEventListener('abort', late, { once: true });
    request.on('response', (response) => {
      timer.removeEventListener('abort', late);
      raw.writeHead(response.statusCode ?? 502, { 'content-type': response.headers['content-type'] ?? 'text/plain' });
      raw.flushHeaders();
      response.on('data', (chunk: Buffer) => {
        if (!raw.write(chunk)) response.pause();
      });
      raw.on('drain', () => response.resume());
      response.on('end', () => raw.end());
      response.on('error', () => raw.destroy());
      finished(raw, () => resolve());
    });
    request.on('error', (e) => (signal.aborted ? resolve() : reject(dialError(e))));
    request.end();
  });
}
