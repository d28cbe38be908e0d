import { connect } from 'node:net';
import { connect as connectTls } from 'node:tls';
import { beforeEach, expect, test } from 'vitest';
import { systemClock } from '#async/clock.ts';
import { authority } from '../fixtures.ts';
import { useFront } from '../proxy/front-fixture.ts';

/**
 * The same bytes, cut at random places, to the reader of ordinary requests and to that of Node. `SEED=7 CASES=5000` draws
 * others, and more.
 */
const CASES = Number(process.env.CASES ?? 60);
const SEED = Number(process.env.SEED ?? 1);

const site = useFront();
/** What came to a backend. */
let seen: string[];

beforeEach(() => {
  seen = [];
  site.handler = (req, res) => {
    const chunks: Buffer[] = [];
    req.on('data', (d: Buffer) => chunks.push(d));
    req.on('end', () => {
      const own = req.rawHeaders.map((h, i) => (i % 2 === 0 ? h.toLowerCase() : h));
      seen.push(JSON.stringify([req.method, req.url, own, Buffer.concat(chunks).toString('latin1')]));
      const form = Number(req.url?.length) % 4;
      if (form === 0) res.writeHead(204);
      else if (form === 1) res.writeHead(200, 'Fine', { 'content-length': 5, 'set-cookie': ['a=1', 'b=2'] });
      if (form === 2) res.write('in ');
      res.end(form === 0 ? undefined : 'parts');
    });
  };
});

type Draw = (n: number) => number;
/** Numbers that look random (mulberry32). */
function drawing(seed: number): Draw {
  let state = seed;
  return (n) => {
    state = (state + 0x6d2b79f5) | 0;
    let t = Math.imul(state ^ (state >>> 15), 1 | state);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) % n;
  };
}
const of = <T>(draw: Draw, ...all: T[]): T => all[draw(all.length)] as T;

/** Each is harmless, or ends the connection: none has the reader wait for what does not come. */
const HEADERS = [
  ...['Accept: */*', 'a:b', 'x-empty:', 'X-Blank: \t v \t ', 'Cookie: a=1; b=2', 'cookie: c=3', 'X-High: \xe9\xff\xa0'],
  ...['Connection: keep-alive', 'connection: Keep-Alive', 'Connection: x-hop', 'X-Hop: 1', 'X-Forwarded-For: 6.6.6.6'],
  ...['Content-Length: 0', 'content-length:0', 'TE: trailers', 'Keep-Alive: timeout=5', 'Forwarded: for=x'],
  ...[
    'Bad Name: x',
    'NoColon',
    ' folded',
    'X-Feed: a\nb: c',
    'X-Zero: \0',
    'X-Return: a\rb',
    'Name : x',
    ': x',
    'X: \x7f',
  ],
  ...['Host: h', 'Host: other', 'Content-Length: +0', 'Content-Length: 0, 0', 'Transfer-Encoding: gzip'],
];
const PLAIN = 15;

function request(draw: Draw): string {
  const method = of(draw, 'GET', 'GET', 'GET', 'POST', 'HEAD', 'DELETE', 'OPTIONS', 'PUT', 'TRACE', 'get', 'FOO');
  const target = of(
    draw,
    '/',
    '/a',
    '/ab?c=d',
    '/%41',
    '/a/../b',
    'http://h/x',
    '/a#b',
    '/a b',
    '//x',
    '*',
    '/%zz',
    '/"<>',
  );
  const version = of(draw, '1.1', '1.1', '1.1', '1.1', '1.1', '1.1', '1.0', '2.0', '1.2');
  const host = of(draw, 'Host: h', 'Host: h', 'host:h:80', 'HOST: h ', 'Host: H.', 'Host: other', 'Host: a b', 'Host:');
  const lines = [host];
  for (let n = draw(4); n > 0; n--) lines.push(HEADERS[draw(draw(3) === 0 ? HEADERS.length : PLAIN)] ?? '');
  const body = draw(8) === 0 ? of(draw, 'abc', '3\r\nabc\r\n0\r\n\r\n') : '';
  if (body) lines.push(body === 'abc' ? 'Content-Length: 3' : 'Transfer-Encoding: chunked');
  const plain = draw(3) > 0;
  const first = plain ? `${of(draw, 'GET', 'POST', 'HEAD')} ${of(draw, '/', '/a', '/ab', '/abc')} HTTP/1.1` : '';
  return `${[first || `${method} ${target} HTTP/${version}`, ...lines].join('\r\n')}\r\n\r\n${body}`;
}

/** A request, and where it is cut. */
interface Cut {
  readonly bytes: Buffer;
  readonly at: readonly number[];
}
const cut = (raw: string, draw: Draw): Cut => ({
  bytes: Buffer.from(raw, 'latin1'),
  at: Array.from({ length: draw(4) }, () => draw(raw.length)).sort((a, b) => a - b),
});

/** The answers to requests that are sent one after the other, until the connection ends. */
async function answers(requests: readonly Cut[], secure: boolean): Promise<string> {
  const { httpPort, httpsPort } = site.listeners;
  const place = { host: '127.0.0.1', port: secure ? httpsPort : httpPort };
  const socket = secure ? connectTls({ ...place, servername: 'h', ca: authority.cert }) : connect(place);
  socket.setNoDelay(true);
  let all = '';
  socket.on('data', (d) => {
    all += d.toString('latin1');
  });
  socket.on('error', () => {});
  const heads = (): string[] => all.split(/HTTP\/1\.1 (?=\d)/).slice(1);
  for (const [n, { bytes, at }] of requests.entries()) {
    const told = site.statuses.length;
    let from = 0;
    for (const to of [...at, bytes.length]) {
      if (socket.writable) socket.write(bytes.subarray(from, to));
      from = to;
      await new Promise((sent) => setImmediate(sent));
    }
    while (!socket.closed && (heads().length <= n || site.statuses.length === told)) await systemClock.sleep(1);
    // What is sent to who has closed may cost us the answer.
    if (/^connection: close\r$/im.test(heads().at(-1) ?? '')) break;
  }
  while (!socket.closed) await systemClock.sleep(1);
  return all;
}

/** Names of headers in lower case and in one order; without what tells who read the request, and when. */
function normal(text: string): string {
  return text.replace(/(HTTP\/1\.1 \d+[^\r]*)\r\n([\s\S]*?)\r\n\r\n/g, (_, status: string, headers: string) => {
    const lines = headers.split('\r\n').map((h) => h.replace(/^[^:]*/, (name) => name.toLowerCase()));
    return `${[status, ...lines.filter((h) => !/^(?:date|x-backend):/.test(h)).sort()].join('\r\n')}\r\n\r\n`;
  });
}

test.each([
  ['HTTP', false],
  ['HTTPS', true],
])('%s: what is ordinary does not go to Node, which writes names of headers in another way', async (_, secure) => {
  const ask = (...lines: string[]): Promise<string> => {
    const bytes = ['GET / HTTP/1.1', 'Host: h', ...lines, 'Connection: close', '', ''].join('\r\n');
    return answers([{ bytes: Buffer.from(bytes), at: [] }], secure);
  };
  expect(await ask('Accept: */*')).toContain('\r\nconnection: close\r\n');
  expect(await ask('TE: trailers')).toContain('\r\nConnection: close\r\n');
});

test.each([
  ['HTTP', false, 1],
  ['HTTPS', true, 4],
] as const)(
  '%s: both readers give the same answers to the same bytes, and ask the same of a backend',
  async (_, secure, fewer) => {
    const draw = drawing(SEED);
    // What is not ordinary makes the connection one of Node's.
    const odd: Cut = { bytes: Buffer.from('GET /odd HTTP/1.1\r\nHost: none\r\nTE: x\r\n\r\n'), at: [] };
    for (let n = 0; n < CASES / fewer; n++) {
      const requests = Array.from({ length: 1 + draw(3) }, () => cut(request(draw), draw));
      requests.push(cut('GET /end HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n', draw));
      const all = requests.map((r) => r.bytes.toString('latin1'));
      const ours = normal(await answers(requests, secure));
      const asked = seen.splice(0);
      const nodes = normal(await answers([odd, ...requests], secure));
      const first = nodes.indexOf('HTTP/1.1 ', 9);
      expect([all, ours]).toEqual([all, nodes.slice(first < 0 ? nodes.length : first)]);
      expect([all, asked]).toEqual([all, seen.splice(0)]);
    }
  },
);
