import { type IncomingMessage, type OutgoingHttpHeaders, request as plainRequest } from 'node:http';
import { request as tlsRequest } from 'node:https';
import type { Socket } from 'node:net';
import { type ConnectionOptions, checkServerIdentity } from 'node:tls';
import { StatusError } from '#api/meta/errors.ts';
import type { Clock } from '#async/clock.ts';

/** The agent to speak to, or the program in a pod. */
export interface BackendTarget {
  readonly host: string;
  readonly port: number;
  /** Path and query on the agent. */
  readonly path: string;
  /** Undefined: it speaks plain HTTP. */
  readonly tls: BackendTls | undefined;
  /** Added to what the client sends, or instead of it. */
  readonly headers?: OutgoingHttpHeaders;
}

/** How the apiserver proves who it is, and how it recognizes the server behind it. All PEM. */
export interface BackendTls {
  /** Default: the authorities the system trusts. */
  readonly ca?: string | Buffer;
  readonly cert?: string | Buffer;
  readonly key?: string | Buffer;
  /** Whoever answers is believed. */
  readonly insecure?: boolean;
  /** The name the agent's certificate must bear (usually the node's); without it, the target's host. */
  readonly servername?: string;
}

/** The agent's answer; `upgraded` when it switched protocols: the connection and the bytes behind the answer's head. */
export interface BackendAnswer {
  readonly response: IncomingMessage;
  readonly upgraded: { readonly socket: Socket; readonly head: Buffer } | null;
}

interface Ask {
  readonly method: string;
  readonly headers: OutgoingHttpHeaders;
  readonly clock: Clock;
  /** Aborts when the client is gone. */
  readonly signal: AbortSignal;
}

const CONNECT_TIMEOUT_MS = 10_000;
const ANSWER_TIMEOUT_MS = 60_000;
const TCP_KEEP_ALIVE_MS = 30_000;

/**
 * Sends a request without a body to an agent, on a connection of its own.
 * @throws StatusError 500 `error dialing backend: …`, also when connecting takes over 10 s or the answer over 60 s
 */
export async function askBackend(target: BackendTarget, ask: Ask): Promise<BackendAnswer> {
  const { clock, signal, method, headers } = ask;
  const { promise, resolve, reject } = Promise.withResolvers<BackendAnswer>();
  const { host, port, path, tls } = target;
  const options = { host, port, path, method, headers, agent: false };
  const outgoing = tls ? tlsRequest({ ...options, ...tlsOptions(tls) }) : plainRequest(options);
  const fail = (why: string) => () => outgoing.destroy(new Error(why));
  const where = `dial tcp ${target.host}:${target.port}`;
  let timer = clock.after(CONNECT_TIMEOUT_MS, fail(`${where}: i/o timeout`));
  const clientGone = fail('the client closed the connection');
  signal.addEventListener('abort', clientGone, { once: true });
  if (signal.aborted) clientGone();
  outgoing.once('socket', (socket) => {
    socket.setNoDelay(true);
    socket.setKeepAlive(true, TCP_KEEP_ALIVE_MS);
    // Outlives the request: an error of the tunnel's connection after its end must not go unhandled.
    socket.on('error', () => {});
    socket.once(tls ? 'secureConnect' : 'connect', () => {
      timer.cancel();
      timer = clock.after(ANSWER_TIMEOUT_MS, fail(`no answer from ${target.host}:${target.port}`));
    });
  });
  outgoing.once('upgrade', (response, socket, head) => resolve({ response, upgraded: { socket, head } }));
  outgoing.once('response', (response) => resolve({ response, upgraded: null }));
  outgoing.on('error', (error) => reject(dialError(error, where)));
  outgoing.once('close', () => reject(dialError(new Error('connection closed'), where)));
  outgoing.end();
  try {
    return await promise;
  } finally {
    timer.cancel();
    signal.removeEventListener('abort', clientGone);
  }
}

/** The same in the terms of Node. */
export function tlsOptions({ insecure, servername, ...pems }: BackendTls): ConnectionOptions {
  const named: ConnectionOptions = servername
    ? { servername, checkServerIdentity: (_host, certificate) => checkServerIdentity(servername, certificate) }
    : {};
  return { ...pems, minVersion: 'TLSv1.2', ...named, ...(insecure ? { rejectUnauthorized: false } : {}) };
}

/** Go's words for what a connect fails with: what users search for. */
const CONNECT_ERRORS: Readonly<Record<string, string>> = {
  ECONNREFUSED: 'connect: connection refused',
  EHOSTUNREACH: 'connect: no route to host',
  ENETUNREACH: 'connect: network is unreachable',
  ETIMEDOUT: 'i/o timeout',
};

/** What a client reads when the agent cannot be reached, worded as Kubernetes does. */
function dialError(cause: NodeJS.ErrnoException, where: string): StatusError {
  const known = cause.syscall === 'connect' ? CONNECT_ERRORS[cause.code ?? ''] : undefined;
  const message = `error dialing backend: ${known ? `${where}: ${known}` : cause.message}`;
  return new StatusError(
    { kind: 'Status', apiVersion: 'v1', metadata: {}, status: 'Failure', message, code: 500 },
    { cause },
  );
}
