import { createServer as createHttpServer, type Server as HttpServer, type IncomingMessage, request } from 'node:http';
import { createServer as createHttpsServer, type Server as HttpsServer } from 'node:https';
import { type AddressInfo, connect, createServer, type Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import { text } from 'node:stream/consumers';
import { afterAll, afterEach, beforeAll, describe, expect, onTestFinished, test, vi } from 'vitest';
import { StatusError } from '#api/meta/errors.ts';
import { type Clock, systemClock } from '#async/clock.ts';
import { FakeClock } from '#async/fake-clock.ts';
import { createAuthority, issueCertificate } from '#pki/issue.ts';
import type { BackendTarget } from './backend.ts';
import { pipeRequest } from './request.ts';
import { pipeUpgrade } from './upgrade.ts';

/** What the agent does with the next upgrade, and what it saw. */
let onUpgrade: (request: IncomingMessage, socket: Duplex) => void = () => {};
let seen: IncomingMessage | undefined;
let requestsSeen = 0;
const sockets = new Set<Socket>();
let agent: HttpsServer;
let target: BackendTarget;
/** The apiserver under test: passes everything to `target`. */
let front: HttpServer;
let failure: unknown;
let clock: Clock = systemClock;
let pending = 0;

const listen = async (server: HttpServer | HttpsServer | ReturnType<typeof createServer>): Promise<number> => {
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return (server.address() as AddressInfo).port;
};

beforeAll(async () => {
  const now = Date.now();
  const ca = await createAuthority('test', now);
  const issue = (usages: string[], hosts: string[]) =>
    issueCertificate({ commonName: 'x', usages, hosts } as never, ca, now);
  const serving = await issue(['server'], ['node-1']);
  const client = await issue(['client'], []);
  agent = createHttpsServer({ ...serving, ca: ca.cert, requestCert: true, rejectUnauthorized: true });
  agent.on('connection', (socket: Socket) => {
    sockets.add(socket);
    socket.once('close', () => sockets.delete(socket));
  });
  agent.on('request', (incoming, response) => {
    seen = incoming;
    requestsSeen++;
    if (incoming.url === '/missing') response.writeHead(404, { 'content-type': 'application/json' });
    response.write('begin ');
    if (incoming.url !== '/open') response.end('end');
  });
  agent.on('upgrade', (incoming: IncomingMessage, socket: Duplex) => {
    seen = incoming;
    requestsSeen++;
    socket.on('error', () => {});
    onUpgrade(incoming, socket);
  });
  const tls = { ca: ca.cert, ...client, servername: 'node-1' };
  target = { host: '127.0.0.1', port: await listen(agent), path: '/agent/path?a=b', tls };
  front = createHttpServer((incoming, response) => {
    void pipeRequest({ request: incoming, response }, { ...target, path: incoming.url ?? '' }).catch(() => {});
  });
  front.on('upgrade', (incoming: IncomingMessage, socket: Duplex, head: Buffer) => {
    pending++;
    failure = undefined;
    pipeUpgrade({ request: incoming, socket, head }, target, clock)
      .catch((error: unknown) => {
        failure = error;
        socket.destroy();
      })
      .finally(() => pending--);
  });
  await listen(front);
});
afterEach(async () => {
  await vi.waitFor(() => expect([pending, sockets.size]).toEqual([0, 0]), { timeout: 30_000 });
});
afterAll(() => {
  front.close();
  agent.close();
});

const frontPort = () => (front.address() as AddressInfo).port;

const HEAD = [
  'POST /api/v1/whatever HTTP/1.1',
  'Host: apiserver',
  'Connection: Upgrade',
  'Upgrade: SPDY/3.1',
  'Authorization: Bearer secret',
  'Impersonate-User: root',
  'X-Remote-Group: system:masters',
  'X-Stream-Protocol-Version: v4.channel.k8s.io',
  'X-Stream-Protocol-Version: channel.k8s.io',
  'Sec-WebSocket-Protocol: base64url.bearer.authorization.k8s.io.c2VjcmV0, v4.channel.k8s.io',
];

/** A raw client, because what matters is which bytes pass. */
function client(behindTheHead = ''): { socket: Socket; received: () => string; ended: Promise<void> } {
  const socket = connect(frontPort(), '127.0.0.1');
  socket.on('error', () => {});
  socket.write(`${HEAD.join('\r\n')}\r\n\r\n${behindTheHead}`);
  let received = '';
  socket.on('data', (chunk: Buffer) => {
    received += chunk.toString('latin1');
  });
  const ended = new Promise<void>((resolve) => socket.once('close', () => resolve()));
  return { socket, received: () => received, ended };
}

const SWITCH = 'HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: SPDY/3.1\r\nX-Extra: yes\r\n\r\n';

describe('pipeUpgrade', () => {
  test('passes the request on without credentials, and then every byte both ways', async () => {
    onUpgrade = (_, socket) => {
      socket.write(`${SWITCH}early `);
      socket.pipe(socket);
    };
    const { socket, received } = client('behind ');
    await vi.waitFor(() => expect(received()).toMatch(/early behind $/), { timeout: 30_000 });
    socket.end('last');
    await vi.waitFor(() => expect(received()).toMatch(/early behind last$/), { timeout: 30_000 });
    expect(received()).toMatch(/^HTTP\/1.1 101 Switching Protocols\r\n[\s\S]*x-extra: yes\r\n/);
    expect([seen?.method, seen?.url]).toEqual(['POST', '/agent/path?a=b']);
    const headers = seen?.headersDistinct ?? {};
    expect(headers).toMatchObject({
      upgrade: ['SPDY/3.1'],
      'x-stream-protocol-version': ['v4.channel.k8s.io', 'channel.k8s.io'],
      'sec-websocket-protocol': ['v4.channel.k8s.io'],
    });
    expect(Object.keys(headers)).not.toEqual(
      expect.arrayContaining([expect.stringMatching(/^(authorization|impersonate-|x-remote-)/)]),
    );
  });

  test('an answer other than 101 is relayed whole, and nothing passes to the agent after it', async () => {
    onUpgrade = (_, socket) => {
      socket.write('HTTP/1.1 403 Forbidden\r\nContent-Type: application/json\r\nContent-Length: 8\r\n\r\n{"a": 1}');
    };
    const before = requestsSeen;
    const { received, ended } = client('GET /pods HTTP/1.1\r\nHost: agent\r\n\r\n');
    await ended;
    expect(received()).toMatch(/^HTTP\/1.1 403 Forbidden\r\nConnection: close\r\n[\s\S]*\r\n\r\n\{"a": 1\}$/);
    expect(requestsSeen).toBe(before + 1);
  });

  test('either side leaving ends the other', async () => {
    const agentEnded = Promise.withResolvers<void>();
    onUpgrade = (_, socket) => {
      socket.write(SWITCH);
      socket.once('close', agentEnded.resolve);
    };
    const leaving = client();
    await vi.waitFor(() => expect(leaving.received()).toContain('101'), { timeout: 30_000 });
    leaving.socket.destroy();
    await agentEnded.promise;

    onUpgrade = (_, socket) => {
      socket.write(SWITCH);
      setImmediate(() => socket.destroy());
    };
    await client().ended;
  });

  test('a client that leaves while the agent takes nothing of what it sent is known to be gone', async () => {
    const fake = new FakeClock();
    clock = fake;
    onTestFinished(() => {
      clock = systemClock;
    });
    let closed = false;
    onUpgrade = (_, socket) => {
      socket.write(SWITCH);
      socket.pause();
      // Where nothing is read, writing tells of a peer that is gone: what agents do all the time.
      const probe = setInterval(() => socket.write('.'), 20);
      socket.once('close', () => {
        clearInterval(probe);
        closed = true;
      });
    };
    const { socket, received } = client();
    await vi.waitFor(() => expect(received()).toContain('101'), { timeout: 30_000 });
    // More than the kernel keeps on the way.
    for (let n = 0; n < 14; n++) socket.write(Buffer.alloc(1 << 20));
    socket.end();
    await vi.waitFor(
      async () => {
        await fake.advance(1_000);
        expect(closed).toBe(true);
      },
      { timeout: 30_000 },
    );
  });

  test('a program that speaks plain HTTP is spoken to so', async () => {
    const plain = createHttpServer();
    onTestFinished(() => void plain.close());
    plain.on('upgrade', (incoming: IncomingMessage, socket: Duplex) => {
      socket.on('error', () => {});
      socket.write(`${SWITCH}${incoming.url} `);
      socket.pipe(socket);
    });
    const original = target;
    target = { ...target, port: await listen(plain), tls: undefined };
    const { socket, received, ended } = client('hello');
    await vi.waitFor(() => expect(received()).toMatch(/\r\n\r\n\/agent\/path\?a=b hello$/), { timeout: 30_000 });
    target = original;
    socket.end();
    await ended;
  });

  test('a client that does not read holds the agent back', async () => {
    let written = 0;
    onUpgrade = (_, socket) => {
      socket.write(SWITCH);
      const chunk = Buffer.alloc(1 << 20);
      const write = () => {
        if (socket.destroyed || written === 1000) return;
        socket.write(chunk, () => {
          written++;
          write();
        });
      };
      write();
    };
    const { socket } = client();
    await new Promise((resolve) => socket.once('data', resolve));
    socket.pause();
    let last = -1;
    await vi.waitFor(
      () => {
        const still = written === last;
        last = written;
        expect(still).toBe(true);
      },
      { interval: 200, timeout: 30_000 },
    );
    expect(written).toBeLessThan(50);
    socket.destroy();
  });

  test.each<[string, () => Partial<BackendTarget>, RegExp]>([
    [
      'nobody listening',
      () => ({ port: 1 }),
      /^error dialing backend: dial tcp 127.0.0.1:1: connect: connection refused$/,
    ],
    ['another node', () => ({ tls: { ...target.tls, servername: 'node-2' } }), /^error dialing backend: .*node-2/],
    [
      'another CA',
      () => ({ tls: { ...target.tls, ca: target.tls?.cert ?? '' } }),
      /^error dialing backend: .*certificate/,
    ],
  ])('%s: a Status', async (_, changes, words) => {
    const original = target;
    target = { ...target, ...changes() };
    await client().ended;
    target = original;
    expect(failure).toBeInstanceOf(StatusError);
    expect((failure as StatusError).code).toBe(500);
    expect((failure as StatusError).message).toMatch(words);
  });

  test('a backend that never finishes the handshake: 10 s', async () => {
    const silent = createServer((socket) => void sockets.add(socket));
    const port = await listen(silent);
    const clock = new FakeClock();
    const incoming = { headers: { upgrade: 'SPDY/3.1' }, headersDistinct: {}, method: 'GET' } as IncomingMessage;
    const socket = connect(frontPort(), '127.0.0.1');
    const done = pipeUpgrade({ request: incoming, socket, head: Buffer.alloc(0) }, { ...target, port }, clock);
    const outcome = done.catch((error: Error) => error.message);
    await vi.waitFor(() => expect(sockets.size).toBe(1), { timeout: 30_000 });
    await clock.advance(9_999);
    expect(clock.pending).toBe(1);
    await clock.advance(1);
    expect(await outcome).toBe(`error dialing backend: dial tcp 127.0.0.1:${port}: i/o timeout`);
    socket.destroy();
    for (const left of sockets) left.destroy();
    sockets.clear();
    silent.close();
  });
});

describe('pipeRequest', () => {
  const get = (path: string): Promise<IncomingMessage> =>
    new Promise((resolve, reject) => {
      request({ port: frontPort(), path, agent: false }, resolve).on('error', reject).end();
    });

  test('streams the answer, whatever its code', async () => {
    const answer = await get('/missing');
    expect([answer.statusCode, answer.headers['content-type']]).toEqual([404, 'application/json']);
    expect(await text(answer)).toBe('begin end');
  });

  test('delivers what there is while the answer is open, and leaves with the client', async () => {
    const answer = await get('/open');
    expect(String(await new Promise((resolve) => answer.once('data', resolve)))).toBe('begin ');
    answer.destroy();
  });

  test('an answer that breaks off does not look complete', async () => {
    const answer = await get('/open');
    await new Promise((resolve) => answer.once('data', resolve));
    for (const socket of sockets) socket.destroy();
    await expect(text(answer)).rejects.toThrow('aborted');
  });
});
