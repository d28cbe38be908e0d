import { once } from 'node:events';
import { statSync } from 'node:fs';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { pipeline } from 'node:stream/promises';
import { parseSeconds } from '../commands/logs.ts';
import type { CliContext } from '../context.ts';
import { CliError } from '../errors.ts';
import { StaticFiles } from './static-files.ts';

export interface ProxyFlags {
  readonly port?: string;
  readonly address?: string;
  readonly apiPrefix?: string;
  readonly acceptHosts?: string;
  readonly acceptPaths?: string;
  readonly rejectPaths?: string;
  readonly rejectMethods?: string;
  readonly disableFilter?: boolean;
  readonly unixSocket?: string;
  /** Folder of files that are served, too. */
  readonly www?: string;
  readonly wwwPrefix?: string;
  /** The path of the server's address goes before that of each request. */
  readonly appendServerPath?: boolean;
  readonly keepalive?: string;
}

/** kubectl's: a page in a browser must not reach containers through us. */
const DEFAULTS = {
  acceptHosts: String.raw`^localhost$,^127\.0\.0\.1$,^\[::1\]$`,
  acceptPaths: '^.*',
  rejectPaths: '^/api/.*/pods/.*/exec,^/api/.*/pods/.*/attach',
  rejectMethods: '^$',
};

/** Hop by hop: not passed on (RFC 9110 §7.6.1). */
const HOP = new Set([
  'connection',
  'keep-alive',
  'transfer-encoding',
  'upgrade',
  'host',
  'authorization',
  'te',
  'trailer',
]);

const passed = (headers: IncomingMessage['headers']) =>
  Object.fromEntries(Object.entries(headers).filter(([k]) => !HOP.has(k)));

/** Whether a request may pass. */
function filterOf(o: ProxyFlags): (host: string, path: string, method: string) => boolean {
  if (o.disableFilter) return () => true;
  const list = (text: string): RegExp[] => text.split(',').map((t) => new RegExp(t));
  const any = (list: readonly RegExp[], text: string): boolean => list.some((r) => r.test(text));
  const hosts = list(o.acceptHosts ?? DEFAULTS.acceptHosts);
  const paths = list(o.acceptPaths ?? DEFAULTS.acceptPaths);
  const noPaths = list(o.rejectPaths ?? DEFAULTS.rejectPaths);
  const noMethods = list(o.rejectMethods ?? DEFAULTS.rejectMethods);
  return (host, path, method) =>
    any(hosts, host.replace(/:\d+$/, '')) && any(paths, path) && !any(noPaths, path) && !any(noMethods, method);
}

async function answer(ctx: CliContext, request: IncomingMessage, response: ServerResponse): Promise<void> {
  const { method = 'GET', url = '/', headers } = request;
  try {
    const from = await ctx.rest.pass({ method, path: url, headers: passed(headers), body: request });
    response.writeHead(from.statusCode ?? 502, passed(from.headers));
    await pipeline(from, response);
  } catch (e) {
    if (!response.headersSent) response.writeHead(502).end(`${(e as Error).message}\n`);
    else response.destroy();
  }
}

function filesOf(o: ProxyFlags): StaticFiles | undefined {
  if (!o.www) return undefined;
  if (!statSync(o.www, { throwIfNoEntry: false })?.isDirectory()) throw new CliError(`--www: "${o.www}" is no folder`);
  return new StaticFiles(o.www, o.wwwPrefix ?? '/static/');
}

/** `cox proxy`: the API on a local port, as the user of the kubeconfig, until it is interrupted. */
export async function proxy(ctx: CliContext, o: ProxyFlags): Promise<void> {
  const port = Number(o.port ?? 8001);
  if (!Number.isInteger(port) || port < 0 || port > 65_535)
    throw new CliError(`invalid argument "${o.port}" for "-p, --port" flag: not a port`);
  const allowed = filterOf(o);
  const prefix = (o.apiPrefix ?? '/').replace(/\/$/, '');
  const files = filesOf(o);
  const server = createServer((request, response) => {
    const path = (request.url ?? '/').split('?')[0] ?? '';
    if (files && path.startsWith(files.prefix)) void files.serve(request, response);
    else if (!allowed(request.headers.host ?? '', path, request.method ?? ''))
      response.writeHead(403).end('Forbidden\n');
    else if (!path.startsWith(prefix)) response.writeHead(404).end('404 page not found\n');
    else {
      request.url = (request.url ?? '/').slice(prefix.length) || '/';
      void answer(ctx, request, response);
    }
  });
  server.keepAliveTimeout = parseSeconds(o.keepalive ?? '0s') * 1000 || server.keepAliveTimeout;
  if (o.unixSocket) server.listen(o.unixSocket);
  else server.listen(port, o.address ?? '127.0.0.1');
  await once(server, 'listening');
  const at = server.address();
  ctx.out(
    `Starting to serve on ${typeof at === 'string' ? at : `${(at as AddressInfo).address}:${(at as AddressInfo).port}`}\n`,
  );
  if (!ctx.signal.aborted) await once(ctx.signal, 'abort');
  server.closeAllConnections();
  server.close();
}
