import { once } from 'node:events';
import { connect as connectHttp2 } from 'node:http2';
import { request as requestTls } from 'node:https';
import { connect, createServer } from 'node:net';
import { text } from 'node:stream/consumers';
import { connect as connectTls } from 'node:tls';
import { describe, expect, test } from 'vitest';
import { WebSocket } from 'ws';
import { Endpoint } from '../endpoints.ts';
import { authority } from '../fixtures.ts';
import { answer, certificate, DEAD_PORTS, listening, useFront } from './front-fixture.ts';

const site = useFront();

/** Every name is this machine. */
const lookup = ((_host: string, _o: object, done: (e: null, all: object[]) => void) =>
  done(null, [{ address: '127.0.0.1', family: 4 }])) as never;

describe('TLS', () => {
  const ca = authority.cert;
  const tls = (o: object = {}) => ({ host: '127.0.0.1', port: site.listeners.httpsPort, servername: 'h', ca, ...o });

  test('HTTP/1.1, and plain HTTP is sent there', async () => {
    site.serve({}, '/', true);
    site.handler = (req, res) => res.end(`${req.headers['x-forwarded-proto']} ${req.headers['x-forwarded-port']}`);
    const req = requestTls({ ...tls(), headers: { host: 'h' }, agent: false });
    req.end();
    expect(await answer(req)).toMatchObject({ status: 200, body: 'https 443' });
    expect(await site.ask('/x?y=1')).toMatchObject({ status: 308, headers: { location: 'https://h/x?y=1' } });
    site.serve({ sslRedirect: false }, '/', true);
    expect((await site.ask('/')).status).toBe(200);
  });

  test('HTTP/2: many requests on one connection, with bodies', async () => {
    site.handler = (req, res) => {
      res.writeHead(200, { 'set-cookie': ['a=1', 'b=2'], connection: 'keep-alive' });
      req.pipe(res);
    };
    const session = connectHttp2(`https://h:${site.listeners.httpsPort}`, {
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
    site.certificates.set('h', await certificate(['h']));
    expect(await serialOf('h')).not.toBe(before);
    await expect(serialOf('nobody')).rejects.toThrow();
  });

  test('WebSocket', async () => {
    const ws = new WebSocket(`wss://h:${site.listeners.httpsPort}/ws`, {
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
    new WebSocket(`ws://127.0.0.1:${site.listeners.httpPort}${path}`, { headers: { host: 'h' } });

  test('both ways, until one end closes', async () => {
    const ws = open('/ws');
    await once(ws, 'open');
    for (const word of ['one', 'two']) {
      ws.send(word);
      expect(String((await once(ws, 'message'))[0])).toBe(`echo ${word}`);
    }
    expect(site.statuses).toEqual([101]);
    const [server] = site.sockets.clients;
    server?.close();
    await once(ws, 'close');
    await expect.poll(() => site.endpoints.map((e) => e.active), { timeout: 30_000 }).toEqual([0, 0]);
  });

  test('the new protocol is passed on, however its header is surrounded', async () => {
    const server = createServer((s) => {
      const reply = 'HTTP/1.1 101 Switching\r\nconnection: upgrade\r\nupgrade: own/1\r\n\r\nhello';
      s.on('error', () => {}).once('data', () => s.end(reply));
    });
    const endpoint = new Endpoint('127.0.0.1', await listening(server));
    site.endpoints = [endpoint];
    const socket = connect(site.listeners.httpPort, '127.0.0.1');
    socket.write('GET / HTTP/1.1\r\nHost: h\r\nConnection: Upgrade\r\nUpgrade: own/1\r\n\r\n');
    expect(await text(socket)).toBe(
      'HTTP/1.1 101 Switching Protocols\r\nconnection: Upgrade\r\nupgrade: own/1\r\n\r\nhello',
    );
    endpoint.drain();
    server.close();
  });

  test('past an endpoint that cannot be reached', async () => {
    site.endpoints = [new Endpoint('127.0.0.1', DEAD_PORTS[0]), new Endpoint('127.0.0.1', site.ports[0] ?? 0)];
    for (let i = 0; i < 4; i++) {
      const ws = open('/ws');
      await once(ws, 'open');
      ws.close();
      await once(ws, 'close');
    }
  });

  test('a refusal is passed on, and the connection is not used for another request', async () => {
    const socket = connect(site.listeners.httpPort, '127.0.0.1');
    const upgrade =
      'Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: x\r\n';
    socket.write(`GET /no HTTP/1.1\r\nHost: h\r\n${upgrade}\r\nGET /second HTTP/1.1\r\nHost: h\r\n\r\n`);
    const all = await text(socket);
    expect(all).toMatch(/^HTTP\/1.1 403 Forbidden\r\n(.*\r\n)+no$/);
  });
});
