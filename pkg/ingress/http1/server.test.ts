import { once } from 'node:events';
import { connect, createServer, type Server, type Socket } from 'node:net';
import { text } from 'node:stream/consumers';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { FakeClock } from '#async/fake-clock.ts';
import type { Arrived, Reply } from '../proxy/types.ts';
import { Http1Server } from './server.ts';

const GENEROUS = { timeout: 30_000 };
const GET = 'GET / HTTP/1.1\r\nHost: h\r\n\r\n';
const ODD = 'GET / HTTP/1.0\r\n\r\n';
const get = (path: string, ...headers: string[]): string =>
  [`GET ${path} HTTP/1.1`, 'Host: h', ...headers, '', ''].join('\r\n');

let net: Server;
let server: Http1Server;
let clock: FakeClock;
/** What is done with a request. */
let take: (request: Arrived, reply: Reply) => void;
/** What came, in turn. */
let seen: string[];
/** What was there to be read on connections that were handed over, by the time they had ended. */
let handed: Promise<string>[];
let clients: Socket[];
let port: number;

beforeEach(async () => {
  [seen, handed, clients] = [[], [], []];
  clock = new FakeClock(0);
  take = (request, reply) => {
    seen.push(`${request.method} ${request.target}`);
    ok(reply, `at ${request.target}`);
  };
  server = new Http1Server({
    ...{ clock, headMs: 30_000, idleMs: 75_000, take: (request, reply) => take(request, reply) },
    handOver: (socket) => {
      handed.push(text(socket));
      socket.on('close', () => {}).end('HTTP/1.1 299 Handed Over\r\n\r\n');
    },
  });
  net = createServer({ allowHalfOpen: true }, server.accept);
  net.listen(0, '127.0.0.1');
  await once(net, 'listening');
  port = (net.address() as { port: number }).port;
});
afterEach(() => {
  for (const c of clients) c.destroy();
  net.close();
});

const ok = (reply: Reply, body: string): void => {
  reply.start(200, 'Fine', ['content-length', String(body.length)]);
  reply.end(Buffer.from(body));
};
/** A connection, and what came on it. */
function open() {
  const socket = connect({ port, host: '127.0.0.1', noDelay: true });
  clients.push(socket);
  const heard = { all: '', ended: false };
  socket.on('error', () => {});
  socket.on('data', (d) => {
    heard.all += d.toString('latin1');
  });
  socket.on('end', () => {
    heard.ended = true;
  });
  const send = (raw: string): boolean => socket.write(raw, 'latin1');
  const hear = (what: string) => expect.poll(() => heard.all, GENEROUS).toContain(what);
  const end = () => expect.poll(() => heard.ended, GENEROUS).toBe(true);
  return { socket, heard, send, hear, end };
}

describe('requests', () => {
  test('one after the other on one connection', async () => {
    const { heard, send, hear } = open();
    send(get('/1'));
    await hear('at /1');
    expect(heard.all).toBe(
      'HTTP/1.1 200 Fine\r\ncontent-length: 5\r\ndate: Thu, 01 Jan 1970 00:00:00 GMT\r\nconnection: keep-alive\r\n' +
        'keep-alive: timeout=75\r\n\r\nat /1',
    );
    send(get('/2', 'Connection: close'));
    await hear('connection: close\r\n\r\nat /2');
  });

  test('that come byte by byte', async () => {
    const { heard, send, end } = open();
    for (const c of get('/1', 'X: y') + get('/2', 'Connection: close')) {
      send(c);
      await new Promise((sent) => setImmediate(sent));
    }
    await end();
    expect(heard.all).toMatch(/at \/1HTTP.*at \/2$/s);
    expect([seen, handed.length]).toEqual([['GET /1', 'GET /2'], 0]);
  });

  test('that come at once are taken in turn', async () => {
    const waiting: Reply[] = [];
    take = (request, reply) => {
      seen.push(request.target);
      waiting.push(reply);
    };
    const { heard, send, end } = open();
    send(get('/1') + get('/2') + get('/3', 'connection: close') + get('/4'));
    for (const n of [1, 2, 3]) {
      await expect.poll(() => seen.length, GENEROUS).toBe(n);
      ok(waiting[n - 1] as Reply, `answer ${n}`);
    }
    await end();
    expect(heard.all).toMatch(/answer 1HTTP.*answer 2HTTP.*answer 3$/s);
    expect(seen).toEqual(['/1', '/2', '/3']);
  });

  test('thousands at once', async () => {
    const { heard, send, end } = open();
    send(GET.repeat(5000) + get('/', 'Connection: close'));
    await end();
    expect(heard.all.split('at /')).toHaveLength(5002);
  });

  test('of a client that does not read the answers wait', async () => {
    const { socket, send, end, heard } = open();
    const body = 'x'.repeat(100_000);
    take = (_request, reply) => {
      seen.push('');
      ok(reply, body);
    };
    socket.pause();
    for (let i = 0; i < 300; i++) send(GET);
    send(get('/', 'Connection: close'));
    await expect.poll(() => seen.length, GENEROUS).toBeGreaterThan(0);
    await expect.poll(() => socket.writableLength === 0 || socket.writableNeedDrain, GENEROUS).toBe(true);
    expect(seen.length).toBeLessThan(300);
    socket.resume();
    await end();
    expect([seen.length, heard.all.split('HTTP/1.1 200').length]).toEqual([301, 302]);
  });
});

describe('what is out of the ordinary is handed over', () => {
  test.each([
    ['at once', '', ODD],
    ['after others', GET + GET, ODD],
    ['before others', GET, ODD + GET],
    ['as a part', GET, 'GET / HTTP/1.1\nHo'],
    ['as a head that is too long', GET, `GET / HTTP/1.1\r\nHost: h\r\nx: ${'y'.repeat(20_000)}`],
    ['as a head that is whole and too long', '', get('/', `x: ${'y'.repeat(17_000)}`)],
  ])('%s', async (_, ordinary, rest) => {
    const { socket, send, hear, heard } = open();
    send(ordinary + rest);
    await hear('299');
    socket.end();
    expect(await handed[0]).toBe(rest);
    expect(heard.all.split('at /')).toHaveLength(1 + ordinary.split(GET).length - 1);
    // The connection is none of the server's any more.
    expect(clock.pending).toBe(0);
  });

  test('not before it is its turn, and with what came in the meantime', async () => {
    const replies: Reply[] = [];
    take = (_request, reply) => void replies.push(reply);
    const { socket, send, hear, heard } = open();
    send(GET + ODD);
    await expect.poll(() => replies.length, GENEROUS).toBe(1);
    const more = 'z'.repeat(300_000);
    send(more);
    await expect.poll(() => socket.bytesWritten, GENEROUS).toBeGreaterThan(GET.length);
    expect([handed.length, heard.all]).toEqual([0, '']);
    ok(replies[0] as Reply, 'first');
    await hear('299');
    socket.end();
    expect(await handed[0]).toBe(ODD + more);
  });
});

describe('an answer', () => {
  /** What comes of a request, without its date, until the connection ends. */
  const answer = async (say: (reply: Reply) => void, method = 'GET'): Promise<string> => {
    take = (_request, reply) => say(reply);
    const { socket } = open();
    socket.removeAllListeners('data');
    socket.write(`${method} / HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n`);
    const [head = '', ...body] = (await text(socket)).split('\r\n\r\n');
    return [head.replace(/\r\ndate: [^\r]*/, '').replace('\r\nconnection: close', ''), ...body].join('\r\n\r\n');
  };

  test('of no known length is sent in chunks, parts of any size', async () => {
    const large = 'x'.repeat(40_000);
    const said = await answer((reply) => {
      reply.start(200, '', []);
      for (const part of ['one', '', large, 'two']) reply.write(Buffer.from(part));
      reply.endWith(['x-sum', '1']);
    });
    const chunks = `3\r\none\r\n9c40\r\n${large}\r\n3\r\ntwo\r\n0\r\n\r\n`;
    expect(said).toBe(`HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n${chunks}`);
  });

  test('of known length is sent as it is, parts of any size', async () => {
    const large = 'x'.repeat(40_000);
    const said = await answer((reply) => {
      reply.start(200, 'OK', ['content-length', '40006']);
      for (const part of ['one', large]) reply.write(Buffer.from(part));
      reply.end(Buffer.from('two'));
    });
    expect(said).toBe(`HTTP/1.1 200 OK\r\ncontent-length: 40006\r\n\r\none${large}two`);
  });

  test.each([
    ['HEAD', 200],
    ['GET', 204],
    ['GET', 304],
  ])('to %s with status %i has no body', async (method, status) => {
    const said = await answer((reply) => {
      reply.start(status, 'S', ['x', 'y']);
      reply.end(Buffer.from('no'));
    }, method);
    expect(said).toBe(`HTTP/1.1 ${status} S\r\nx: y\r\n\r\n`);
  });

  test.each([
    ['longer', 'four'],
    ['shorter', 'a'],
  ])('%s than it says breaks the connection', async (_, body) => {
    const said = await answer((reply) => {
      reply.start(200, 'OK', ['content-length', '2']);
      reply.flush();
      reply.end(Buffer.from(body));
    });
    expect(said).not.toContain('four');
  });

  test('of our own ends the connection if it has to', async () => {
    take = (_request, reply) => reply.refuse(400, 'no', { close: true });
    const { send, end, heard } = open();
    send(GET + GET);
    await end();
    expect(heard.all.split('400 Bad Request: no\n')).toHaveLength(2);
  });

  test('leaves in parts when it comes in parts', async () => {
    let reply: Reply | undefined;
    take = (_request, r) => {
      reply = r;
      r.start(200, 'OK', []);
      r.flush();
    };
    const { send, hear } = open();
    send(GET);
    await hear('\r\n\r\n');
    reply?.write(Buffer.from('event'));
    reply?.flush();
    await hear('5\r\nevent\r\n');
  });

  test.each([
    ['a line break', ['x', 'a\r\nb: c']],
    ['a length that is none', ['content-length', '1x']],
    ['two lengths', ['content-length', '1', 'content-length', '2']],
  ])('with %s in its headers is not sent', async (_, headers) => {
    let message = '';
    take = (_request, reply) => {
      try {
        reply.start(200, '', headers);
      } catch (e) {
        ({ message } = e as Error);
      }
      reply.destroy();
    };
    const { send, end, heard } = open();
    send(GET);
    await end();
    expect([heard.all, message]).toEqual(['', expect.stringContaining('malformed')]);
  });
});

test('a client that does not read holds up who answers, however small the parts are', async () => {
  const drained = Promise.withResolvers<void>();
  let sent = 0;
  let reply: Reply | undefined;
  take = (_request, r) => {
    reply = r;
    r.start(200, '', []);
    while (r.write(Buffer.alloc(1000, 'x')) && sent < 100_000_000) {
      sent += 1000;
      r.flush();
    }
    r.onDrain(drained.resolve);
  };
  const { socket, send, end } = open();
  socket.pause();
  send(get('/', 'connection: close'));
  await expect.poll(() => reply, GENEROUS).toBeDefined();
  expect(sent).toBeLessThan(100_000_000);
  socket.resume();
  await drained.promise;
  reply?.endWith([]);
  await end();
});

test('a client that leaves is told of', async () => {
  const gone = Promise.withResolvers<void>();
  take = (_request, reply) => {
    reply.onClose(gone.resolve);
    socket.end();
  };
  const { socket, send } = open();
  send(GET);
  await gone.promise;
  await expect.poll(() => clock.pending, GENEROUS).toBe(0);
});

describe('time', () => {
  test('an idle connection ends, one with a request does not', async () => {
    const [idle, busy] = [open(), open()];
    idle.send(GET);
    await idle.hear('at /');
    const waiting: Reply[] = [];
    take = (_request, reply) => void waiting.push(reply);
    busy.send(GET);
    await expect.poll(() => waiting.length, GENEROUS).toBe(1);
    await clock.advance(75_000);
    expect(idle.heard.ended).toBe(false);
    await clock.advance(2000);
    await idle.end();
    ok(waiting[0] as Reply, 'late');
    await busy.hear('late');
  });

  test.each([
    ['nothing', ''],
    ['a part of a request', 'GET / HTTP/1.1\r\nHost'],
  ])('a client that sends %s is told that it took too long', async (_, part) => {
    const { heard, send } = open();
    send(part);
    const ended = async (): Promise<boolean> => {
      await clock.advance(1000);
      return heard.ended;
    };
    await expect.poll(ended, GENEROUS).toBe(true);
    expect(heard.all).toBe('HTTP/1.1 408 Request Timeout\r\nconnection: close\r\n\r\n');
    expect(clock.now()).toBeGreaterThan(30_000);
  });
});

/** Waits until there are so many. */
const connections = (n: number) =>
  expect
    .poll(() => new Promise<number>((resolve) => net.getConnections((_e, count) => resolve(count))), GENEROUS)
    .toBe(n);

test('the end: idle connections go at once, others after their answer', async () => {
  const [fresh, idle, busy] = [open(), open(), open()];
  idle.send(GET);
  await idle.hear('at /');
  const waiting: Reply[] = [];
  take = (_request, reply) => void waiting.push(reply);
  busy.send(GET);
  await expect.poll(() => waiting.length, GENEROUS).toBe(1);
  await connections(3);
  const begun = open();
  begun.send(GET);
  await expect.poll(() => waiting.length, GENEROUS).toBe(2);
  waiting[1]?.start(200, '', ['content-length', '3']);
  server.drain();
  await Promise.all([fresh.end(), idle.end()]);
  expect([busy.heard.ended, begun.heard.ended]).toEqual([false, false]);
  ok(waiting[0] as Reply, 'last');
  waiting[1]?.end(Buffer.from('end'));
  await Promise.all([busy.end(), begun.end()]);
  expect(busy.heard.all).toContain('connection: close\r\n\r\nlast');
  expect(begun.heard.all).toContain('keep-alive: timeout=75\r\n\r\nend');
});
