import type { IncomingMessage, ServerResponse } from 'node:http';
import { pipeline } from 'node:stream/promises';
import { type Clock, systemClock } from '#async/clock.ts';
import { askBackend, type BackendTarget } from './backend.ts';
import { requestHeaders, responseHeaders } from './headers.ts';

/** A client's request and the response to write, as Node has them. */
export interface PlainRequest {
  readonly request: IncomingMessage;
  readonly response: ServerResponse;
  /** Called right before the response is begun: the moment for Fastify's `reply.hijack()`. */
  readonly onAnswer?: () => void;
}

/**
 * Passes a GET on to an agent and streams the answer, whatever its code, to the client as it comes (logs). Resolves
 * when the answer is complete or either side left.
 * @throws StatusError 500 `error dialing backend: …`; nothing was written to the response then
 */
export async function pipeRequest(
  client: PlainRequest,
  target: BackendTarget,
  clock: Clock = systemClock,
): Promise<void> {
  const { request, response } = client;
  const gone = new AbortController();
  response.once('close', () => gone.abort());
  if (response.closed) gone.abort();
  const headers = { ...requestHeaders(request), connection: 'close' };
  const { response: answer, upgraded } = await askBackend(target, {
    method: 'GET',
    headers,
    clock,
    signal: gone.signal,
  });
  upgraded?.socket.destroy();
  client.onAnswer?.();
  response.writeHead(answer.statusCode ?? 500, responseHeaders(answer));
  // A follower of a silent container must see that it is connected.
  response.flushHeaders();
  // An answer that breaks off must not look complete.
  await pipeline(answer, response).catch(() => response.destroy());
  answer.destroy();
}
