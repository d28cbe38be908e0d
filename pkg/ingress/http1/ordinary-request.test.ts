import { describe, expect, test } from 'vitest';
import { mayBecomeOrdinary, OrdinaryRequest, ordinaryHead } from './ordinary-request.ts';

const head = (...lines: string[]): string => ['GET /a?b=%20 HTTP/1.1', 'Host: h', ...lines].join('\r\n');

describe('ordinary', () => {
  test.each([
    ['with nothing but a host', head(), { headers: [], length: undefined, last: false }],
    ['whose values have blanks around them', head('A:  b \t', 'c:'), { headers: ['A', 'b', 'c', ''] }],
    ['whose value ends in a blank of another kind', head('A: b\xa0'), { headers: ['A', 'b\xa0'] }],
    ['with what comes twice', head('Cookie: a', 'cookie: b'), { headers: ['Cookie', 'a', 'cookie', 'b'] }],
    ['that says it has no body', head('Content-Length: 0'), { headers: [], length: 0 }],
    ['that stays', head('Connection: Keep-Alive'), { headers: [], last: false }],
    ['that is the last', head('connection:CLOSE'), { headers: [], last: true }],
    ['that says both', head('connection: close', 'connection: keep-alive'), { last: true }],
  ])('%s', (_, text, expected) => {
    expect(ordinaryHead(text)).toMatchObject({ method: 'GET', target: '/a?b=%20', host: 'h', ...expected });
    for (let n = 1; n <= text.length; n++) {
      expect([n, mayBecomeOrdinary(text.slice(0, n))]).toEqual([n, true]);
    }
    expect(['\r', '\r\n', '\r\n\r'].map((end) => mayBecomeOrdinary(text + end))).toEqual([true, true, true]);
  });

  test.each(['h', 'H.example:80', '10.0.0.1:8080', '[fd00::1]', '[fd00::1]:80', 'a_b'])('the host %s', (host) => {
    expect(ordinaryHead(`GET / HTTP/1.1\r\nHost: ${host}`)).toMatchObject({ host });
  });
});

describe('not ordinary, and not to become so', () => {
  test.each([
    ['another version', 'GET / HTTP/1.0\r\nHost: h'],
    ['a version in small letters', 'GET / http/1.1\r\nHost: h'],
    ['another method', 'TRACE / HTTP/1.1\r\nHost: h'],
    ['a method in small letters', 'get / HTTP/1.1\r\nHost: h'],
    ['a whole URL', 'GET http://h/ HTTP/1.1\r\nHost: h'],
    ['no path', 'OPTIONS * HTTP/1.1\r\nHost: h'],
    ['a fragment', 'GET /a#b HTTP/1.1\r\nHost: h'],
    ['a space in the path', 'GET /a b HTTP/1.1\r\nHost: h'],
    ['two spaces', 'GET  / HTTP/1.1\r\nHost: h'],
    ['a path that is not of ASCII', 'GET /\xe9 HTTP/1.1\r\nHost: h'],
    ['an empty line before', '\r\nGET / HTTP/1.1\r\nHost: h'],
    ['a line that goes on', head('A: b', ' c')],
    ['a space before the colon', head('A : b')],
    ['a line without name', head(': b')],
    ['a line feed alone', head('A: b\nC: d')],
    ['a carriage return alone', head('A: b\rC: d')],
    ['a zero byte', head('A: \0')],
    ['another control character', head('A: \x7f')],
    ['TLS', '\x16\x03\x01\x02'],
  ])('%s', (_, text) => {
    expect(ordinaryHead(text)).toBeUndefined();
    expect(mayBecomeOrdinary(text)).toBe(false);
  });
});

test.each([
  ['no header', 'GET / HTTP/1.1'],
  ['no host', 'GET / HTTP/1.1\r\nA: b'],
  ['two hosts', head('HOST: h')],
  ['an empty host', 'GET / HTTP/1.1\r\nHost:'],
  ['a host with a path', 'GET / HTTP/1.1\r\nHost: h/x'],
  ['a list of hosts', 'GET / HTTP/1.1\r\nHost: h, i'],
  ['a body', head('Content-Length: 1')],
  ['two lengths', head('Content-Length: 0', 'Content-Length: 0')],
  ['a length with a sign', head('Content-Length: -0')],
  ['a length with a zero too many', head('Content-Length: 00')],
  ['an empty length', head('Content-Length:')],
  ['chunks', head('Transfer-Encoding: chunked')],
  ['an encoding that is none', head('transfer-encoding:')],
  ['another protocol', head('Upgrade: websocket')],
  ['a wish to be told to go on', head('Expect: 100-continue')],
  ['headers for one connection', head('Connection: close, a')],
  ['trailers', head('TE: trailers')],
])('not ordinary: %s', (_, text) => {
  expect(ordinaryHead(text)).toBeUndefined();
});

test('values of a header that comes several times are told as one', () => {
  const found = ordinaryHead(head('Cookie: a=1', 'X: 1', 'cookie: b=2', 'x: 2'));
  const request = found && new OrdinaryRequest(found, { peer: '', secure: false });
  expect(['cookie', 'x', 'y'].map((name) => request?.header(name))).toEqual(['a=1; b=2', '1, 2', undefined]);
});
