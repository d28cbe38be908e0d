import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { Registry } from 'prom-client';
import { systemClock } from '#async/clock.ts';
import { abortable, timeoutSignal } from '#async/signals.ts';
import { parseHostPort } from './flags.ts';
import { UserError } from './user-error.ts';
import { versionInfo } from './version.ts';

/** A check fails by throwing. */
export type Check = () => void | Promise<void>;
export type Checks = Readonly<Record<string, Check>>;

/** What a path is answered with. */
export interface Page {
  readonly code: number;
  readonly type: string;
  readonly body: string;
}

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
  close(): Promise<void>;
}

export interface HealthReport {
  readonly ok: boolean;
  /** One line a check: `[+]etcd ok`, `[-]etcd failed: reason`. */
  readonly text: string;
}

/** A check that takes longer has failed. */
const CHECK_TIMEOUT_MS = 5000;

/** Runs all checks at once and reports them in order, in the form of Kubernetes' verbose health pages. */
export async function runChecks(checks: Checks, excluded: readonly string[] = []): Promise<HealthReport> {
  const lines = await Promise.all(
    Object.entries(checks).map(async ([name, check]) => {
      if (excluded.includes(name)) return `[+]${name} excluded: ok`;
      const limit = timeoutSignal(systemClock, CHECK_TIMEOUT_MS);
      try {
        await abortable(Promise.resolve().then(check), limit.signal);
        return `[+]${name} ok`;
      } catch (e) {
        return `[-]${name} failed: ${e instanceof Error ? e.message : String(e)}`;
      } finally {
        limit.dispose();
      }
    }),
  );
  return { ok: lines.every((l) => l.startsWith('[+]')), text: ['[+]ping ok', ...lines].join('\n') };
}

async function answer(o: HealthOptions, request: IncomingMessage, response: ServerResponse): Promise<void> {
  const url = new URL(request.url ?? '/', 'http://localhost');
  const send = (code: number, type: string, body: string): void => {
    const headers = { 'content-type': type, 'cache-control': 'no-store', 'x-content-type-options': 'nosniff' };
    response.writeHead(code, headers).end(body);
  };
  const text = 'text/plain; charset=utf-8';
  if (request.method !== 'GET' && request.method !== 'HEAD') return send(405, text, '405 method not allowed\n');
  const own = Object.hasOwn(o.pages ?? {}, url.pathname) ? o.pages?.[url.pathname]?.() : undefined;
  if (own) return send(own.code, own.type, own.body);
  if (url.pathname === '/metrics') return send(200, o.registry.contentType, await o.registry.metrics());
  if (url.pathname === '/version') return send(200, 'application/json', JSON.stringify(versionInfo, null, 2));
  const pages = new Map<string, Checks>([
    ['/livez', o.checks],
    ['/healthz', o.checks],
    ['/readyz', { ...o.checks, ...o.ready }],
  ]);
  const checks = pages.get(url.pathname);
  if (!checks) return send(404, text, '404 page not found\n');
  const { ok, text: lines } = await runChecks(checks, url.searchParams.getAll('exclude'));
  if (ok && !url.searchParams.has('verbose')) return send(200, text, 'ok');
  send(ok ? 200 : 500, text, `${lines}\n${url.pathname.slice(1)} check ${ok ? 'passed' : 'failed'}\n`);
}

/**
 * Serves /livez, /readyz, /healthz (`?verbose`, `?exclude=name`), /metrics and /version over plain HTTP.
 * @throws UserError when the address is not host:port, the system's error when it cannot be listened on.
 */
export async function startHealthServer(o: HealthOptions): Promise<HealthServer> {
  if (o.address === '') return { address: undefined, close: () => Promise.resolve() };
  const where = parseHostPort(o.address);
  if (!where) throw new UserError(`--health-address ${o.address} is not host:port, such as 127.0.0.1:10259`);
  const server = createServer((request, response) => {
    answer(o, request, response).catch((e: unknown) => {
      if (!response.headersSent) response.writeHead(500);
      response.end(String(e));
    });
  });
  await listen(server, where.port, where.host);
  const bound = server.address();
  const port = typeof bound === 'object' && bound ? bound.port : where.port;
  return { address: { host: where.host || '127.0.0.1', port }, close: () => close(server) };
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
