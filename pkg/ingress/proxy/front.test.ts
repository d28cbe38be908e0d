import { once } from 'node:events';
import { type IncomingMessage, request } from 'node:http';
import { createServer as createTcpServer } from 'node:net';
import { buffer } from 'node:stream/consumers';
import { describe, expect, test } from 'vitest';
import { systemClock } from '#async/clock.ts';
import { Endpoint } from '../endpoints.ts';
import { busy } from '../fixtures.ts';
import { answer, DEAD_PORTS, listening, useFront } from './front-fixture.ts';
import { requestHeaders } from './headers.ts';

const site = useFront();

describe('a request', () => {
  test('reaches the backend with its own headers and those that say where it came from', async () => {
    site.handler = (req, res) => res.end(JSON.stringify([req.method, req.url, req.headers]));
    const { body } = await site.ask('/x?y=1', {
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
    site.handler = (req, res) => res.end(`${req.headers['x-forwarded-for']} ${req.headers['x-forwarded-proto']}`);
    const headers = { 'x-forwarded-for': '6.6.6.6', 'x-forwarded-proto': 'https' };
    expect((await site.ask('/', { localAddress: '127.0.0.2', headers })).body).toBe('6.6.6.6, 127.0.0.2 https');
  });

  test('brings back status, headers, and the body whatever its form', async () => {
    site.handler = (_req, res) => {
      res.writeHead(418, 'Teapot', { 'set-cookie': ['a=1', 'b=2'], 'x-a': 'b', 'keep-alive': 'timeout=5' });
      res.write('one ');
      res.end('two');
    };
    const { status, headers, body } = await site.ask('/');
    expect([status, body, headers['set-cookie'], headers['x-a']]).toEqual([418, 'one two', ['a=1', 'b=2'], 'b']);
    expect((await site.ask('/', { method: 'HEAD' })).status).toBe(418);
  });

  test.each([false, true])('with a large body, chunked: %s', async (chunked) => {
    site.handler = (req, res) => void req.pipe(res);
    const large = Buffer.alloc(3_000_000, 'x');
    const headers = chunked ? { 'transfer-encoding': 'chunked' } : { 'content-length': String(large.length) };
    const { status, body } = await site.ask('/', { method: 'POST', headers }, large);
    expect([status, body.length]).toEqual([200, large.length]);
  });

  test.each([1, 256, 20_000])('brings back every byte of a body of %i', async (length) => {
    const body = Buffer.from(Array.from({ length }, (_, i) => (i + 128) % 256));
    site.handler = (_req, res) => res.end(body);
    const req = request({ host: '127.0.0.1', port: site.listeners.httpPort, headers: { host: 'h' }, agent: false });
    req.end();
    const [res] = (await once(req, 'response')) as [IncomingMessage];
    expect(res.headers['content-length']).toBe(String(length));
    expect((await buffer(res)).equals(body)).toBe(true);
  });

  test('has its cookies in one header, though over HTTP/2 they may come apart', () => {
    const raw = ['cookie', 'a=1', 'x', 'y', 'cookie', 'b=2'];
    const origin = { client: '192.0.2.1', host: 'h', proto: 'https', port: 443 };
    expect(requestHeaders(raw, undefined, origin).slice(0, 6)).toEqual(['host', 'h', 'cookie', 'a=1; b=2', 'x', 'y']);
  });

  test('is rewritten', async () => {
    site.serve({ rewriteTarget: '/v1/' }, '/api');
    site.handler = (req, res) => res.end(req.url);
    expect((await site.ask('/api/users?q=1')).body).toBe('/v1/users?q=1');
    expect((await site.ask('/api')).body).toBe('/v1');
  });

  test.each([
    ['no rule', '/', { host: 'other' }, 404],
    ['dots', '/a/../b', {}, 400],
    ['a port and a dot after the host', '/', { host: 'H.:80' }, 200],
  ])('%s', async (_, path, headers, status) => {
    expect((await site.ask(path, { headers })).status).toBe(status);
  });

  test('whole URL as target: its host counts', async () => {
    expect((await site.ask('http://h/x', { headers: { host: 'other' } })).status).toBe(200);
  });

  test('is written into the access log', async () => {
    await site.ask('/x?y=1');
    expect(site.logged).toEqual([
      expect.objectContaining({
        ...{ client: '127.0.0.1', method: 'GET', host: 'h', target: '/x?y=1', status: 200, bytes: 5, tries: 1 },
        ...{ ingress: 'ns/i', endpoint: expect.stringMatching(/^127.0.0.1:\d+$/), ms: expect.any(Number) },
      }),
    ]);
  });
});

describe('endpoints', () => {
  test('none: 503', async () => {
    site.endpoints = [];
    expect(await site.ask('/')).toMatchObject({ status: 503, body: expect.stringContaining('"svc" has no endpoints') });
  });

  test('one that cannot be connected to is passed over, also for a POST with a body', async () => {
    site.handler = (req, res) => void req.pipe(res);
    site.stopped = systemClock.now();
    const dead = DEAD_PORTS.map((p) => new Endpoint('127.0.0.1', p));
    site.endpoints = [...dead, new Endpoint('127.0.0.1', site.ports[0] ?? 0)];
    for (let i = 0; i < 20; i++) {
      expect(await site.ask('/', { method: 'POST' }, `body ${i}`)).toMatchObject({ status: 200, body: `body ${i}` });
    }
    // It is not asked again for a while.
    expect(site.logged.slice(-10)).toEqual(Array.from({ length: 10 }, () => expect.objectContaining({ tries: 1 })));
    site.endpoints = dead;
    expect((await site.ask('/')).status).toBe(502);
  });

  test('one that breaks the connection: a GET goes to another, a POST does not', async () => {
    const breaker = createTcpServer((s) => s.once('data', () => s.destroy()));
    const broken = new Endpoint('127.0.0.1', await listening(breaker));
    const good = new Endpoint('127.0.0.1', site.ports[0] ?? 0);
    // Two requests more under way at the good one: the broken one is asked first.
    busy(good, 2);
    site.endpoints = [broken, good];
    const asked = async (method: string): Promise<number[]> =>
      (
        await Promise.all(
          Array.from({ length: 12 }, () => site.ask('/', { method }, method === 'POST' ? 'x' : undefined)),
        )
      ).map((a) => a.status);
    expect(new Set(await asked('GET'))).toEqual(new Set([200]));
    expect(await asked('POST')).toContain(502);
    breaker.close();
  });

  test('the only one, which ends a kept connection as it is asked: a GET is asked again on a new one', async () => {
    const server = createTcpServer((s) => {
      s.on('error', () => {}).once('data', () => {
        s.write('HTTP/1.1 200 OK\r\nkeep-alive: timeout=60\r\ncontent-length: 2\r\n\r\nok');
        s.once('data', () => s.destroy());
      });
    });
    const endpoint = new Endpoint('127.0.0.1', await listening(server));
    site.endpoints = [endpoint];
    for (let i = 0; i < 3; i++) expect((await site.ask('/')).status).toBe(200);
    endpoint.drain();
    server.close();
  });

  test('one whose node is lost: a GET that waits for it goes to another, a POST fails at once', async () => {
    const [a, b] = site.endpoints as [Endpoint, Endpoint];
    const waiting: string[] = [];
    site.handler = (req, res) => {
      if (req.socket.localPort === site.ports[1]) res.end('other');
      else waiting.push(req.method ?? '');
    };
    site.stopped = systemClock.now();
    b.avoid(site.stopped);
    const asked = [site.ask('/'), site.ask('/', { method: 'POST' }, 'x')];
    await expect.poll(() => waiting.sort(), { timeout: 30_000 }).toEqual(['GET', 'POST']);
    a.lose(site.stopped);
    expect(await Promise.all(asked)).toMatchObject([{ status: 200, body: 'other' }, { status: 502 }]);
    expect(a.active).toBe(0);
  });

  test('silence: 504', async () => {
    site.serve({ readTimeoutMs: 300 });
    site.handler = () => {};
    expect((await site.ask('/')).status).toBe(504);
  });

  test('an answer that breaks off is not taken for a whole one', async () => {
    site.handler = (_req, res) => {
      res.write('half');
      setTimeout(() => res.destroy(), 50);
    };
    await expect(site.ask('/')).rejects.toThrow();
  });

  test('a client that leaves takes its request along', async () => {
    const gone = Promise.withResolvers<void>();
    site.handler = (req) => {
      req.once('close', () => gone.resolve());
      leaving.destroy();
    };
    const leaving = request({ host: '127.0.0.1', port: site.listeners.httpPort, headers: { host: 'h' }, agent: false });
    leaving.on('error', () => {});
    leaving.end();
    await gone.promise;
    await expect
      .poll(() => [site.front.active, ...site.endpoints.map((e) => e.active)], { timeout: 30_000 })
      .toEqual([0, 0, 0]);
    await expect.poll(() => site.statuses, { timeout: 30_000 }).toEqual([0]);
  });
});

test('cookie affinity', async () => {
  site.serve({ affinity: { name: 'route', maxAgeSeconds: 60 } });
  const first = await site.ask('/');
  const [cookie = ''] = first.headers['set-cookie'] ?? [];
  expect(cookie).toMatch(/^route=[\w-]{16}; Path=\/; Max-Age=60; HttpOnly$/);
  const headers = { cookie: `x=1; ${cookie.split(';')[0]}` };
  for (let i = 0; i < 20; i++) {
    const again = await site.ask('/', { headers });
    expect([again.headers['x-backend'], again.headers['set-cookie']]).toEqual([first.headers['x-backend'], undefined]);
  }
  // Its endpoint is gone: another, and another cookie.
  site.endpoints = site.endpoints.filter((e) => e.id !== /=([\w-]+)/.exec(cookie)?.[1]);
  const moved = await site.ask('/', { headers });
  expect(moved.headers['x-backend']).not.toBe(first.headers['x-backend']);
  expect(moved.headers['set-cookie']).toHaveLength(1);
});

describe('body size', () => {
  test.each([
    ['announced', { 'content-length': '2000' }],
    ['in chunks', { 'transfer-encoding': 'chunked' }],
  ])('%s: 413', async (_, headers) => {
    site.serve({ maxBodyBytes: 1000 });
    site.handler = (req, res) => void req.resume().once('end', () => res.end());
    expect((await site.ask('/', { method: 'POST', headers }, 'x'.repeat(2000))).status).toBe(413);
    expect((await site.ask('/', { method: 'POST' }, 'x'.repeat(1000))).status).toBe(200);
  });

  test('one that comes too slowly: 408', async () => {
    site.serve({ sendTimeoutMs: 200 });
    site.handler = (req, res) => void req.resume().once('end', () => res.end());
    const slow = request({
      host: '127.0.0.1',
      port: site.listeners.httpPort,
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
