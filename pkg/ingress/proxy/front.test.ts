import { once } from 'node:events';
import {
  type ClientRequest,
  createServer,
  type IncomingMessage,
  type RequestOptions,
  request,
  type ServerResponse,
} from 'node:http';
import { connect as connectHttp2 } from 'node:http2';
import { request as requestTls } from 'node:https';
import { BlockList, connect, createServer as createTcpServer, type Server } from 'node:net';
import { buffer, text } from 'node:stream/consumers';
import { connect as connectTls } from 'node:tls';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { WebSocket, WebSocketServer } from 'ws';
import type { Secret } from '#api/kinds/index.ts';
import type { Stored } from '#api/meta/objectmeta.ts';
import { systemClock } from '#async/clock.ts';
import type { AccessLog } from '../access-log.ts';
import { Endpoint } from '../endpoints.ts';
import { authority, busy, certificateFor } from '../fixtures.ts';
import { DEFAULT_SETTINGS } from '../rules/annotations.ts';
import { Certificate } from '../rules/certificates.ts';
import { rulePath } from '../rules/path.ts';
import { RouteTable } from '../rules/route-table.ts';
import type { RouteSettings } from '../rules/types.ts';
import { Front } from './front.ts';
import { type Listeners, listen } from './listeners.ts';

/** What the backends do with a request; each test sets its own. */
let handler: (req: IncomingMessage, res: ServerResponse) => void;
const backends: Server[] = [];
const ports: number[] = [];
const sockets = new WebSocketServer({ noServer: true });
let endpoints: Endpoint[] = [];
let routes = new RouteTable();
let listeners: Listeners;
let certificates = new Map<string, Certificate>();
const statuses: number[] = [];
const logged: object[] = [];

const listening = async (server: Server): Promise<number> => {
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return (server.address() as { port: number }).port;
};

const certificate = async (hosts: string[]): Promise<Certificate> => {
  const { cert, key } = await certificateFor(hosts);
  const data = { 'tls.crt': Buffer.from(cert).toString('base64'), 'tls.key': Buffer.from(key).toString('base64') };
  return new Certificate({ metadata: { uid: 'u', resourceVersion: '1' }, data } as unknown as Stored<Secret>);
};

/** Nobody listens there. */
const DEAD_PORTS = [1, 2] as const;
/** A time that stands still: whoever is avoided stays so. */
let stopped: number | undefined;

let front: Front;
beforeAll(async () => {
  for (const name of ['a', 'b']) {
    const server = createServer((req, res) => {
      res.setHeader('x-backend', name);
      handler(req, res);
    });
    server.on('upgrade', (req, socket, head) => {
      if (req.url !== '/ws') return socket.end('HTTP/1.1 403 Forbidden\r\ncontent-length: 2\r\n\r\nno');
      sockets.handleUpgrade(req, socket, head, (ws) => ws.on('message', (m) => ws.send(`echo ${String(m)}`)));
    });
    ports.push(await listening(server));
    backends.push(server);
  }
  const log = { enabled: true, write: (a: object) => logged.push(a) } as unknown as AccessLog;
  const trusted = new BlockList();
  trusted.addAddress('127.0.0.2');
  front = new Front({
    ...{
      endpoints: { of: () => endpoints },
      clock: { ...systemClock, now: () => stopped ?? systemClock.now() },
      log,
      trusted,
      httpPort: 80,
      httpsPort: 443,
    },
    routes: () => routes,
    observe: (status) => statuses.push(status),
  });
  listeners = await listen({
    ...{ front, clock: systemClock, address: '127.0.0.1', httpPort: 0, httpsPort: 0 },
    certificate: (name) => certificates.get(name),
  });
  certificates = new Map([['h', await certificate(['h'])]]);
});
afterAll(async () => {
  for (const b of backends) b.close();
  await listeners.close();
});

/** One route, for host h. */
const serve = (settings: Partial<RouteSettings> = {}, path = '/', tls = false): void => {
  routes = new RouteTable();
  const parsed = rulePath(path, 'Prefix');
  const backend = { namespace: 'ns', service: 'svc', port: 80 };
  const { protocol = 'http1' } = settings;
  const route = { ingress: 'ns/i', backend, protocol, settings: { ...DEFAULT_SETTINGS, ...settings }, tls };
  routes.add('h', parsed, { ...route, depth: parsed.depth, exact: parsed.exact });
};
beforeEach(() => {
  endpoints = ports.map((p) => new Endpoint('127.0.0.1', p));
  handler = (_req, res) => res.end('hello');
  stopped = undefined;
  statuses.length = 0;
  logged.length = 0;
  serve();
});

interface Answer {
  status: number;
  headers: IncomingMessage['headers'];
  body: string;
}
const answer = async (req: ClientRequest): Promise<Answer> => {
  const [res] = (await once(req, 'response')) as [IncomingMessage];
  return { status: res.statusCode ?? 0, headers: res.headers, body: await text(res) };
};
const ask = (path: string, o: RequestOptions = {}, body?: string | Buffer): Promise<Answer> => {
  const headers = { host: 'h', ...o.headers } as RequestOptions['headers'];
  const req = request({
    host: '127.0.0.1',
    port: listeners.httpPort,
    path,
    agent: false,
    ...o,
    ...(headers ? { headers } : {}),
  });
  req.end(body);
  return answer(req);
};

describe('a request', () => {
  test('reaches the backend with its own headers and those that say where it came from', async () => {
    handler = (req, res) => res.end(JSON.stringify([req.method, req.url, req.headers]));
    const { body } = await ask('/x?y=1', {
      headers: { 'x-own': '1', 'x-forwarded-for': '6.6.6.6', connection: 'close, x-hop', 'x-hop': '1', te: 'gzip' },
    });
    const [method, url, headers] = JSON.parse(body);
    expect([method, url]).toEqual(['GET', '/x?y=1']);
    expect(headers).toEqual({
      ...{
        host: 'h',
        connection: 'keep-alive',
        'x-own': '1',
        'x-forwarded-for': '127.0.0.1',
        'x-real-ip': '127.0.0.1',
      },
      ...{ 'x-forwarded-host': 'h', 'x-forwarded-proto': 'http', 'x-forwarded-port': '80' },
    });
  });

  test('from a trusted peer keeps what that says', async () => {
    handler = (req, res) => res.end(`${req.headers['x-forwarded-for']} ${req.headers['x-forwarded-proto']}`);
    const headers = { 'x-forwarded-for': '6.6.6.6', 'x-forwarded-proto': 'https' };
    expect((await ask('/', { localAddress: '127.0.0.2', headers })).body).toBe('6.6.6.6, 127.0.0.2 https');
  });

  test('brings back status, headers, and the body whatever its form', async () => {
    handler = (_req, res) => {
      res.writeHead(418, 'Teapot', { 'set-cookie': ['a=1', 'b=2'], 'x-a': 'b', 'keep-alive': 'timeout=5' });
      res.write('one ');
      res.end('two');
    };
    const { status, headers, body } = await ask('/');
    expect([status, body, headers['set-cookie'], headers['x-a']]).toEqual([418, 'one two', ['a=1', 'b=2'], 'b']);
    expect((await ask('/', { method: 'HEAD' })).status).toBe(418);
  });

  test.each([false, true])('with a large body, chunked: %s', async (chunked) => {
    handler = (req, res) => void req.pipe(res);
    const large = Buffer.alloc(3_000_000, 'x');
    const headers = chunked ? { 'transfer-encoding': 'chunked' } : { 'content-length': String(large.length) };
    const { status, body } = await ask('/', { method: 'POST', headers }, large);
    expect([status, body.length]).toEqual([200, large.length]);
  });

  test.each([1, 256, 20_000])('brings back every byte of a body of %i', async (length) => {
    const body = Buffer.from(Array.from({ length }, (_, i) => (i + 128) % 256));
    handler = (_req, res) => res.end(body);
    const req = request({ host: '127.0.0.1', port: listeners.httpPort, headers: { host: 'h' }, agent: false });
    req.end();
    const [res] = (await once(req, 'response')) as [IncomingMessage];
    expect(res.headers['content-length']).toBe(String(length));
    expect((await buffer(res)).equals(body)).toBe(true);
  });

  test('is rewritten', async () => {
    serve({ rewriteTarget: '/v1/' }, '/api');
    handler = (req, res) => res.end(req.url);
    expect((await ask('/api/users?q=1')).body).toBe('/v1/users?q=1');
    expect((await ask('/api')).body).toBe('/v1');
  });

  test.each([
    ['no rule', '/', { host: 'other' }, 404],
    ['dots', '/a/../b', {}, 400],
    ['a port and a dot after the host', '/', { host: 'H.:80' }, 200],
  ])('%s', async (_, path, headers, status) => {
    expect((await ask(path, { headers })).status).toBe(status);
  });

  test('whole URL as target: its host counts', async () => {
    expect((await ask('http://h/x', { headers: { host: 'other' } })).status).toBe(200);
  });

  test('is written into the access log', async () => {
    await ask('/x?y=1');
    expect(logged).toEqual([
      expect.objectContaining({
        ...{ client: '127.0.0.1', method: 'GET', host: 'h', target: '/x?y=1', status: 200, bytes: 5, tries: 1 },
        ...{ ingress: 'ns/i', endpoint: expect.stringMatching(/^127.0.0.1:\d+$/), ms: expect.any(Number) },
      }),
    ]);
  });
});

describe('endpoints', () => {
  test('none: 503', async () => {
    endpoints = [];
    expect(await ask('/')).toMatchObject({ status: 503, body: expect.stringContaining('"svc" has no endpoints') });
  });

  test('one that cannot be connected to is passed over, also for a POST with a body', async () => {
    handler = (req, res) => void req.pipe(res);
    stopped = systemClock.now();
    const dead = DEAD_PORTS.map((p) => new Endpoint('127.0.0.1', p));
    endpoints = [...dead, new Endpoint('127.0.0.1', ports[0] ?? 0)];
    for (let i = 0; i < 20; i++) {
      expect(await ask('/', { method: 'POST' }, `body ${i}`)).toMatchObject({ status: 200, body: `body ${i}` });
    }
    // It is not asked again for a while.
    expect(logged.slice(-10)).toEqual(Array.from({ length: 10 }, () => expect.objectContaining({ tries: 1 })));
    endpoints = dead;
    expect((await ask('/')).status).toBe(502);
  });

  test('one that breaks the connection: a GET goes to another, a POST does not', async () => {
    const breaker = createTcpServer((s) => s.once('data', () => s.destroy()));
    const broken = new Endpoint('127.0.0.1', await listening(breaker));
    const good = new Endpoint('127.0.0.1', ports[0] ?? 0);
    // Two requests more under way at the good one: the broken one is asked first.
    busy(good, 2);
    endpoints = [broken, good];
    const asked = async (method: string): Promise<number[]> =>
      (
        await Promise.all(Array.from({ length: 12 }, () => ask('/', { method }, method === 'POST' ? 'x' : undefined)))
      ).map((a) => a.status);
    expect(new Set(await asked('GET'))).toEqual(new Set([200]));
    expect(await asked('POST')).toContain(502);
    breaker.close();
  });

  test('one whose node is lost: a GET that waits for it goes to another, a POST fails at once', async () => {
    const [a, b] = endpoints as [Endpoint, Endpoint];
    const waiting: string[] = [];
    handler = (req, res) => {
      if (req.socket.localPort === ports[1]) res.end('other');
      else waiting.push(req.method ?? '');
    };
    stopped = systemClock.now();
    b.avoid(stopped);
    const asked = [ask('/'), ask('/', { method: 'POST' }, 'x')];
    await expect.poll(() => waiting.sort(), { timeout: 30_000 }).toEqual(['GET', 'POST']);
    a.lose(stopped);
    expect(await Promise.all(asked)).toMatchObject([{ status: 200, body: 'other' }, { status: 502 }]);
    expect(a.active).toBe(0);
  });

  test('silence: 504', async () => {
    serve({ readTimeoutMs: 300 });
    handler = () => {};
    expect((await ask('/')).status).toBe(504);
  });

  test('an answer that breaks off is not taken for a whole one', async () => {
    handler = (_req, res) => {
      res.write('half');
      setTimeout(() => res.destroy(), 50);
    };
    await expect(ask('/')).rejects.toThrow();
  });

  test('a client that leaves takes its request along', async () => {
    const gone = Promise.withResolvers<void>();
    handler = (req) => {
      req.once('close', () => gone.resolve());
      leaving.destroy();
    };
    const leaving = request({ host: '127.0.0.1', port: listeners.httpPort, headers: { host: 'h' }, agent: false });
    leaving.on('error', () => {});
    leaving.end();
    await gone.promise;
    await expect.poll(() => [front.active, ...endpoints.map((e) => e.active)], { timeout: 30_000 }).toEqual([0, 0, 0]);
    await expect.poll(() => statuses, { timeout: 30_000 }).toEqual([0]);
  });
});

test('cookie affinity', async () => {
  serve({ affinity: { name: 'route', maxAgeSeconds: 60 } });
  const first = await ask('/');
  const [cookie = ''] = first.headers['set-cookie'] ?? [];
  expect(cookie).toMatch(/^route=[\w-]{16}; Path=\/; Max-Age=60; HttpOnly$/);
  const headers = { cookie: `x=1; ${cookie.split(';')[0]}` };
  for (let i = 0; i < 20; i++) {
    const again = await ask('/', { headers });
    expect([again.headers['x-backend'], again.headers['set-cookie']]).toEqual([first.headers['x-backend'], undefined]);
  }
  // Its endpoint is gone: another, and another cookie.
  endpoints = endpoints.filter((e) => e.id !== /=([\w-]+)/.exec(cookie)?.[1]);
  const moved = await ask('/', { headers });
  expect(moved.headers['x-backend']).not.toBe(first.headers['x-backend']);
  expect(moved.headers['set-cookie']).toHaveLength(1);
});

describe('body size', () => {
  test.each([
    ['announced', { 'content-length': '2000' }],
    ['in chunks', { 'transfer-encoding': 'chunked' }],
  ])('%s: 413', async (_, headers) => {
    serve({ maxBodyBytes: 1000 });
    handler = (req, res) => void req.resume().once('end', () => res.end());
    expect((await ask('/', { method: 'POST', headers }, 'x'.repeat(2000))).status).toBe(413);
    expect((await ask('/', { method: 'POST' }, 'x'.repeat(1000))).status).toBe(200);
  });

  test('one that comes too slowly: 408', async () => {
    serve({ sendTimeoutMs: 200 });
    handler = (req, res) => void req.resume().once('end', () => res.end());
    const slow = request({
      host: '127.0.0.1',
      port: listeners.httpPort,
      method: 'POST',
      headers: { host: 'h' },
      agent: false,
    });
    slow.on('error', () => {});
    slow.write('x');
    expect((await answer(slow)).status).toBe(408);
    slow.destroy();
  });
});

describe('TLS', () => {
  const ca = authority.cert;
  const tls = (o: object = {}) => ({ host: '127.0.0.1', port: listeners.httpsPort, servername: 'h', ca, ...o });

  test('HTTP/1.1, and plain HTTP is sent there', async () => {
    serve({}, '/', true);
    handler = (req, res) => res.end(`${req.headers['x-forwarded-proto']} ${req.headers['x-forwarded-port']}`);
    const req = requestTls({ ...tls(), headers: { host: 'h' }, agent: false });
    req.end();
    expect(await answer(req)).toMatchObject({ status: 200, body: 'https 443' });
    expect(await ask('/x?y=1')).toMatchObject({ status: 308, headers: { location: 'https://h/x?y=1' } });
    serve({ sslRedirect: false }, '/', true);
    expect((await ask('/')).status).toBe(200);
  });

  test('HTTP/2: many requests on one connection, with bodies', async () => {
    handler = (req, res) => {
      res.writeHead(200, { 'set-cookie': ['a=1', 'b=2'], connection: 'keep-alive' });
      req.pipe(res);
    };
    const session = connectHttp2(`https://h:${listeners.httpsPort}`, {
      ca,
      lookup,
    } as object);
    const one = async (n: number) => {
      const stream = session.request({ ':method': 'POST', ':path': '/', ':authority': 'h' });
      stream.end(`body ${n}`);
      const [headers] = await once(stream, 'response');
      return [headers[':status'], headers['set-cookie'], await text(stream)];
    };
    const all = await Promise.all(Array.from({ length: 20 }, (_, n) => one(n)));
    expect(all).toEqual(Array.from({ length: 20 }, (_, n) => [200, ['a=1', 'b=2'], `body ${n}`]));
    const missing = session.request({ ':path': '/', ':authority': 'other' });
    expect((await once(missing, 'response'))[0][':status']).toBe(404);
    expect(await text(missing)).toContain('no Ingress');
    await new Promise<void>((resolve) => session.close(resolve));
  });

  test('a certificate that changes is shown to the next connection; an unknown name gets none', async () => {
    const serialOf = (servername: string): Promise<string> =>
      new Promise((resolve, reject) => {
        const socket = connectTls({ ...tls({ servername, rejectUnauthorized: false }) }, () => {
          resolve(socket.getPeerCertificate().serialNumber);
          socket.destroy();
        });
        socket.on('error', reject);
      });
    const before = await serialOf('h');
    expect(await serialOf('h')).toBe(before);
    certificates.set('h', await certificate(['h']));
    expect(await serialOf('h')).not.toBe(before);
    await expect(serialOf('nobody')).rejects.toThrow();
  });

  test('WebSocket', async () => {
    const ws = new WebSocket(`wss://h:${listeners.httpsPort}/ws`, {
      ca,
      lookup,
    });
    await once(ws, 'open');
    ws.send('x');
    expect(String((await once(ws, 'message'))[0])).toBe('echo x');
    ws.close();
    await once(ws, 'close');
  });
});

describe('WebSocket', () => {
  const open = (path: string) =>
    new WebSocket(`ws://127.0.0.1:${listeners.httpPort}${path}`, { headers: { host: 'h' } });

  test('both ways, until one end closes', async () => {
    const ws = open('/ws');
    await once(ws, 'open');
    for (const word of ['one', 'two']) {
      ws.send(word);
      expect(String((await once(ws, 'message'))[0])).toBe(`echo ${word}`);
    }
    expect(statuses).toEqual([101]);
    const [server] = sockets.clients;
    server?.close();
    await once(ws, 'close');
    await expect.poll(() => endpoints.map((e) => e.active), { timeout: 30_000 }).toEqual([0, 0]);
  });

  test('past an endpoint that cannot be reached', async () => {
    endpoints = [new Endpoint('127.0.0.1', DEAD_PORTS[0]), new Endpoint('127.0.0.1', ports[0] ?? 0)];
    for (let i = 0; i < 4; i++) {
      const ws = open('/ws');
      await once(ws, 'open');
      ws.close();
      await once(ws, 'close');
    }
  });

  test('a refusal is passed on, and the connection is not used for another request', async () => {
    const socket = connect(listeners.httpPort, '127.0.0.1');
    const upgrade =
      'Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: x\r\n';
    socket.write(`GET /no HTTP/1.1\r\nHost: h\r\n${upgrade}\r\nGET /second HTTP/1.1\r\nHost: h\r\n\r\n`);
    const all = await text(socket);
    expect(all).toMatch(/^HTTP\/1.1 403 Forbidden\r\n(.*\r\n)+no$/);
  });
});

/** Every name is this machine. */
const lookup = ((_host: string, _o: object, done: (e: null, all: object[]) => void) =>
  done(null, [{ address: '127.0.0.1', family: 4 }])) as never;
