import { STATUS_CODES } from 'node:http';
import type { Duplex } from 'node:stream';
import { errors, type Status } from '#api/meta/errors.ts';
import { isWebSocket, type Upgrade } from '#websocket/acceptor.ts';
import { admitConnection } from './admission/connect.ts';
import { relayUpgrade } from './aggregation/relay.ts';
import { ANONYMOUS } from './authn/authenticator.ts';
import { authorize } from './authz/authorize.ts';
import { resourceLabel } from './metrics.ts';
import { tlsOf } from './proxy/forward.ts';
import { pipeUpgrade } from './proxy/upgrade.ts';
import type { RequestContext } from './request/context.ts';
import { isLongRunning, parseRequest } from './request/info.ts';
import { resourceOf, watchedOf } from './rest/dispatch.ts';
import { statusOf } from './rest/respond.ts';
import { watchObjects } from './rest/watch.ts';
import type { ServerDeps } from './server.ts';
import { agentTarget, isConnect, isLog } from './subresources/connect.ts';
import { socketLog } from './subresources/log-socket.ts';
import { isProxy, proxyTarget } from './subresources/proxy.ts';
import { WebSocketOutlet } from './watch/websocket.ts';

const NO_BODY = Buffer.alloc(0);
/** What is written down of a client that did not wait for its answer: nginx's code. */
const CLIENT_GONE = 499;

/**
 * Requests that switch protocols: sessions in pods, watches and logs over WebSocket, what `proxy` names, and what aggregated
 * servers answer for.
 */
export async function handleUpgrade(deps: ServerDeps, upgrade: Upgrade): Promise<void> {
  const { request, socket } = upgrade;
  socket.on('error', () => socket.destroy());
  const received = Date.now();
  const { info, query } = parseRequest(request.method ?? 'GET', request.url ?? '/');
  const { headers } = request;
  let ctx: RequestContext = { info, user: ANONYMOUS, query, headers, body: NO_BODY, warnings: [] };
  let code = 500;
  let began = false;
  const answered = (first: number): void => {
    if (!began && isLongRunning(info)) deps.audit?.started({ ...ctx, request, code: first, received });
    began = true;
  };
  try {
    const user = await deps.authenticate(request);
    ctx = { ...ctx, user, annotations: deps.audit?.begin({ request, user, info, received }) };
    // Both POST (SPDY) and GET (WebSocket) open a session: the permission asked for is "create".
    await authorize(deps.authorizer, { ...ctx, info: isConnect(info) ? { ...info, verb: 'create' } : info });
    code = await answer(deps, ctx, { ...upgrade, answered });
  } catch (e) {
    const status = statusOf(e);
    code = status.code;
    refuse(socket, status);
  } finally {
    answered(code);
    deps.audit?.record({ ...ctx, request, code, received });
  }
}

/** Resolves when the connection is over, with the code of its answer. @throws StatusError while there is none */
async function answer(deps: ServerDeps, ctx: RequestContext, upgrade: Upgrade): Promise<number> {
  const { info, query, user } = ctx;
  const elsewhere = info.isResource ? deps.aggregator.find(info.group, info.version) : undefined;
  if (elsewhere) return relayUpgrade(upgrade, deps.aggregator.target(elsewhere), user, deps.clock);
  if (info.verb === 'watch' && isWebSocket(upgrade)) return watchUpgraded(deps, ctx, upgrade);
  const log = isLog(info) && isWebSocket(upgrade);
  if (!log && !isConnect(info) && !isProxy(info)) throw errors.pathNotFound();
  resourceOf(deps.resources, ctx);
  if (log) return logUpgraded(deps, ctx, upgrade);
  await admitConnection(ctx, deps.resources, deps.connectAdmission);
  if (isProxy(info)) {
    const { target, path } = await proxyTarget(deps.resources, info, query, deps.agentTls);
    return pipeUpgrade(upgrade, { host: target.host, port: target.port, path, tls: tlsOf(target) }, deps.clock);
  }
  const target = await agentTarget(deps.resources, info, query);
  return pipeUpgrade(upgrade, { ...target, tls: deps.agentTls }, deps.clock);
}

/** A log whose pieces are messages of a WebSocket. */
async function logUpgraded(deps: ServerDeps, { info, query }: RequestContext, upgrade: Upgrade): Promise<number> {
  const target = await agentTarget(deps.resources, info, query);
  return socketLog(upgrade, { ...target, tls: deps.agentTls }, deps.clock);
}

/** A watch whose events are messages of a WebSocket; until it begins, it is as any other. */
async function watchUpgraded(deps: ServerDeps, ctx: RequestContext, upgrade: Upgrade): Promise<number> {
  const { watchers, clock, flow, metrics, resources } = deps;
  const { info, user } = ctx;
  const began = performance.now();
  const outlet = new WebSocketOutlet(upgrade);
  let refused: unknown;
  try {
    const resource = watchedOf(resources, ctx);
    const place = flow.classify(user, info);
    const seated = <T>(work: () => Promise<T>): Promise<T> => flow.run(place, work);
    await watchObjects(ctx, resource, outlet, { watchers, clock, seated });
  } catch (e) {
    // What has begun cannot be answered in HTTP any more.
    if (outlet.code === 0) refused = e;
    else outlet.cut();
  }
  const code = refused === undefined ? outlet.code || CLIENT_GONE : statusOf(refused).code;
  const labels = { verb: info.verb, resource: resourceLabel(resources, info), code };
  metrics.observe(labels, (performance.now() - began) / 1000);
  if (refused !== undefined) throw refused;
  return code;
}

/** Answers an upgrade request with an error and closes its connection. */
function refuse(socket: Duplex, status: Status): void {
  const body = JSON.stringify(status);
  const retry = status.details?.retryAfterSeconds;
  const lines = [
    `HTTP/1.1 ${status.code} ${STATUS_CODES[status.code] ?? 'Error'}`,
    'content-type: application/json',
    `content-length: ${Buffer.byteLength(body)}`,
    ...(retry === undefined ? [] : [`retry-after: ${retry}`]),
    'connection: close',
  ];
  socket.end(`${lines.join('\r\n')}\r\n\r\n${body}`);
  // What the client still sends must not keep the connection open.
  socket.resume();
}
