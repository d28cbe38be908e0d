import { once } from 'node:events';
import { createServer, type Http2Server, type ServerHttp2Session, type ServerHttp2Stream } from 'node:http2';
import type { AddressInfo } from 'node:net';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { systemClock } from '#async/clock.ts';
import { GrpcConnection } from './connection.ts';

/** A server whose `/Echo` repeats, `/Fail` refuses, `/Empty` says nothing and `/Silent` never ends. */
let server: Http2Server;
/** An address of this machine that nobody else uses: a port of it that was given up stays free. */
const OWN = `127.1.${(process.pid >> 8) & 255}.${process.pid & 255}`;
let port = 0;
let sessions: ServerHttp2Session[] = [];
let connection: GrpcConnection;

function serve(stream: ServerHttp2Stream, path: unknown): void {
  stream.on('error', () => {});
  if (path === '/Silent') return;
  if (path === '/Fail') {
    stream.respond({ ':status': 200, 'grpc-status': '9', 'grpc-message': '100 %25 wrong' }, { endStream: true });
    return;
  }
  stream.respond({ ':status': 200, 'content-type': 'application/grpc' }, { waitForTrailers: true });
  stream.on('wantTrailers', () => stream.sendTrailers({ 'grpc-status': '0' }));
  if (path === '/Empty') stream.end();
  else stream.pipe(stream);
}

async function listen(at = 0): Promise<void> {
  server = createServer();
  sessions = [];
  server.on('session', (s) => {
    s.on('error', () => {});
    sessions.push(s);
  });
  server.on('stream', (stream, headers) => serve(stream, headers[':path']));
  server.listen(at, OWN);
  await once(server, 'listening');
  port = (server.address() as AddressInfo).port;
}

async function shut(): Promise<void> {
  for (const s of sessions) s.destroy();
  const closed = once(server, 'close');
  server.close();
  await closed;
}

const later = (ms = 60_000): number => Date.now() + ms;
const echo = async (text: string): Promise<string> =>
  String(await connection.unary('/Echo', Buffer.from(text), later()));

beforeEach(async () => {
  await listen();
  connection = new GrpcConnection({ url: `http://${OWN}:${port}`, clock: systemClock });
});
afterEach(async () => {
  connection.close();
  await shut();
});

test('calls share one connection, and large ones pass', async () => {
  const texts = ['a', 'b'.repeat(100_000), 'c'];
  expect(await Promise.all(texts.map(echo))).toEqual(texts);
  expect(sessions.length).toBe(1);
  const large = Buffer.alloc(9 << 20, 'x');
  expect((await connection.unary('/Echo', large, later())).equals(large)).toBe(true);
});

test('refusals are told in the words of the server', async () => {
  await expect(connection.unary('/Fail', Buffer.alloc(0), later())).rejects.toThrow(
    'rpc error: code = FailedPrecondition desc = 100 % wrong',
  );
  await expect(connection.unary('/Empty', Buffer.alloc(0), later())).rejects.toThrow('without a message');
});

test('a late call fails alone; the connection answers its ping and stays', async () => {
  await expect(connection.unary('/Silent', Buffer.alloc(0), later(20))).rejects.toThrow('code = DeadlineExceeded');
  expect(await echo('still there')).toBe('still there');
  expect(sessions.length).toBe(1);
});

test('calls on a connection that breaks fail, the next one makes another', async () => {
  expect(await echo('a')).toBe('a');
  const silent = connection.unary('/Silent', Buffer.alloc(0), later());
  silent.catch(() => {});
  await expect.poll(() => sessions.length, { timeout: 30_000 }).toBe(1);
  sessions[0]?.destroy();
  await expect(silent).rejects.toThrow('code = Unavailable');
  expect(await echo('b')).toBe('b');
  expect(sessions.length).toBe(2);
});

test('a server that says goodbye gets no further calls on that connection', async () => {
  expect(await echo('a')).toBe('a');
  sessions[0]?.goaway();
  await expect.poll(async () => [await echo('b'), sessions.length], { timeout: 30_000 }).toEqual(['b', 2]);
});

test('a server that is not there, then is', async () => {
  await shut();
  await expect(connection.unary('/Echo', Buffer.alloc(0), later())).rejects.toThrow('ECONNREFUSED');
  await listen(port);
  expect(await echo('back')).toBe('back');
});

test('a closed one calls nobody', async () => {
  connection.close();
  await expect(connection.unary('/Echo', Buffer.alloc(0), later())).rejects.toThrow('the connection is closed');
});
