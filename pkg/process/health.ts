import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { Registry } from 'prom-client';
import { UserError } from './main.ts';
import { versionInfo } from './version.ts';

/** A check fails by throwing. */
export type Check = () => void | Promise<void>;

export interface HealthOptions {
  /** host:port; empty = no server. */
  readonly address: string;
  /** Liveness: a failure means "restart me". */
  readonly checks: Readonly<Record<string, Check>>;
  /** Readiness: all of `checks` and these. */
  readonly ready?: Readonly<Record<string, Check>>;
  readonly registry: Registry;
}

async function report(checks: Readonly<Record<string, Check>>): Promise<{ ok: boolean; text: string }> {
  const lines = ['[+]ping ok'];
  let ok = true;
  for (const [name, check] of Object.entries(checks)) {
    try {
      await check();
      lines.push(`[+]${name} ok`);
    } catch (e) {
      ok = false;
      lines.push(`[-]${name} failed: ${(e as Error).message}`);
    }
  }
  return { ok, text: lines.join('\n') };
}

async function answer(o: HealthOptions, request: IncomingMessage, response: ServerResponse): Promise<void> {
  const [path, query = ''] = (request.url ?? '/').split('?');
  const send = (code: number, type: string, body: string): void => {
    response.writeHead(code, { 'content-type': type }).end(body);
  };
  if (path === '/metrics') return send(200, o.registry.contentType, await o.registry.metrics());
  if (path === '/version') return send(200, 'application/json', JSON.stringify(versionInfo));
  const known = { '/livez': o.checks, '/healthz': o.checks, '/readyz': { ...o.checks, ...o.ready } }[path ?? ''];
  if (!known) return send(404, 'text/plain', '404 page not found\n');
  const { ok, text } = await report(known);
  if (ok && !query.includes('verbose')) return send(200, 'text/plain', 'ok');
  return send(ok ? 200 : 500, 'text/plain', `${text}\n${path?.slice(1)} check ${ok ? 'passed' : 'failed'}\n`);
}

/** Serves /livez, /readyz, /healthz, /metrics and /version over plain HTTP. */
export async function startHealthServer(o: HealthOptions): Promise<{ close(): Promise<void> }> {
  if (o.address === '') return { close: () => Promise.resolve() };
  const at = o.address.lastIndexOf(':');
  const port = Number(o.address.slice(at + 1));
  if (at < 0 || !Number.isInteger(port)) throw new UserError(`--health-address ${o.address} is not host:port`);
  const server = createServer((request, response) => {
    answer(o, request, response).catch((e: unknown) => response.writeHead(500).end(String(e)));
  });
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen(port, o.address.slice(0, at) || '127.0.0.1', resolve);
  });
  return {
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}
