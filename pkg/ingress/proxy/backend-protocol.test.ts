import { once } from 'node:events';
import { createServer, request } from 'node:http';
import {
  type ClientHttp2Session,
  type ClientHttp2Stream,
  connect,
  constants,
  createServer as createHttp2Server,
  type IncomingHttpHeaders,
  type IncomingHttpStatusHeader,
  type ServerHttp2Stream,
} from 'node:http2';
import type { Server } from 'node:net';
import { BlockList } from 'node:net';
import { text } from 'node:stream/consumers';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { WebSocket, WebSocketServer } from 'ws';
import type { Secret } from '#api/kinds/index.ts';
import type { Stored } from '#api/meta/objectmeta.ts';
import { systemClock } from '#async/clock.ts';
import type { AccessLog } from '../access-log.ts';
import { Endpoint } from '../endpoints.ts';
import { authority, certificateFor } from '../fixtures.ts';
import { DEFAULT_SETTINGS } from '../rules/annotations.ts';
import { Certificate } from '../rules/certificates.ts';
import { rulePath } from '../rules/path.ts';
import { RouteTable } from '../rules/route-table.ts';
import { Front } from './front.ts';
import { type Listeners, listen } from './listeners.ts';

/** What the backend, which speaks HTTP/2 without TLS, does with a stream; each test sets its own. */
let handler: (stream: ServerHttp2Stream, headers: IncomingHttpHeaders) => void;
const backend = createHttp2Server();
backend.on('stream', (stream, headers) => {
  stream.on('error', () => {});
  handler(stream, headers);
});
const old = createServer((_req, res) => res.end('old'));
const sockets = new WebSocketServer({ server: old });
sockets.on('connection', (ws) => ws.on('message', (m) => ws.send(`echo ${String(m)}`)));

const portOf = async (server: Server): Promise<number> => {
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return (server.address() as { port: number }).port;
};
let endpoints: Endpoint[] = [];
let good: Endpoint;
let oldPort = 0;
let listeners: Listeners;
let front: Front;
let session: ClientHttp2Session;

beforeAll(async () => {
  const routes = new RouteTable();
  const path = rulePath('/', 'Prefix');
  routes.add('h', path, {
    ...{ ingress: 'ns/i', backend: { namespace: 'ns', service: 'svc', port: 80 }, settings: DEFAULT_SETTINGS },
    ...{ protocol: 'h2c', tls: false, depth: path.depth, exact: path.exact },
  });
  front = new Front({
    ...{ endpoints: { of: () => endpoints }, clock: systemClock, trusted: new BlockList() },
    ...{ httpPort: 80, httpsPort: 443, routes: () => routes, observe() {} },
    log: { enabled: false } as AccessLog,
  });
  const { cert, key } = await certificateFor(['h']);
  const data = { 'tls.crt': Buffer.from(cert).toString('base64'), 'tls.key': Buffer.from(key).toString('base64') };
  const secret = { metadata: { uid: 'u', resourceVersion: '1' }, data } as unknown as Stored<Secret>;
  const certificate = new Certificate(secret);
  listeners = await listen({
    ...{ front, clock: systemClock, address: '127.0.0.1', httpPort: 0, httpsPort: 0, certificate: () => certificate },
  });
  good = new Endpoint('127.0.0.1', await portOf(backend));
  oldPort = await portOf(old);
  session = connect(`https://127.0.0.1:${listeners.httpsPort}`, { ca: authority.cert, servername: 'h' });
  await once(session, 'connect');
});
afterAll(async () => {
  session.destroy();
  for (const ws of sockets.clients) ws.terminate();
  old.close();
  backend.close();
  good.drain();
  await listeners.close();
});
beforeEach(() => {
  endpoints = [good];
  handler = (stream) => {
    stream.respond({ ':status': 200 });
    stream.pipe(stream);
  };
});

const post = (path = '/'): ClientHttp2Stream =>
  session.request({ ':method': 'POST', ':path': path, ':authority': 'h', te: 'trailers' });
const headersOf = async (stream: ClientHttp2Stream) =>
  (await once(stream, 'response')) as [IncomingHttpHeaders & IncomingHttpStatusHeader, number];

describe('HTTP/2 to pods', () => {
  test('many requests with bodies, on few connections', async () => {
    const connections = new Set<unknown>();
    handler = (stream, headers) => {
      connections.add(stream.session);
      stream.respond({ ':status': 200, 'x-saw': `${headers[':authority']} ${headers['x-forwarded-proto']}` });
      stream.pipe(stream);
    };
    const one = async (n: number) => {
      const stream = post();
      stream.end(`body ${n}`);
      const [headers] = await headersOf(stream);
      return [headers[':status'], headers['x-saw'], await text(stream)];
    };
    const round = () => Promise.all(Array.from({ length: 40 }, (_, n) => one(n)));
    const wanted = Array.from({ length: 40 }, (_, n) => [200, 'h https', `body ${n}`]);
    expect(await round()).toEqual(wanted);
    const opened = connections.size;
    expect(await round()).toEqual(wanted);
    expect(connections.size).toBe(opened);
  });

  test('from a client of HTTP/1.1', async () => {
    const req = request({
      port: listeners.httpPort,
      host: '127.0.0.1',
      method: 'PUT',
      headers: { host: 'h' },
      agent: false,
    });
    req.end('body');
    const [res] = await once(req, 'response');
    expect([res.statusCode, await text(res)]).toEqual([200, 'body']);
  });

  test('past one that cannot be reached, with a body', async () => {
    // Port 1 is nobody's.
    endpoints = [new Endpoint('127.0.0.1', 1), good];
    for (let n = 0; n < 6; n++) {
      const stream = post();
      stream.end('x');
      expect([(await headersOf(stream))[0][':status'], await text(stream)]).toEqual([200, 'x']);
    }
  });

  test('a pod that speaks only HTTP/1.1: 502', async () => {
    const wrong = new Endpoint('127.0.0.1', oldPort);
    endpoints = [wrong];
    const stream = post();
    stream.end('x');
    expect((await headersOf(stream))[0][':status']).toBe(502);
    stream.close();
    wrong.drain();
  });

  test('a WebSocket is one of HTTP/1.1 there too', async () => {
    const both = new Endpoint('127.0.0.1', oldPort);
    endpoints = [both];
    const ws = new WebSocket(`ws://127.0.0.1:${listeners.httpPort}/`, { headers: { host: 'h' } });
    await once(ws, 'open');
    ws.send('x');
    expect(String((await once(ws, 'message'))[0])).toBe('echo x');
    ws.close();
    await once(ws, 'close');
    both.drain();
  });
});

describe('gRPC', () => {
  test('a call: trailers come after the body, and the pod is told that they may', async () => {
    let te: unknown;
    handler = (stream, headers) => {
      ({ te } = headers);
      stream.respond({ ':status': 200, 'content-type': 'application/grpc' }, { waitForTrailers: true });
      stream.on('wantTrailers', () => stream.sendTrailers({ 'grpc-status': '0', 'grpc-message': 'fine' }));
      stream.end('answer');
    };
    const stream = post('/pkg.Service/Call');
    stream.end('question');
    const trailers = once(stream, 'trailers');
    const [headers] = await headersOf(stream);
    expect([headers['content-type'], await text(stream)]).toEqual(['application/grpc', 'answer']);
    expect((await trailers)[0]).toMatchObject({ 'grpc-status': '0', 'grpc-message': 'fine' });
    expect(te).toBe('trailers');
  });

  test('an error without a body ends with its headers', async () => {
    handler = (stream) => {
      stream.respond({ ':status': 200, 'content-type': 'application/grpc', 'grpc-status': '12' }, { endStream: true });
    };
    const stream = post('/pkg.Service/Unknown');
    stream.end('question');
    const [headers, flags] = await headersOf(stream);
    expect(headers['grpc-status']).toBe('12');
    expect(flags & constants.NGHTTP2_FLAG_END_STREAM).not.toBe(0);
    expect(await text(stream)).toBe('');
  });

  test('a stream both ways: each message is answered before the next one is sent', async () => {
    const stream = post('/pkg.Service/Chat');
    for (const word of ['one', 'two', 'three']) {
      stream.write(word);
      expect(String((await once(stream, 'data'))[0])).toBe(word);
    }
    stream.end();
    await once(stream, 'end');
  });

  test('a client that cancels cancels at the pod', async () => {
    const cancelled = Promise.withResolvers<number>();
    handler = (stream) => {
      stream.respond({ ':status': 200 });
      stream.write('first');
      stream.on('close', () => cancelled.resolve(stream.rstCode));
    };
    const stream = post('/pkg.Service/Watch');
    stream.write('question');
    await once(stream, 'data');
    stream.close(constants.NGHTTP2_CANCEL);
    await cancelled.promise;
    await expect.poll(() => [front.active, good.active], { timeout: 30_000 }).toEqual([0, 0]);
  });
});
