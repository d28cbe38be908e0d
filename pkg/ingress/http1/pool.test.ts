import { once } from 'node:events';
import { createServer, type Server, type Socket } from 'node:net';
import { PassThrough, type Readable } from 'node:stream';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { FakeClock } from '#async/fake-clock.ts';
import { Http1Pool } from './pool.ts';
import { type Controller, type Handler, type Outgoing, WornOut } from './types.ts';

const GENEROUS = { timeout: 30_000 };
let server: Server;
let sockets: Socket[];
/** All that came on each connection. */
let received: string[];
/** What the server does with what has come on a connection. */
let answer: (socket: Socket, all: string) => void;
let pool: Http1Pool;
let clock: FakeClock;

beforeEach(async () => {
  sockets = [];
  received = [];
  clock = new FakeClock();
  server = createServer((socket) => {
    const n = sockets.push(socket) - 1;
    received[n] = '';
    socket.on('error', () => {});
    socket.on('data', (d) => {
      received[n] += d.toString('latin1');
      answer(socket, received[n] ?? '');
    });
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  pool = poolAt((server.address() as { port: number }).port);
});
afterEach(() => {
  pool.close();
  for (const s of sockets) s.destroy();
  server.close();
});
const poolAt = (port: number) => new Http1Pool({ ip: '127.0.0.1', port, connectTimeoutMs: 60_000 }, clock);

/** Sends a request and tells what was heard. */
function ask(o: Partial<Outgoing> = {}, extra: Partial<Handler> = {}, from = pool) {
  const heard = { status: 0, body: '', ended: false, error: '' };
  let started: Controller | undefined;
  from.dispatch(
    { method: 'GET', path: '/', headers: ['host', 'h'], body: null, length: undefined, readTimeoutMs: 60_000, ...o },
    {
      onRequestStart: (c) => {
        started = c;
      },
      onResponseStart: (status) => {
        heard.status = status;
      },
      onResponseData: (_c, chunk) => {
        heard.body += chunk.toString();
      },
      onResponsePause: () => {},
      onResponseEnd: () => {
        heard.ended = true;
      },
      onResponseError: (e) => {
        heard.error = e.message;
      },
      ...extra,
    },
  );
  const over = () => expect.poll(() => heard.ended || heard.error !== '', GENEROUS).toBe(true);
  return { heard, over, controller: () => started };
}
const OK = 'HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok';
/** Answers each request without body. */
const polite = (socket: Socket, all: string): void => {
  if (all.endsWith('\r\n\r\n')) socket.write(OK);
};

describe('a connection', () => {
  test('is used again, also by a request after a body in chunks', async () => {
    answer = (socket, all) => {
      if (all.endsWith('0\r\n\r\n') || (all.endsWith('\r\n\r\n') && all.lastIndexOf('GET') > all.lastIndexOf('POST')))
        socket.write(OK);
    };
    const body = new PassThrough();
    const first = ask({ method: 'POST', body });
    body.write('one');
    body.end('two!');
    await first.over();
    const second = ask();
    await second.over();
    expect([first.heard, second.heard]).toMatchObject([
      { body: 'ok', ended: true },
      { body: 'ok', ended: true },
    ]);
    expect(received).toHaveLength(1);
    expect(received[0]).toContain('\r\n\r\n3\r\none\r\n4\r\ntwo!\r\n0\r\n\r\nGET / ');
  });

  test.each([
    ['says that it closes', 'HTTP/1.1 200 OK\r\ncontent-length: 2\r\nConnection: Close\r\n\r\nok'],
    ['is kept too shortly', 'HTTP/1.1 200 OK\r\ncontent-length: 2\r\nkeep-alive: timeout=1\r\n\r\nok'],
    ['is of HTTP/1.0', 'HTTP/1.0 200 OK\r\ncontent-length: 2\r\n\r\nok'],
    ['brought more than an answer', `${OK}HTTP/1.1 200 OK\r\ncontent-length: 4\r\n\r\nevil`],
  ])('that %s is not', async (_, text) => {
    answer = (socket) => socket.write(text);
    const first = ask();
    await first.over();
    answer = polite;
    const second = ask();
    await second.over();
    expect([first.heard, second.heard]).toMatchObject([{ body: 'ok' }, { body: 'ok' }]);
    expect(received).toHaveLength(2);
  });

  test('that ends while nobody uses it is not used', async () => {
    answer = polite;
    await ask().over();
    const [socket] = sockets;
    // What nobody asked for is not taken for the next answer.
    socket?.write(OK);
    await once(socket as Socket, 'close');
    const next = ask();
    await next.over();
    expect([next.heard.body, received.length]).toEqual(['ok', 2]);
  });

  test('that ends before anything of an answer came was worn out, if it had brought one before', async () => {
    const errors: Error[] = [];
    const failing = async (): Promise<void> => {
      const { length } = errors;
      ask({}, { onResponseError: (e) => void errors.push(e) });
      await expect.poll(() => errors.length, GENEROUS).toBe(length + 1);
    };
    /** The first request on a connection is answered, and the next one so. */
    const then = (what: (socket: Socket) => void) => (socket: Socket, all: string) =>
      all.split('GET').length > 2 ? what(socket) : socket.write(OK);
    for (const end of [(s: Socket) => s.destroy(), (s: Socket) => s.end(), (s: Socket) => s.end('HTTP/1.1 2')]) {
      answer = then(end);
      await ask().over();
      await failing();
    }
    answer = (socket) => socket.destroy();
    await failing();
    expect(errors.map((e) => e instanceof WornOut)).toEqual([true, true, false, false]);
    expect(received).toHaveLength(4);
  });

  test('is a new one for a request that wants it', async () => {
    answer = polite;
    await ask().over();
    await ask({ onNewConnection: true }).over();
    expect(received).toHaveLength(2);
  });

  test('of a closed pool ends with its request', async () => {
    answer = () => {};
    const waiting = ask();
    await expect.poll(() => received[0], GENEROUS).toContain('GET');
    pool.close();
    sockets[0]?.write(OK);
    await waiting.over();
    expect(waiting.heard.body).toBe('ok');
    await expect.poll(() => sockets[0]?.closed || sockets[0]?.readableEnded, GENEROUS).toBe(true);
  });
});

describe('what goes wrong', () => {
  test.each([
    [
      'the connection ends',
      'HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\nhalf',
      'the connection ended before the answer did',
    ],
    ['it is no answer', 'nonsense\r\n\r\n', 'the answer does not begin like one of HTTP/1.1'],
  ])('%s', async (_, text, error) => {
    answer = (socket) => socket.end(text);
    const asked = ask();
    await asked.over();
    expect(asked.heard).toMatchObject({ ended: false, error });
  });

  test('nobody listens: the request was never sent', async () => {
    const asked = ask({}, {}, poolAt(1));
    await asked.over();
    expect(asked.heard.error).toContain('ECONNREFUSED');
    expect(asked.controller()).toBeUndefined();
  });

  test('silence, and only then', async () => {
    answer = () => {};
    const asked = ask({ readTimeoutMs: 1 });
    await expect.poll(() => received[0], GENEROUS).toContain('GET');
    await expect.poll(() => performance.now(), GENEROUS).toBeGreaterThan(performance.now() + 2);
    expect(asked.heard.error).toBe('');
    await clock.advance(500);
    expect(asked.heard.error).toBe('the backend was silent for too long');
  });

  test('it is called off, and so is its connection', async () => {
    answer = () => {};
    const asked = ask();
    await expect.poll(() => received[0], GENEROUS).toContain('GET');
    asked.controller()?.abort(new Error('enough'));
    expect(asked.heard.error).toBe('enough');
    await expect.poll(() => sockets[0]?.closed || sockets[0]?.readableEnded, GENEROUS).toBe(true);
    asked.controller()?.abort(new Error('again'));
    expect(asked.heard.error).toBe('enough');
  });

  test('who hears of it fails', async () => {
    answer = polite;
    const asked = ask({}, { onResponseEnd: () => fail() });
    await asked.over();
    expect(asked.heard.error).toBe('of no use');
  });

  test.each([
    ['shorter', 'x'],
    ['longer', 'xxx'],
  ])('a body %s than it was to be', async (_, text) => {
    answer = () => {};
    const body = new PassThrough();
    const asked = ask({ method: 'POST', body, length: 2, headers: ['content-length', '2'] });
    body.end(text);
    await asked.over();
    expect(asked.heard.error).toMatch(/^the body is (shorter|longer) than its announced length$/);
    expect(received[0] ?? '').not.toContain('xx');
  });

  test('a body that is not wanted: the answer counts, the rest is read and forgotten', async () => {
    answer = (socket, all) => {
      if (all.includes('\r\n\r\n')) socket.write('HTTP/1.1 403 No\r\ncontent-length: 0\r\n\r\n');
    };
    const body = new PassThrough();
    const asked = ask({ method: 'POST', body });
    body.write('x');
    await asked.over();
    expect(asked.heard).toMatchObject({ status: 403, ended: true, error: '' });
    body.end(Buffer.alloc(1_000_000));
    await once(body as Readable, 'end');
    const next = ask();
    answer = polite;
    await next.over();
    expect(received).toHaveLength(2);
  });
});

const fail = (): never => {
  throw new Error('of no use');
};

test('a reader that is slower than the backend holds it up', async () => {
  const size = 30_000_000;
  answer = (socket) => {
    socket.write(`HTTP/1.1 200 OK\r\ncontent-length: ${size}\r\n\r\n`);
    socket.write(Buffer.alloc(size));
  };
  let length = 0;
  const asked = ask(
    {},
    {
      onResponseData: (c, chunk) => {
        if (length === 0) c.pause();
        length += chunk.length;
      },
    },
  );
  await expect.poll(() => length, GENEROUS).toBeGreaterThan(0);
  await expect.poll(() => sockets[0]?.writableNeedDrain, GENEROUS).toBe(true);
  expect(length).toBeLessThan(size);
  asked.controller()?.resume();
  await asked.over();
  expect([length, asked.heard.ended]).toEqual([size, true]);
});
