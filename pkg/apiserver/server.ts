import type { IncomingMessage, OutgoingHttpHeaders, ServerResponse } from 'node:http';
import Fastify, { type FastifyInstance, type FastifyReply, type FastifyRequest } from 'fastify';
import type { Registry } from 'prom-client';
import { errors, StatusError } from '#api/meta/errors.ts';
import type { Clock } from '#async/clock.ts';
import type { HealthPages } from '#process/health-pages.ts';
import type { Logger } from '#process/logger.ts';
import { versionInfo } from '#process/version.ts';
import { admitConnection } from './admission/connect.ts';
import type { Admission } from './admission/types.ts';
import type { Aggregator } from './aggregation/aggregator.ts';
import { relay } from './aggregation/relay.ts';
import type { AuditAnnotations } from './audit/annotations.ts';
import type { Audited, AuditLog, Begun } from './audit/log.ts';
import { ANONYMOUS } from './authn/authenticator.ts';
import { type IssuerDocuments, issuerRoutes } from './authn/issuer.ts';
import { authorize } from './authz/authorize.ts';
import type { Authorizer } from './authz/rules.ts';
import { discoveryOf } from './discovery/documents.ts';
import { discoveryRoutes } from './discovery/routes.ts';
import type { Classified, FlowControl } from './flow/control.ts';
import { healthRoutes } from './health.ts';
import { type ApiMetrics, resourceLabel } from './metrics.ts';
import { openApiRoutes } from './openapi/routes.ts';
import type { BackendTls } from './proxy/backend.ts';
import { forward } from './proxy/forward.ts';
import { pipeRequest } from './proxy/request.ts';
import type { ResourceTable } from './registry/resource.ts';
import type { RequestContext, UserInfo } from './request/context.ts';
import { isLongRunning, parseRequest, type RequestInfo } from './request/info.ts';
import { type Dispatcher, resourceOf, watchedOf } from './rest/dispatch.ts';
import { Parts, writeParts } from './rest/parts.ts';
import { sendStatus, statusBody, statusOf } from './rest/respond.ts';
import { watchObjects } from './rest/watch.ts';
import { agentTarget } from './subresources/connect.ts';
import { isProxy, proxyTarget } from './subresources/proxy.ts';
import { handleUpgrade } from './upgrades.ts';
import { HttpOutlet } from './watch/outlet.ts';
import type { WatcherSet } from './watch/watcher.ts';

/** Largest request body, bytes: the limit of kube-apiserver. */
const BODY_LIMIT = 3 << 20;
const NO_BODY = Buffer.alloc(0);

export interface ServerDeps {
  readonly tls: { readonly cert: Buffer; readonly key: Buffer; readonly clientCas: readonly Buffer[] };
  readonly agentTls: BackendTls;
  readonly authenticate: (request: IncomingMessage) => UserInfo | Promise<UserInfo>;
  readonly authorizer: Authorizer;
  readonly issuer: IssuerDocuments;
  readonly resources: ResourceTable;
  readonly dispatcher: Dispatcher;
  /** Who is asked about connections to pods, Services and nodes. */
  readonly connectAdmission: Admission;
  readonly aggregator: Aggregator;
  readonly flow: FlowControl;
  readonly audit?: AuditLog;
  readonly watchers: WatcherSet;
  readonly health: HealthPages;
  readonly metrics: ApiMetrics;
  readonly registry: Registry;
  readonly clock: Clock;
  readonly logger: Logger;
  /** host:port that /api names to clients. */
  readonly serverAddress: string;
}

/** Assembles the HTTPS server: authentication → authorization → handler, one Status per failure. */
export function buildServer(deps: ServerDeps): FastifyInstance {
  const app = Fastify({
    https: {
      cert: deps.tls.cert,
      key: deps.tls.key,
      ca: [...deps.tls.clientCas],
      requestCert: true,
      rejectUnauthorized: false,
    },
    bodyLimit: BODY_LIMIT,
    // Watches stay open for an hour; idle keep-alive connections are the clients' to close.
    keepAliveTimeout: 120_000,
    requestTimeout: 0,
    forceCloseConnections: true,
    exposeHeadRoutes: true,
    // Clients made from the OpenAPI document ask for /apis/ and /api/v1/.
    routerOptions: { maxParamLength: 512, ignoreTrailingSlash: true },
  }) as unknown as FastifyInstance;
  app.removeAllContentTypeParsers();
  app.addContentTypeParser('*', { parseAs: 'buffer' }, (_request, body, done) => done(null, body));
  app.setErrorHandler((e: Error & { code?: string }, _request, reply) => {
    if (e.code === 'FST_ERR_CTP_BODY_TOO_LARGE') {
      return sendStatus(reply, errors.tooLarge(`Request entity too large: limit is ${BODY_LIMIT}`).status);
    }
    if (e.code === 'FST_ERR_CTP_INVALID_MEDIA_TYPE')
      return sendStatus(reply, errors.unsupportedMediaType('the content type of the request is malformed').status);
    if (!(e instanceof StatusError)) deps.logger.error({ err: e }, 'request failed');
    return sendStatus(reply, statusOf(e));
  });
  app.setNotFoundHandler((_request, reply) => sendStatus(reply, errors.pathNotFound().status));
  nonResourceRoutes(app, deps);
  const handler = resourceHandler(deps);
  for (const url of ['/api/v1/*', '/apis/:group/:version/*']) app.all(url, handler);
  app.server.on('upgrade', (request, socket, head) => void handleUpgrade(deps, { request, socket, head }));
  return app;
}

/** Everything outside /api/…/ and /apis/…/: authenticated and authorized by path. */
function nonResourceRoutes(app: FastifyInstance, deps: ServerDeps): void {
  void app.register(async (scope) => {
    scope.addHook('onRequest', async (request, reply) => {
      const received = Date.now();
      const { info, query } = parseRequest(request.method, request.url);
      let user = ANONYMOUS;
      let annotations: AuditAnnotations | undefined;
      reply.raw.once('close', () => {
        const code = reply.raw.statusCode;
        deps.audit?.record({ info, user, request: request.raw, body: NO_BODY, code, received, annotations });
      });
      user = await deps.authenticate(request.raw);
      classified(deps, reply, user, info);
      annotations = begun(deps, reply, { request: request.raw, user, info, received });
      await authorize(deps.authorizer, { user, info, query, annotations });
      const elsewhere = documentElsewhere(deps, info.path);
      if (elsewhere) return handOver(deps, { name: elsewhere, user, body: NO_BODY }, request, reply);
      return undefined;
    });
    healthRoutes(scope, deps.health);
    scope.get('/version', () => versionInfo);
    scope.get('/metrics', async (_q, reply) =>
      reply.type(deps.registry.contentType).send(await deps.registry.metrics()),
    );
    const remotes = () => deps.aggregator.all();
    discoveryRoutes(scope, discoveryOf(deps.resources, remotes), deps.serverAddress);
    openApiRoutes(scope, deps.resources, remotes);
    issuerRoutes(scope, deps.issuer);
  });
}

/** Discovery and OpenAPI of a version that another server answers for: the name of its APIService. */
function documentElsewhere({ aggregator }: ServerDeps, path: string): string | undefined {
  const found = /^(?:\/openapi\/v3)?\/apis\/([^/]+)\/([^/]+)\/?$/.exec(path);
  return found ? aggregator.find(found[1] ?? '', found[2] ?? '') : undefined;
}

/** Passes a request on to the server that an APIService names. */
async function handOver(
  deps: ServerDeps,
  asked: { readonly name: string; readonly user: UserInfo; readonly body: Buffer },
  request: FastifyRequest,
  reply: FastifyReply,
): Promise<FastifyReply> {
  const target = deps.aggregator.target(asked.name);
  reply.hijack();
  try {
    const client = { request: request.raw, response: reply.raw, body: asked.body };
    await relay(client, target, asked.user, deps.clock);
  } catch (e) {
    rawStatus(reply.raw, e, request.headers.accept);
  }
  return reply;
}

/** Writes down that a request came; its answer tells under what name. */
function begun({ audit }: ServerDeps, reply: FastifyReply, what: Begun): AuditAnnotations | undefined {
  const annotations = audit?.begin(what);
  if (annotations) reply.raw.setHeader('audit-id', annotations.auditID);
  return annotations;
}

/** Has it written down when the answer of a request begins that may last. */
function tellStart({ audit }: ServerDeps, { raw }: FastifyReply, what: Omit<Audited, 'answer' | 'code'>): void {
  if (!audit || !what.annotations || !isLongRunning(what.info)) return;
  const writeHead = raw.writeHead.bind(raw) as (code: number, ...rest: unknown[]) => typeof raw;
  raw.writeHead = ((code: number, ...rest: unknown[]) => {
    audit.started({ ...what, code });
    return writeHead(code, ...rest);
  }) as typeof raw.writeHead;
}

/** The flow of a request; its answer tells which flow schema and priority level it belonged to. */
function classified({ flow }: ServerDeps, reply: FastifyReply, user: UserInfo, info: RequestInfo): Classified {
  const found = flow.classify(user, info);
  // On the response itself: streams do not pass through Fastify.
  reply.raw.setHeader('x-kubernetes-pf-flowschema-uid', found.schema.metadata?.uid ?? '');
  reply.raw.setHeader('x-kubernetes-pf-prioritylevel-uid', found.levelUid);
  return found;
}

function resourceHandler(deps: ServerDeps) {
  return async (request: FastifyRequest, reply: FastifyReply): Promise<FastifyReply> => {
    const started = performance.now();
    const { info, query } = parseRequest(request.method, request.url);
    const received = Date.now();
    const body = Buffer.isBuffer(request.body) ? request.body : NO_BODY;
    let annotations: AuditAnnotations | undefined;
    let code = 500;
    let user = ANONYMOUS;
    let told: Buffer | string | undefined;
    try {
      user = await deps.authenticate(request.raw);
      const flow = classified(deps, reply, user, info);
      annotations = begun(deps, reply, { request: request.raw, user, info, received });
      tellStart(deps, reply, { info, user, request: request.raw, body, received, annotations });
      await authorize(deps.authorizer, { user, info, query, annotations });
      const elsewhere = deps.aggregator.find(info.group, info.version);
      if (elsewhere) {
        await handOver(deps, { name: elsewhere, user, body }, request, reply);
        code = reply.raw.statusCode;
        return reply;
      }
      const ctx: RequestContext = { info, user, query, headers: request.headers, body, warnings: [], annotations };
      warnOfVersion(deps, ctx);
      if (isProxy(info)) {
        await passOn(deps, ctx, request, reply);
        code = reply.raw.statusCode;
        return reply;
      }
      if (info.verb === 'watch' || info.subresource === 'log') {
        await stream(deps, ctx, flow, reply);
        code = reply.raw.statusCode;
        return reply;
      }
      const answer = await deps.flow.run(flow, () => deps.dispatcher.answer(ctx));
      code = answer.code;
      if (ctx.warnings.length > 0) reply.header('warning', warningHeaders(ctx));
      if (answer.body instanceof Parts) {
        await sendParts(reply, answer.type, answer.body);
        return reply;
      }
      told = answer.body;
      return reply.code(answer.code).type(answer.type).send(answer.body);
    } catch (e) {
      const status = statusOf(e);
      code = status.code;
      if (code >= 500) deps.logger.warn({ err: e, path: info.path, verb: info.verb }, 'request failed');
      return sendStatus(reply, status);
    } finally {
      const labels = { verb: info.verb, resource: resourceLabel(deps.resources, info), code };
      deps.metrics.observe(labels, (performance.now() - started) / 1000);
      const answer = told === undefined ? {} : { answer: told };
      deps.audit?.record({ info, user, request: request.raw, body, code, received, annotations, ...answer });
    }
  };
}

/** A long body, written to the socket piece by piece. */
async function sendParts(reply: FastifyReply, type: string, parts: Parts): Promise<void> {
  reply.hijack();
  reply.raw.writeHead(200, {
    ...(reply.getHeaders() as OutgoingHttpHeaders),
    'content-type': type,
    'content-length': parts.length,
  });
  await writeParts(reply.raw, parts);
}

/** RFC 7234 warn-text: quoted, without control characters. */
const warningHeader = (text: string): string =>
  `299 - "${text.replace(/[\\"]/g, (c) => `\\${c}`).replace(/\p{Cc}/gu, ' ')}"`;

const warningHeaders = ({ warnings }: RequestContext): string[] => [...new Set(warnings)].map(warningHeader);

/** Tells of a version that should not be used any more. */
function warnOfVersion({ resources }: ServerDeps, { info, warnings, annotations }: RequestContext): void {
  const deprecated = resources.find(info.group, info.version, info.resource)?.kind.deprecated;
  if (deprecated === undefined) return;
  warnings.push(deprecated);
  annotations?.set('k8s.io/deprecated', 'true');
}

/** An error on a connection that Fastify no longer manages. */
function rawStatus(raw: ServerResponse, e: unknown, accept?: string): void {
  if (raw.headersSent) {
    raw.destroy();
    return;
  }
  const status = statusOf(e);
  const { type, body } = statusBody(status, accept);
  const retry = status.details?.retryAfterSeconds;
  if (retry !== undefined) raw.setHeader('retry-after', String(retry));
  raw.writeHead(status.code, { 'content-type': type }).end(body);
}

/** Requests for what runs in pods, and for agents, by `proxy`. */
async function passOn(
  deps: ServerDeps,
  ctx: RequestContext,
  request: FastifyRequest,
  reply: FastifyReply,
): Promise<void> {
  resourceOf(deps.resources, ctx);
  await admitConnection(ctx, deps.resources, deps.connectAdmission);
  const { target, path } = await proxyTarget(deps.resources, ctx.info, ctx.query, deps.agentTls);
  reply.hijack();
  try {
    await forward({ request: request.raw, response: reply.raw, body: ctx.body }, target, path, deps.clock);
  } catch (e) {
    rawStatus(reply.raw, e, ctx.headers.accept);
  }
}

/** Watches and logs write to the socket themselves. A watch has a seat while it begins. */
async function stream(deps: ServerDeps, ctx: RequestContext, flow: Classified, reply: FastifyReply): Promise<void> {
  const watching = ctx.info.verb === 'watch';
  const resource = watching ? watchedOf(deps.resources, ctx) : resourceOf(deps.resources, ctx);
  const target = watching ? undefined : await agentTarget(deps.resources, ctx.info, ctx.query);
  if (ctx.warnings.length > 0) reply.raw.setHeader('warning', warningHeaders(ctx));
  reply.hijack();
  const { watchers, clock } = deps;
  const seated = <T>(work: () => Promise<T>): Promise<T> => deps.flow.run(flow, work);
  try {
    if (!target) await watchObjects(ctx, resource, new HttpOutlet(reply.raw), { watchers, clock, seated });
    else
      await pipeRequest(
        { request: reply.request.raw, response: reply.raw },
        { ...target, tls: deps.agentTls },
        deps.clock,
      );
  } catch (e) {
    rawStatus(reply.raw, e, ctx.headers.accept);
  }
}
