import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { Registry } from 'prom-client';
import { parseHostPort } from './flags.ts';
import { type Checks, HealthPages, NOT_FOUND, type Page } from './health-pages.ts';
import { UserError } from './user-error.ts';
import { versionInfo } from './version.ts';

export interface HealthOptions {
  /** host:port; empty = no server. */
  readonly address: string;
  /** Liveness: a failure means "restart me". */
  readonly checks: Checks;
  /** Readiness: all of `checks` and these. */
  readonly ready?: Checks;
  /** Paths that are answered in another way than is usual. */
  readonly pages?: Readonly<Record<string, () => Page>>;
  /** What /metrics shows. */
  readonly registry: Registry;
}

export interface HealthServer {
  /** Where it listens; undefined when the address was empty. */
  readonly address: { readonly host: string; readonly port: number } | undefined;
  /** What it answers with, for a server of the process's own that shows the same. */
  readonly health: HealthPages;
  close(): Promise<void>;
}

async function answer(o: HealthOptions, health: HealthPages, request: IncomingMessage): Promise<Page> {
  const { pathname, searchParams } = new URL(request.url ?? '/', 'http://localhost');
  if (request.method !== 'GET' && request.method !== 'HEAD')
    return { ...NOT_FOUND, code: 405, body: '405 method not allowed\n' };
  const own = Object.hasOwn(o.pages ?? {}, pathname) ? o.pages?.[pathname]?.() : undefined;
  if (own) return own;
  if (pathname === '/metrics') return { code: 200, type: o.registry.contentType, body: await o.registry.metrics() };
  if (pathname === '/version')
    return { code: 200, type: 'application/json', body: JSON.stringify(versionInfo, null, 2) };
  return (await health.answer(pathname, searchParams)) ?? NOT_FOUND;
}

function send(response: ServerResponse, { code, type, body }: Page): void {
  const headers = { 'content-type': type, 'cache-control': 'no-store', 'x-content-type-options': 'nosniff' };
  response.writeHead(code, headers).end(body);
}

/**
 * Serves /livez, /readyz, /healthz and /metrics/slis (HealthPages), /metrics and /version over plain HTTP.
 * @throws UserError when the address is not host:port, the system's error when it cannot be listened on.
 */
export async function startHealthServer(o: HealthOptions): Promise<HealthServer> {
  const { checks } = o;
  const health = new HealthPages({ livez: checks, readyz: { ...checks, ...o.ready }, healthz: checks });
  if (o.address === '') return { address: undefined, health, close: () => Promise.resolve() };
  const where = parseHostPort(o.address);
  if (!where) throw new UserError(`--health-address ${o.address} is not host:port, such as 127.0.0.1:10259`);
  const server = createServer((request, response) => {
    answer(o, health, request).then(
      (page) => send(response, page),
      (e: unknown) => send(response, { ...NOT_FOUND, code: 500, body: String(e) }),
    );
  });
  await listen(server, where.port, where.host);
  const bound = server.address();
  const port = typeof bound === 'object' && bound ? bound.port : where.port;
  return { address: { host: where.host || '127.0.0.1', port }, health, close: () => close(server) };
}

const listen = (server: Server, port: number, host: string): Promise<void> =>
  new Promise((resolve, reject) => {
    server.once('error', reject);
    server.listen({ port, ...(host ? { host } : {}) }, () => {
      server.off('error', reject);
      resolve();
    });
  });

const close = (server: Server): Promise<void> =>
  new Promise((resolve) => {
    server.close(() => resolve());
    server.closeAllConnections();
  });
