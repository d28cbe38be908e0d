import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo, Socket } from 'node:net';
import { defineKind, type Kind, topLevel } from '#api/kind.ts';
import type { KubeObject, Stored } from '#api/meta/objectmeta.ts';
import { f, str } from '#api/schema/schema.ts';

/** For unit tests: a kind, objects of it, and a small HTTP server that answers as told. */

export interface Thing extends KubeObject {
  data?: string | undefined;
}

export const Things: Kind<Thing> = defineKind<Thing>({
  group: 'test.io',
  version: 'v1',
  kind: 'Thing',
  plural: 'things',
  schema: topLevel('io.test', 'Thing', 'For tests.', { data: f(2, str, 'Anything.') }),
});

/** A stored thing; `name` may be "namespace/name". */
export function thing(
  name: string,
  version: number | string,
  extra: Pick<Thing, 'data'> = {},
  uid = `uid-${name}`,
): Stored<Thing> {
  const [namespace, short] = name.includes('/') ? name.split('/') : ['default', name];
  return {
    apiVersion: 'test.io/v1',
    kind: 'Thing',
    metadata: {
      name: short ?? '',
      namespace: namespace ?? '',
      uid,
      resourceVersion: String(version),
      creationTimestamp: '2026-01-01T00:00:00Z',
    },
    ...extra,
  };
}

export interface Seen {
  readonly method: string;
  readonly url: string;
  readonly headers: IncomingMessage['headers'];
  readonly body: string;
}
export type Handler = (request: Seen, response: ServerResponse, socket: Socket) => void;

export interface StubServer {
  readonly url: string;
  readonly seen: Seen[];
  /** The next requests, one handler each; after that the last one answers all. */
  script(...handlers: Handler[]): void;
  close(): Promise<void>;
  readonly http: Server;
}

/** @param host of this machine */
export async function startStubServer(host = '127.0.0.1'): Promise<StubServer> {
  const seen: Seen[] = [];
  let handlers: Handler[] = [];
  // Only scripts and clients end connections: one that ended of its age while this process is late would fail a write.
  const http = createServer({ keepAliveTimeout: 0 }, (request, response) => {
    const chunks: Buffer[] = [];
    request.on('data', (c: Buffer) => chunks.push(c));
    request.on('end', () => {
      const { method = '', url = '', headers } = request;
      const one = { method, url, headers, body: Buffer.concat(chunks).toString() };
      seen.push(one);
      const handler = handlers.length > 1 ? handlers.shift() : handlers[0];
      if (handler) handler(one, response, request.socket);
      else json(404, { kind: 'Status', reason: 'NotFound', message: 'not scripted' })(one, response, request.socket);
    });
  });
  await new Promise<void>((resolve) => http.listen(0, host, resolve));
  return {
    url: `http://${host}:${(http.address() as AddressInfo).port}`,
    seen,
    http,
    script: (...next) => {
      handlers = next;
    },
    close: () =>
      new Promise((resolve) => {
        http.close(() => resolve());
        http.closeAllConnections();
      }),
  };
}

/** Answers with JSON. */
export const json =
  (code: number, body: unknown, headers: Record<string, string> = {}): Handler =>
  (_request, response) => {
    response.writeHead(code, { 'content-type': 'application/json', ...headers }).end(JSON.stringify(body));
  };

/** Cuts the connection without an answer. */
export const cut: Handler = (_request, _response, socket) => void socket.destroy();

/** Starts a watch answer and hands the open response to `then`. */
export const stream =
  (then: (response: ServerResponse, request: Seen) => unknown): Handler =>
  (request, response) => {
    response.writeHead(200, { 'content-type': 'application/json' });
    response.flushHeaders();
    then(response, request);
  };

export const eventLine = (type: string, object: unknown): string => `${JSON.stringify({ type, object })}\n`;
