import { once } from 'node:events';
import { createServer as createHttpServer } from 'node:http';
import { createServer } from 'node:https';
import { type AddressInfo, connect, createServer as createTcpServer, type Server, type Socket } from 'node:net';
import { afterAll, afterEach, beforeAll, beforeEach, expect, test, vi } from 'vitest';
import { systemClock } from '#async/clock.ts';
import { createAuthority, issueCertificate } from '#pki/issue.ts';
import { Rest } from './rest.ts';

/** A name that only a proxy can resolve, to the server of this test. */
const HOST = 'cluster.test';
const CREDENTIALS = 'ann:s%3Acret';

let ca = '';
let server: ReturnType<typeof createServer>;
let plainServer: Server;
/** Which of them the proxies lead to. */
let target: Server;
const servers: Server[] = [];
const sockets = new Set<Socket>();
let asked: string[] = [];

async function listening<S extends Server>(s: S): Promise<S> {
  servers.push(s);
  s.on('connection', (socket: Socket) => sockets.add(socket.on('error', () => undefined)));
  s.listen(0, '127.0.0.1');
  await once(s, 'listening');
  return s;
}
const portOf = (s: Server): number => (s.address() as AddressInfo).port;

/** Joins a client with the server of this test, whatever it asked for. */
function join(client: Socket, greeting: Buffer | string, first: Buffer = Buffer.alloc(0)): void {
  const to = connect(portOf(target), '127.0.0.1', () => {
    client.write(greeting);
    if (first.length > 0) to.write(first);
    client.pipe(to).pipe(client);
  });
  sockets.add(to);
  to.on('error', () => client.destroy());
  client.on('error', () => to.destroy());
}

/** A proxy that takes CONNECT. */
function httpProxy(): Promise<Server> {
  const proxy = createHttpServer((request, response) => {
    // What is not encrypted is asked of the proxy itself, with the whole URL.
    response.writeHead(200, { 'content-type': 'application/json' }).end(JSON.stringify({ url: request.url }));
  });
  proxy.on('connect', (request, socket, head) => {
    asked.push(`${request.url} ${request.headers['proxy-authorization'] ?? ''}`.trim());
    join(socket as Socket, 'HTTP/1.1 200 Connection established\r\n\r\n', head);
  });
  return listening(proxy);
}

/** What a SOCKS proxy of this test does. */
interface Socks {
  /** The method it chooses. */
  readonly method?: number;
  /** Its answer to CONNECT. */
  readonly reply?: number;
  /** Each byte by itself, as networks may bring them. */
  readonly slowly?: boolean;
}

async function serveSocks(socket: Socket, o: Socks): Promise<void> {
  let held = Buffer.alloc(0);
  let more = (): void => undefined;
  const add = (chunk: Buffer): void => {
    held = Buffer.concat([held, chunk]);
    more();
  };
  socket.on('data', add);
  const take = async (n: number): Promise<Buffer> => {
    while (held.length < n) {
      await new Promise<void>((resolve) => {
        more = resolve;
      });
    }
    const bytes = held.subarray(0, n);
    held = held.subarray(n);
    return bytes;
  };
  const say = async (...bytes: number[]): Promise<void> => {
    for (const b of o.slowly ? bytes : []) await new Promise((sent) => socket.write(Buffer.from([b]), sent));
    if (!o.slowly) socket.write(Buffer.from(bytes));
  };
  const methods = await take((await take(2))[1] ?? 0);
  const method = o.method ?? (methods.includes(2) ? 2 : 0);
  await say(5, method);
  if (method === 255) return;
  const text = async (): Promise<string> => (await take((await take(1))[0] ?? 0)).toString();
  if (method === 2) {
    await take(1);
    const name = await text();
    const right = `${name}:${await text()}` === decodeURIComponent(CREDENTIALS);
    await say(1, right ? 0 : 1);
    if (!right) return;
  }
  await take(4);
  const host = await text();
  asked.push(`${host}:${(await take(2)).readUInt16BE()} ${method}`);
  if (o.reply) await say(5, o.reply, 0, 1, 0, 0, 0, 0, 0, 0);
  else {
    socket.off('data', add);
    join(socket, Buffer.from([5, 0, 0, 3, 1, 120, 0, 80]), held);
  }
}

const socksProxy = (o: Socks = {}): Promise<Server> =>
  listening(createTcpServer((socket) => void serveSocks(socket, o).catch(() => socket.destroy())));

beforeAll(async () => {
  const now = systemClock.now();
  const authority = await createAuthority('test', now);
  const serving = await issueCertificate(
    { file: 'server', authority: 'apiserver', commonName: 'server', usages: ['server'], hosts: [HOST] },
    authority,
    now,
  );
  ca = authority.cert;
  server = await listening(
    createServer(serving, (request, response) => {
      response.writeHead(200, { 'content-type': 'application/json' }).end(JSON.stringify({ path: request.url }));
    }),
  );
  plainServer = await listening(
    createHttpServer((request, response) => {
      response.writeHead(200, { 'content-type': 'application/json' }).end(JSON.stringify({ plain: request.url }));
    }),
  );
  server.on('upgrade', (_request, socket) => {
    socket.write('HTTP/1.1 101 Switching Protocols\r\nconnection: Upgrade\r\nupgrade: test\r\n\r\n');
    socket.pipe(socket);
  });
});

beforeEach(() => {
  target = server;
});

afterEach(() => {
  vi.unstubAllEnvs();
  asked = [];
});

afterAll(() => {
  for (const s of servers) s.close();
  for (const s of sockets) s.destroy();
});

function restWith(proxyUrl?: string, scheme = 'https'): Rest {
  const config = { server: `${scheme}://${HOST}:6443`, ca: Buffer.from(ca), ...(proxyUrl ? { proxyUrl } : {}) };
  return new Rest(config, () => undefined);
}

async function answerThrough(proxyUrl?: string, scheme?: string): Promise<unknown> {
  const rest = restWith(proxyUrl, scheme);
  try {
    return await rest.json({ path: '/api' });
  } finally {
    rest.close();
  }
}

test('proxy-url of http://, with a name and a password', async () => {
  const port = portOf(await httpProxy());
  expect(await answerThrough(`http://${CREDENTIALS}@127.0.0.1:${port}`)).toEqual({ path: '/api' });
  expect(asked).toEqual([`${HOST}:6443 Basic ${Buffer.from('ann:s:cret').toString('base64')}`]);
});

test('$HTTPS_PROXY', async () => {
  vi.stubEnv('HTTPS_PROXY', `127.0.0.1:${portOf(await httpProxy())}`);
  vi.stubEnv('NO_PROXY', 'other.test,10.0.0.0/8');
  expect(await answerThrough()).toEqual({ path: '/api' });
  expect(asked).toEqual([`${HOST}:6443`]);
});

test.each([
  ['without a name', '', { slowly: true }, 0],
  ['with a name and a password', `${CREDENTIALS}@`, {}, 2],
])('SOCKS %s: the proxy resolves the name', async (_what, who, o, method) => {
  const port = portOf(await socksProxy(o));
  expect(await answerThrough(`socks5://${who}127.0.0.1:${port}`)).toEqual({ path: '/api' });
  expect(asked).toEqual([`${HOST}:6443 ${method}`]);
});

test('a server of http://: $HTTP_PROXY, and SOCKS', async () => {
  target = plainServer;
  const socks = portOf(await socksProxy());
  expect(await answerThrough(`socks5://127.0.0.1:${socks}`, 'http')).toEqual({ plain: '/api' });
  vi.stubEnv('NO_PROXY', 'other.test');
  vi.stubEnv('HTTP_PROXY', `http://127.0.0.1:${portOf(await httpProxy())}`);
  expect(await answerThrough(undefined, 'http')).toEqual({ url: `http://${HOST}:6443/api` });
});

test('another protocol through SOCKS, as exec and port-forward need it', async () => {
  const rest = restWith(`socks5://127.0.0.1:${portOf(await socksProxy())}`);
  const { socket, head } = await rest.upgrade('/exec', { upgrade: 'test' });
  socket.write('echo');
  let seen = head.toString();
  while (seen.length < 4) seen += String(((await once(socket, 'data')) as [Buffer])[0]);
  expect(seen).toBe('echo');
  socket.destroy();
  rest.close();
});

test.each<[string, string, Socks, RegExp]>([
  ['refuses', '', { reply: 5 }, /does not connect to cluster\.test:6443: the server refused the connection$/],
  ['wants a name', '', { method: 255 }, /wants a name and a password: socks5:\/\/NAME:PASSWORD@/],
  ['wants another name', 'bob:x@', {}, /refuses the name and password/],
])('a SOCKS proxy that %s: a sentence', async (_what, who, o, wanted) => {
  const port = portOf(await socksProxy(o));
  await expect(answerThrough(`socks5://${who}127.0.0.1:${port}`)).rejects.toThrow(wanted);
});

test('what is no SOCKS proxy', async () => {
  const web = await listening(createTcpServer((socket) => void socket.end('HTTP/1.1 400 Bad Request\r\n\r\n')));
  const silent = await listening(createTcpServer((socket) => void socket.destroy()));
  await expect(answerThrough(`socks5://127.0.0.1:${portOf(web)}`)).rejects.toThrow(/does not speak SOCKS version 5/);
  await expect(answerThrough(`socks5://127.0.0.1:${portOf(silent)}`)).rejects.toThrow(
    /closed the connection|ECONNRESET|EPIPE/,
  );
});
