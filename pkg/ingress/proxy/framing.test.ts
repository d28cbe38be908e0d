import { connect } from 'node:net';
import { text } from 'node:stream/consumers';
import { connect as connectTls } from 'node:tls';
import { beforeEach, describe, expect, test } from 'vitest';
import { authority } from '../fixtures.ts';
import { useFront } from './front-fixture.ts';

const site = useFront();
/** What came to a backend. */
let seen: string[];

beforeEach(() => {
  seen = [];
  site.handler = (req, res) => {
    let body = '';
    req.on('data', (chunk) => {
      body += String(chunk);
    });
    req.on('end', () => {
      seen.push(`${req.method} ${req.url} ${body}`);
      res.end('hello');
    });
  };
});

/** Sends bytes as they are. @returns the statuses of all answers, once the connection has ended */
async function send(raw: string, secure = false): Promise<string[]> {
  const { httpPort, httpsPort } = site.listeners;
  const place = { host: '127.0.0.1', port: secure ? httpsPort : httpPort };
  const socket = secure ? connectTls({ ...place, servername: 'h', ca: authority.cert }) : connect(place);
  socket.write(raw, 'latin1');
  return [...(await text(socket)).matchAll(/HTTP\/1\.1 (\d+) /g)].map((m) => m[1] ?? '');
}

const POST = 'POST / HTTP/1.1\r\nHost: h\r\n';
const GET = 'GET / HTTP/1.1\r\nHost: h\r\n';
const CHUNKED = 'Transfer-Encoding: chunked\r\n';
const BODY = '3\r\nabc\r\n0\r\n\r\n';
const MORE = `${GET}Connection: close\r\n\r\n`;

describe('a request that could be understood in two ways reaches nobody, nor does what follows it', () => {
  test.each<[string, string]>([
    ['two kinds of length', `${POST}Content-Length: 6\r\n${CHUNKED}\r\n0\r\n\r\n`],
    ['two kinds of length, the other way round', `${POST}${CHUNKED}Content-Length: 6\r\n\r\n0\r\n\r\n`],
    ['two lengths', `${POST}Content-Length: 3\r\nContent-Length: 5\r\n\r\nabcde`],
    ['a list of lengths', `${POST}Content-Length: 3, 3\r\n\r\nabc`],
    ['a length with a sign', `${POST}Content-Length: +3\r\n\r\nabc`],
    ['a length that no number holds', `${POST}Content-Length: 99999999999999999999999\r\n\r\nabc`],
    ['a space after the name of a header', `${POST}Content-Length : 3\r\n\r\nabc`],
    ['chunks that are not the last coding', `${POST}Transfer-Encoding: chunked, identity\r\n\r\n${BODY}`],
    ['a coding after a control character', `${POST}Transfer-Encoding: \x0bchunked\r\n\r\n${BODY}`],
    ['a coding in HTTP/1.0', `POST / HTTP/1.0\r\nHost: h\r\nConnection: keep-alive\r\n${CHUNKED}\r\n${BODY}`],
    ['a header that goes on in the next line', `${POST}X-A: 1\r\n ${CHUNKED}\r\n${BODY}`],
    ['a line feed alone', `${GET}X-A: a\n${CHUNKED}\r\n${BODY}`],
    ['a carriage return alone', `${GET}X-A: a\r${CHUNKED}\r\n${BODY}`],
    ['a zero byte', `${GET}X-A: a\0\r\n\r\n`],
    ['a chunk without length', `${POST}${CHUNKED}\r\nzz\r\nabc\r\n0\r\n\r\n`],
    ['a chunk longer than it says', `${POST}${CHUNKED}\r\n2\r\nabc\r\n0\r\n\r\n`],
    ['a chunk whose length no number holds', `${POST}${CHUNKED}\r\nfffffffffffffffff\r\nabc\r\n0\r\n\r\n`],
    ['lines of chunks without carriage return', `${POST}${CHUNKED}\r\n3\nabc\n0\n\n`],
    ['a length among the trailers', `${POST}${CHUNKED}\r\n3\r\nabc\r\n0\r\nContent-Length: 9\r\n\r\n`],
    ['two hosts', `GET / HTTP/1.1\r\nHost: h\r\nHOST: other\r\n\r\n`],
    ['no host', 'GET / HTTP/1.1\r\n\r\n'],
    ['a space in the path', 'GET /a b HTTP/1.1\r\nHost: h\r\n\r\n'],
  ])('%s: 400', async (_, raw) => {
    expect(await send(raw + MORE)).toEqual(['400']);
    await expect.poll(() => site.front.active, { timeout: 30_000 }).toBe(0);
    // Nor was what follows begun with and given up.
    expect(site.logged).not.toContainEqual(expect.objectContaining({ method: 'GET' }));
    expect(seen).toEqual([]);
  });

  test.each([
    ['a body that is packed in a way the backend is not told of', 'gzip, chunked\r\n'],
    ['a coding that is none', 'xchunked\r\n'],
    ['codings in two lines', `gzip\r\n${CHUNKED}`],
  ])('%s: 501', async (_, coding) => {
    expect(await send(`${POST}Transfer-Encoding: ${coding}\r\n${BODY}${MORE}`)).toEqual(['501']);
    expect(seen).toEqual([]);
  });
});

test('requests that follow each other are told apart by their lengths', async () => {
  const raw = `${GET}Content-Length: 3\r\n\r\nabc${POST}${CHUNKED}\r\n${BODY}${MORE}`;
  expect(await send(raw)).toEqual(['200', '200', '200']);
  expect(seen).toEqual(['GET / abc', 'POST / abc', 'GET / ']);
});

test('a length that is said to concern one connection only counts for the body all the same', async () => {
  const hidden = 'GET /past-all-rules HTTP/1.1\r\nHost: h\r\n\r\n';
  const raw = `${POST}Connection: content-length\r\nContent-Length: ${hidden.length}\r\n\r\n${hidden}`;
  expect(await send(`${raw}${MORE}`)).toEqual(['200', '200']);
  expect(seen).toEqual([`POST / ${hidden}`, 'GET / ']);
});

test('what is sent without waiting for an answer does not overtake what was sent before', async () => {
  site.handler = (req, res) => {
    seen.push(`${req.method} begins`);
    setTimeout(() => {
      seen.push(`${req.method} ends`);
      res.end('hello');
    }, 20);
  };
  expect(await send(`${GET}\r\n${POST}Content-Length: 0\r\nConnection: close\r\n\r\n`)).toEqual(['200', '200']);
  expect(seen).toEqual(['GET begins', 'GET ends', 'POST begins', 'POST ends']);
});

describe.each([
  ['HTTP', false],
  ['HTTPS', true],
])('a wish for another protocol, over %s', (_, secure) => {
  const settings = 'HTTP2-Settings: AAMAAABkAARAAAAAAAIAAAAA\r\n';

  test('is passed over if that is HTTP/2, which would go past all rules', async () => {
    const raw = `${GET}Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\n${settings}\r\n`;
    expect(await send(raw, secure)).toEqual(['200']);
    expect(seen).toEqual(['GET / ']);
  });

  test('is passed over for a request with a body, which is kept', async () => {
    const raw = `${POST}Connection: Upgrade\r\nUpgrade: websocket\r\nContent-Length: 3\r\n\r\nabc`;
    expect(await send(raw, secure)).toEqual(['200']);
    expect(seen).toEqual(['POST / abc']);
  });
});
