import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Duplex } from 'node:stream';
import Fastify, { type FastifyInstance, type FastifyReply, type FastifyRequest } from 'fastify';
import type { Registry } from 'prom-client';
import { errors, StatusError } from '#api/meta/errors.ts';
import type { Clock } from '#async/clock.ts';
import type { Logger } from '#process/logger.ts';
import { versionInfo } from '#process/version.ts';
import { authorize } from './authz/authorize.ts';
import type { RbacAuthorizer } from './authz/rbac.ts';
import { discoveryOf } from './discovery/documents.ts';
import { discoveryRoutes } from './discovery/routes.ts';
import { type HealthChecks, healthRoutes } from './health.ts';
import type { ApiMetrics } from './metrics.ts';
import { openApiRoutes } from './openapi/routes.ts';
import type { BackendTls } from './proxy/backend.ts';
import { pipeRequest } from './proxy/request.ts';
import { pipeUpgrade } from './proxy/upgrade.ts';
import type { ResourceTable } from './registry/resource.ts';
import type { RequestContext, UserInfo } from './request/context.ts';
import { parseRequestInfo, type RequestInfo } from './request/info.ts';
import { type Dispatcher, resourceOf } from './rest/dispatch.ts';
import { sendStatus, statusOf } from './rest/respond.ts';
import { watchObjects } from './rest/watch.ts';
import { agentTarget, isConnect } from './subresources/connect.ts';
import type { WatcherSet } from './watch/watcher.ts';

/** Largest request body, bytes: the limit of kube-apiserver. */
const BODY_LIMIT = 3 << 20;
const NO_BODY = Buffer.alloc(0);

export interface ServerDeps {
  readonly tls: { readonly cert: Buffer; readonly key: Buffer; readonly clientCa: Buffer };
  readonly agentTls: BackendTls;
  readonly authenticate: (request: IncomingMessage) => UserInfo | Promise<UserInfo>;
  readonly authorizer: RbacAuthorizer;
  readonly resources: ResourceTable;
  readonly dispatcher: Dispatcher;
  readonly watchers: WatcherSet;
  readonly live: HealthChecks;
  readonly ready: HealthChecks;
  readonly metrics: ApiMetrics;
  readonly registry: Registry;
  readonly clock: Clock;
  readonly logger: Logger;
  /** host:port that /api names to clients. */
  readonly serverAddress: string;
}

interface Parsed {
  readonly info: RequestInfo;
  readonly query: URLSearchParams;
}

const truthy = (v: string | null): boolean => v === 'true' || v === '1';

function parse(method: string, url: string): Parsed {
  const q = url.indexOf('?');
  const query = new URLSearchParams(q < 0 ? '' : url.slice(q + 1));
  const path = q < 0 ? url : url.slice(0, q);
  return { info: parseRequestInfo(method, path, query.has('watch') && truthy(query.get('watch'))), query };
}

/** Assembles the HTTPS server: authentication → authorization → handler, one Status per failure. */
export function buildServer(deps: ServerDeps): FastifyInstance {
  const app = Fastify({
    https: {
      cert: deps.tls.cert,
      key: deps.tls.key,
      ca: deps.tls.clientCa,
      requestCert: true,
      rejectUnauthorized: false,
    },
    bodyLimit: BODY_LIMIT,
    // Watches stay open for an hour; idle keep-alive connections are the clients' to close.
    keepAliveTimeout: 120_000,
    requestTimeout: 0,
    forceCloseConnections: true,
    exposeHeadRoutes: true,
    routerOptions: { maxParamLength: 512 },
  }) as unknown as FastifyInstance;
  app.removeAllContentTypeParsers();
  app.addContentTypeParser('*', { parseAs: 'buffer' }, (_request, body, done) => done(null, body));
  app.setErrorHandler((e: Error & { code?: string }, _request, reply) => {
    if (e.code === 'FST_ERR_CTP_BODY_TOO_LARGE') {
      return sendStatus(reply, errors.tooLarge(`Request entity too large: limit is ${BODY_LIMIT}`).status);
    }
    if (!(e instanceof StatusError)) deps.logger.error({ err: e }, 'request failed');
    return sendStatus(reply, statusOf(e));
  });
  app.setNotFoundHandler((_request, reply) => sendStatus(reply, errors.pathNotFound().status));
  nonResourceRoutes(app, deps);
  const handler = resourceHandler(deps);
  for (const url of ['/api/v1/*', '/apis/:group/:version/*']) app.all(url, handler);
  app.server.on('upgrade', (request, socket, head) => void handleUpgrade(deps, request, socket, head));
  return app;
}

/** Everything outside /api/…/ and /apis/…/: authenticated and authorized by path. */
function nonResourceRoutes(app: FastifyInstance, deps: ServerDeps): void {
  void app.register(async (scope) => {
    scope.addHook('onRequest', async (request) => {
      const user = await deps.authenticate(request.raw);
      authorize(deps.authorizer, user, parse(request.method, request.url).info);
    });
    healthRoutes(scope, deps.live, deps.ready);
    scope.get('/version', () => versionInfo);
    scope.get('/version/', () => versionInfo);
    scope.get('/metrics', async (_q, reply) =>
      reply.type(deps.registry.contentType).send(await deps.registry.metrics()),
    );
    discoveryRoutes(scope, discoveryOf(deps.resources), deps.serverAddress);
    openApiRoutes(scope, deps.resources);
  });
}

function resourceHandler(deps: ServerDeps) {
  return async (request: FastifyRequest, reply: FastifyReply): Promise<FastifyReply> => {
    const started = performance.now();
    const { info, query } = parse(request.method, request.url);
    let code = 500;
    try {
      const user = await deps.authenticate(request.raw);
      authorize(deps.authorizer, user, info);
      const body = Buffer.isBuffer(request.body) ? request.body : NO_BODY;
      const ctx: RequestContext = { info, user, query, headers: request.headers, body, warnings: [] };
      if (info.verb === 'watch' || info.subresource === 'log') {
        code = 200;
        return await stream(deps, ctx, reply);
      }
      const answer = await deps.dispatcher.answer(ctx);
      code = answer.code;
      if (ctx.warnings.length > 0) reply.header('warning', ctx.warnings.map(warningHeader));
      return reply.code(answer.code).type(answer.type).send(answer.body);
    } catch (e) {
      const status = statusOf(e);
      code = status.code;
      if (code >= 500) deps.logger.warn({ err: e, path: info.path, verb: info.verb }, 'request failed');
      return sendStatus(reply, status);
    } finally {
      const resource = info.subresource ? `${info.resource}/${info.subresource}` : info.resource;
      deps.metrics.observe({ verb: info.verb, resource, code }, (performance.now() - started) / 1000);
    }
  };
}

/** RFC 7234 warn-text: quoted, without control characters. */
const warningHeader = (text: string): string =>
  `299 - "${text.replace(/[\\"]/g, (c) => `\\${c}`).replace(/\p{Cc}/gu, ' ')}"`;

/** An error on a connection that Fastify no longer manages. */
function rawStatus(raw: ServerResponse, e: unknown): void {
  if (raw.headersSent) {
    raw.destroy();
    return;
  }
  const status = statusOf(e);
  raw.writeHead(status.code, { 'content-type': 'application/json' }).end(JSON.stringify(status));
}

/** Watches and logs write to the socket themselves. */
async function stream(deps: ServerDeps, ctx: RequestContext, reply: FastifyReply): Promise<FastifyReply> {
  const resource = resourceOf(deps.resources, ctx);
  const watching = ctx.info.verb === 'watch';
  if (watching && !resource.kind.verbs.includes('watch')) throw errors.methodNotAllowed();
  const target = watching ? undefined : await agentTarget(deps.resources, ctx.info, ctx.query);
  reply.hijack();
  try {
    if (!target) await watchObjects(ctx, resource, reply.raw, deps);
    else
      await pipeRequest(
        { request: reply.request.raw, response: reply.raw },
        { ...target, tls: deps.agentTls },
        deps.clock,
      );
  } catch (e) {
    rawStatus(reply.raw, e);
  }
  return reply;
}

/** exec, attach and port-forward: the connection is handed to the pod's agent, byte for byte. */
async function handleUpgrade(deps: ServerDeps, request: IncomingMessage, socket: Duplex, head: Buffer): Promise<void> {
  socket.on('error', () => socket.destroy());
  try {
    const { info, query } = parse(request.method ?? 'GET', request.url ?? '/');
    const user = await deps.authenticate(request);
    // Both POST (SPDY) and GET (WebSocket) open a session: the permission asked for is "create".
    authorize(deps.authorizer, user, isConnect(info) ? { ...info, verb: 'create' } : info);
    if (!isConnect(info)) throw errors.pathNotFound();
    const target = await agentTarget(deps.resources, info, query);
    await pipeUpgrade({ request, socket, head }, { ...target, tls: deps.agentTls }, deps.clock);
  } catch (e) {
    const status = statusOf(e);
    const body = JSON.stringify(status);
    socket.end(
      `HTTP/1.1 ${status.code} ${status.reason ?? 'Error'}\r\ncontent-type: application/json\r\ncontent-length: ${Buffer.byteLength(body)}\r\nconnection: close\r\n\r\n${body}`,
    );
  }
}
