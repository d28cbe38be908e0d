import { pipeline } from 'node:stream/promises';
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import { errors } from '#api/meta/errors.ts';
import type { Logger } from '#process/logger.ts';
import type { ContainerStreams, PodTarget } from '../streaming/backend.ts';
import type { Access, Gate } from './gate.ts';
import { parseLogOptions } from './log-options.ts';
import { parseStreamPath } from './path.ts';
import { statusOf } from './reject.ts';

export interface RouteDeps {
  readonly streams: ContainerStreams;
  readonly gate: Gate;
  readonly log: Logger;
  /** The Prometheus page. */
  readonly metrics?: () => Promise<{ readonly contentType: string; readonly body: string }>;
  /** The v1alpha1 stats Summary; without it `/stats/summary` is 404. */
  readonly stats?: () => Promise<object>;
}

/** The plain HTTP paths of the agent, and the answers to what is none of them. */
export function addRoutes(app: FastifyInstance, deps: RouteDeps): void {
  app.addHook('onRequest', async (request) => {
    await deps.gate.admit(request.raw, subresourceOf(request.url));
  });
  app.setErrorHandler(async (error, request, reply) => {
    const status = statusOf(error);
    if (status.code >= 500) deps.log.warn({ err: error, path: pathOf(request.url) }, 'request failed');
    return reply.code(status.code).send(status);
  });
  app.setNotFoundHandler(async (request) => {
    if (parseStreamPath(urlOf(request))) {
      throw errors.badRequest('unable to upgrade: missing upgrade headers in request');
    }
    throw errors.pathNotFound();
  });
  app.get('/healthz', async (_request, reply) => reply.type('text/plain; charset=utf-8').send('ok'));
  app.get('/pods', async () => deps.streams.pods());
  app.get('/metrics', async (_request, reply) => {
    if (!deps.metrics) throw errors.pathNotFound();
    const { contentType, body } = await deps.metrics();
    return reply.type(contentType).send(body);
  });
  app.get('/stats/summary', async () => {
    if (!deps.stats) throw errors.pathNotFound();
    return deps.stats();
  });
  app.get('/containerLogs/:namespace/:pod/:container', (request, reply) => sendLogs(deps.streams, request, reply));
}

function subresourceOf(url: string): Access['subresource'] {
  if (/^\/stats(\/|\?|$)/.test(url)) return 'stats';
  return /^\/metrics(\/|\?|$)/.test(url) ? 'metrics' : 'proxy';
}

/** Without the query: a command line may hold secrets. */
export const pathOf = (url: string | undefined): string => url?.split('?', 1)[0] ?? '';

const urlOf = (request: FastifyRequest): URL => new URL(request.url, 'https://agent');

/** Streams a log: headers at once, so that a follower of a silent container sees that it is connected. */
async function sendLogs(streams: ContainerStreams, request: FastifyRequest, reply: FastifyReply): Promise<void> {
  const { container, ...target } = request.params as PodTarget & { container: string };
  const options = parseLogOptions(urlOf(request).searchParams);
  const response = reply.raw;
  const gone = new AbortController();
  response.once('close', () => gone.abort(new Error('the client closed the connection')));
  const handle = await streams.resolve(target, container);
  const log = await streams.logs(handle, options, gone.signal);
  log.on('error', () => {});
  reply.hijack();
  response.writeHead(200, { 'content-type': 'text/plain', 'cache-control': 'no-store' });
  response.flushHeaders();
  // A log that breaks off destroys the response: the client sees an unexpected end instead of a complete log.
  await pipeline(log, response).catch(() => log.destroy());
}
