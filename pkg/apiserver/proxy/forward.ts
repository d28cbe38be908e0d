import {
  type IncomingMessage,
  type OutgoingHttpHeaders,
  request as plainRequest,
  type ServerResponse,
} from 'node:http';
import { request as tlsRequest } from 'node:https';
import { pipeline } from 'node:stream/promises';
import { errors } from '#api/meta/errors.ts';
import type { Clock } from '#async/clock.ts';
import { type BackendTls, tlsOptions } from './backend.ts';
import { requestHeaders, responseHeaders } from './headers.ts';

/** A server behind the API server. */
export interface ForwardTarget {
  readonly secure: boolean;
  readonly host: string;
  readonly port: number;
  /** For agents and aggregated APIs. */
  readonly tls?: BackendTls;
  /** Added to what the client sends, or instead of it. */
  readonly headers?: OutgoingHttpHeaders;
  /** How long it may take to begin its answer; default 30 s. */
  readonly patienceMs?: number;
}

const ANSWER_TIMEOUT_MS = 30_000;

/** How a server is recognized: what pods serve over TLS is not verified, as in Kubernetes. Undefined: plain HTTP. */
export const tlsOf = ({ secure, tls }: ForwardTarget): BackendTls | undefined =>
  secure ? (tls ?? { insecure: true }) : undefined;

/**
 * Passes a request on, body included, and streams the answer back. Resolves when the answer is complete or either side
 * has left. @throws StatusError 503 when nobody answers; nothing was written to the response then
 */
export async function forward(
  client: { request: IncomingMessage; response: ServerResponse; body: Buffer },
  target: ForwardTarget,
  path: string,
  clock: Clock,
): Promise<void> {
  const { request, response, body } = client;
  const length = { connection: 'close', 'content-length': String(body.length) };
  const headers = { ...requestHeaders(request), ...target.headers, ...length };
  const options = { host: target.host, port: target.port, path, method: request.method, headers, agent: false };
  const { promise, resolve, reject } = Promise.withResolvers<IncomingMessage>();
  const tls = tlsOf(target);
  const outgoing = tls ? tlsRequest({ ...options, ...tlsOptions(tls) }, resolve) : plainRequest(options, resolve);
  const timer = clock.after(target.patienceMs ?? ANSWER_TIMEOUT_MS, () =>
    outgoing.destroy(new Error('no answer in time')),
  );
  outgoing.on('error', (e) => reject(errors.unavailable(`error trying to reach service: ${e.message}`)));
  response.once('close', () => outgoing.destroy(new Error('the client closed the connection')));
  outgoing.end(body);
  try {
    const answer = await promise;
    timer.cancel();
    response.writeHead(answer.statusCode ?? 502, responseHeaders(answer));
    response.flushHeaders();
    // An answer that breaks off must not look complete.
    await pipeline(answer, response).catch(() => response.destroy());
  } finally {
    timer.cancel();
  }
}
