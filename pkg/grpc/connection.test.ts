import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import {
  constants,
  createServer,
  type Http2Server,
  type ServerHttp2Session,
  type ServerHttp2Stream,
  type ServerOptions,
} from 'node:http2';
import { createServer as createPlainServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, onTestFinished, test } from 'vitest';
import { systemClock } from '#async/clock.ts';
import { GrpcConnection } from './connection.ts';

/** A server whose `/Echo` repeats, `/Fail` refuses, `/Reset` breaks off, `/Empty` says nothing and `/Silent` never ends. */
let server: Http2Server;
/** An address of this machine that nobody else uses: a port of it that was given up stays free. */
const OWN = `127.1.${(process.pid >> 8) & 255}.${process.pid & 255}`;
let port = 0;
/** What `/Fail` says. */
let words = '';
let sessions: ServerHttp2Session[] = [];
let connection: GrpcConnection;

function serve(stream: ServerHttp2Stream, path: unknown): void {
  stream.on('error', () => {});
  if (path === '/Silent') return;
  if (path === '/Fail') {
    stream.respond({ ':status': 200, 'grpc-status': '9', 'grpc-message': words }, { endStream: true });
    return;
  }
  if (path === '/Reset') {
    stream.close(constants.NGHTTP2_REFUSED_STREAM);
    return;
  }
  stream.respond({ ':status': 200, 'content-type': 'application/grpc' }, { waitForTrailers: true });
  stream.on('wantTrailers', () => stream.sendTrailers({ 'grpc-status': '0' }));
  if (path === '/Empty') stream.end();
  else stream.pipe(stream);
}

async function listen(at: number | string = 0, options: ServerOptions = {}): Promise<void> {
  server = createServer(options);
  sessions = [];
  server.on('session', (s) => {
    s.on('error', () => {});
    sessions.push(s);
  });
  server.on('stream', (stream, headers) => serve(stream, headers[':path']));
  if (typeof at === 'string') server.listen(at);
  else server.listen(at, OWN);
  await once(server, 'listening');
  const address = server.address();
  if (address !== null && typeof address === 'object') port = address.port;
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
  words = '100 %25 wrong';
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

test('a socket of this machine', async () => {
  const dir = mkdtempSync(join(tmpdir(), 'coxswain-grpc-'));
  onTestFinished(() => rmSync(dir, { recursive: true }));
  // A name as etcd gives it, in a folder that needs escaping in a URL.
  const path = join(dir, 'a b:2379');
  await shut();
  await listen(path);
  connection.close();
  connection = new GrpcConnection({ url: new URL(`unix://${path}`).href, clock: systemClock });
  expect(await echo('near')).toBe('near');
  await shut();
  await expect(echo('gone')).rejects.toThrow('code = Unavailable');
  // node:http2 took the socket away with it.
  await listen(path);
  expect(await echo('back')).toBe('back');
});

test('refusals are told in the words of the server', async () => {
  await expect(connection.unary('/Fail', Buffer.alloc(0), later())).rejects.toThrow(
    'rpc error: code = FailedPrecondition desc = 100 % wrong',
  );
  await expect(connection.unary('/Empty', Buffer.alloc(0), later())).rejects.toThrow('without a message');
});

test('words of every letter there is', async () => {
  const letters = Array.from({ length: 95 }, (_, i) => String.fromCharCode(32 + i)).join('');
  words = encodeURIComponent(letters);
  await expect(connection.unary('/Fail', Buffer.alloc(0), later())).rejects.toThrow(letters);
  // A percent sign that escapes nothing is one.
  words = `${letters}%`;
  await expect(connection.unary('/Fail', Buffer.alloc(0), later())).rejects.toThrow(letters);
});

test('a server that takes little at a time, and pads what it sends', async () => {
  await shut();
  await listen(port, {
    settings: { maxConcurrentStreams: 3, initialWindowSize: 1000, maxFrameSize: 20_000 },
    paddingStrategy: constants.PADDING_STRATEGY_MAX,
  });
  const texts = Array.from({ length: 20 }, (_, i) => String(i).repeat(10_000));
  expect(await Promise.all(texts.map(echo))).toEqual(texts);
  expect(sessions.length).toBe(1);
});

test('a call the server breaks off fails alone', async () => {
  const answer = echo('x'.repeat(500_000));
  await expect(connection.unary('/Reset', Buffer.alloc(0), later())).rejects.toThrow('code 7 of HTTP/2');
  // It may have refused before it has read all.
  await expect(connection.unary('/Fail', Buffer.alloc(500_000), later())).rejects.toThrow('FailedPrecondition');
  expect(await answer).toBe('x'.repeat(500_000));
  expect(sessions.length).toBe(1);
});

test('who does not speak HTTP/2 is told apart', async () => {
  await shut();
  const other = createPlainServer((socket) => {
    socket.on('error', () => {}).resume();
    socket.end('HTTP/1.1 400 Bad Request\r\n\r\n');
  });
  other.listen(port, OWN);
  await once(other, 'listening');
  await expect(connection.unary('/Echo', Buffer.alloc(0), later())).rejects.toThrow('HTTP/2: a frame of');
  other.close();
  await once(other, 'close');
  await listen(port);
});

test('a late call fails alone; the connection answers its ping and stays', async () => {
  // One that is still being made when a call is late is given up.
  expect(await echo('there')).toBe('there');
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
