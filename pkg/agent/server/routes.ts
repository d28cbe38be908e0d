import { pipeline } from 'node:stream/promises';
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import { errors } from '#api/meta/errors.ts';
import { type HealthPages, NOT_FOUND } from '#process/health-pages.ts';
import type { Logger } from '#process/logger.ts';
import type { ContainerStreams, PodTarget } from '../streaming/backend.ts';
import type { Gate, Subresource } from './gate.ts';
import { parseLogOptions } from './log-options.ts';
import { parseStreamPath } from './path.ts';
import { statusOf } from './reject.ts';

export interface RouteDeps {
  readonly streams: ContainerStreams;
  readonly gate: Gate;
  readonly log: Logger;
  readonly health: HealthPages;
  /** The Prometheus page. */
  readonly metrics?: () => Promise<{ readonly contentType: string; readonly body: string }>;
  /** Further pages below /metrics/ by name, Prometheus text. */
  readonly metricPages?: Readonly<Record<string, () => Promise<string>>>;
  /** The v1alpha1 stats Summary, or only processors and memory of it; without it `/stats/summary` is 404. */
  readonly stats?: (onlyCpuAndMemory: boolean) => Promise<object>;
}

/** The plain HTTP paths of the agent, and the answers to what is none of them. */
export function addRoutes(app: FastifyInstance, deps: RouteDeps): void {
  app.addHook('onRequest', async (request) => {
    await deps.gate.admit(request.raw, subresourcesOf(pathOf(request.url)));
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
  for (const path of ['/healthz', '/healthz/:check', '/metrics/slis']) {
    app.get(path, async (request, reply) => {
      const { pathname, searchParams } = urlOf(request);
      const { code, type, body } = (await deps.health.answer(pathname, searchParams)) ?? NOT_FOUND;
      return reply.code(code).type(type).send(body);
    });
  }
  app.get('/pods', async () => deps.streams.pods());
  app.get('/metrics', async (_request, reply) => {
    if (!deps.metrics) throw errors.pathNotFound();
    const { contentType, body } = await deps.metrics();
    return reply.type(contentType).send(body);
  });
  for (const [name, page] of Object.entries(deps.metricPages ?? {})) {
    app.get(`/metrics/${name}`, async (_request, reply) =>
      reply.type('text/plain; version=0.0.4; charset=utf-8').send(await page()),
    );
  }
  app.get('/stats/summary', async (request) => {
    if (!deps.stats) throw errors.pathNotFound();
    return deps.stats(urlOf(request).searchParams.get('only_cpu_and_memory') === 'true');
  });
  app.get('/containerLogs/:namespace/:pod/:container', (request, reply) => sendLogs(deps.streams, request, reply));
}

/** First segments of a path that have a subresource of nodes to themselves. */
const OWN_SUBRESOURCE: Readonly<Record<string, Subresource>> = {
  stats: 'stats',
  metrics: 'metrics',
  logs: 'log',
  spec: 'spec',
  checkpoint: 'checkpoint',
};
/** Those that have one beside proxy ("Kubelet authentication/authorization", fine-grained authorization). */
const FINE_SUBRESOURCE: Readonly<Record<string, Subresource>> = {
  pods: 'pods',
  healthz: 'healthz',
  configz: 'configz',
};

/** The subresources of nodes of which one must be allowed for a path, in the order they are asked about. Pure. */
export function subresourcesOf(path: string): readonly Subresource[] {
  const first = path.split('/', 2)[1] ?? '';
  const own = OWN_SUBRESOURCE[first];
  if (own) return [own];
  const fine = FINE_SUBRESOURCE[first];
  return fine ? [fine, 'proxy'] : ['proxy'];
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
