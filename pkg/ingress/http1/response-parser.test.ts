import { describe, expect, test } from 'vitest';
import { BadResponse } from './response-head.ts';
import { ResponseParser } from './response-parser.ts';

/** What is found in an answer that comes in pieces of so many bytes. */
function parse(text: string, o: { method?: string; size?: number; end?: boolean } = {}) {
  const found = {
    status: 0,
    message: '',
    headers: [] as string[],
    body: '',
    trailers: undefined as string[] | undefined,
  };
  const parser = new ResponseParser({
    onHead: ({ status, message, headers }) => Object.assign(found, { status, message, headers }),
    onData: (chunk) => {
      found.body += chunk.toString('latin1');
    },
    onEnd: (trailers) => {
      found.trailers = trailers;
    },
  });
  parser.begin(o.method ?? 'GET');
  const bytes = Buffer.from(text, 'latin1');
  const size = o.size ?? bytes.length;
  for (let at = 0; at < bytes.length; at += size) parser.feed(bytes.subarray(at, at + size));
  if (o.end) parser.finish();
  return found;
}
const lines = (...all: string[]): string => all.join('\r\n');

describe.each([1, 2, 3, 7, 1000])('an answer in pieces of %i bytes', (size) => {
  test.each([
    ['of known length', lines('HTTP/1.1 200 OK', 'Content-Length: 5', 'X-A: b', '', 'hello'), 'hello', []],
    ['without body', lines('HTTP/1.1 204 No Content', 'content-length: 5', '', ''), '', []],
    ['of length 0', lines('HTTP/1.1 500', 'content-length:0', '', ''), '', []],
    [
      'in chunks',
      lines('HTTP/1.1 200 OK', 'Transfer-Encoding: Chunked', '', '5;x="y"', 'hello', 'A', '0123456789', '0', '', ''),
      'hello0123456789',
      [],
    ],
    [
      'in chunks, with trailers',
      lines('HTTP/1.1 200 OK', 'transfer-encoding: chunked', '', '1', 'x', '0', 'X-Sum:  1 ', 'b:', '', ''),
      'x',
      ['x-sum', '1', 'b', ''],
    ],
    [
      'after others',
      lines('HTTP/1.1 100 Continue', '', 'HTTP/1.1 103 H', 'a: b', '', 'HTTP/1.1 200 OK', 'content-length: 1', '', 'x'),
      'x',
      [],
    ],
  ])('%s', (_, text, body, trailers) => {
    expect(parse(text, { size })).toMatchObject({ body, trailers });
  });

  test('that ends with the connection', () => {
    const text = lines('HTTP/1.0 200 OK', '', 'all');
    expect(parse(text, { size })).toMatchObject({ body: 'all', trailers: undefined });
    expect(parse(text, { size, end: true })).toMatchObject({ body: 'all', trailers: [] });
  });
});

test('the head: names in lower case, values without blanks around them, what comes twice stays so', () => {
  const text = lines(
    'HTTP/1.1 418 I am a teap\xf6t',
    'Set-Cookie: a=1',
    'set-cookie:\tb=2 \t',
    'x:',
    'content-length: 9',
    '',
    '',
  );
  expect(parse(text, { method: 'HEAD' })).toEqual({
    ...{ status: 418, message: 'I am a teap\xf6t', body: '', trailers: [] },
    headers: ['set-cookie', 'a=1', 'set-cookie', 'b=2', 'x', '', 'content-length', '9'],
  });
});

describe('refused', () => {
  const ok = (...headers: string[]): string => lines('HTTP/1.1 200 OK', ...headers, '', '');
  test.each([
    ['what is no HTTP', lines('SSH-2.0-x', '', '')],
    ['another version', lines('HTTP/2.0 200 OK', '', '')],
    ['a status that is none', lines('HTTP/1.1 099 OK', '', '')],
    ['a line that goes on', ok('a: b', ' c')],
    ['a blank before the colon', ok('a : b')],
    ['a line without colon', ok('abc')],
    ['a line feed alone', ok('a: b\nc: d')],
    ['a carriage return alone', ok('a: b\rc')],
    ['a zero byte', ok('a: \0')],
    ['two lengths', ok('content-length: 1', 'content-length: 2')],
    ['a length and chunks', ok('content-length: 1', 'transfer-encoding: chunked')],
    ['a length with a sign', ok('content-length: +1')],
    ['another encoding', ok('transfer-encoding: gzip, chunked')],
    ['a change of protocol', lines('HTTP/1.1 101 Switching Protocols', '', '')],
    ['a second answer', `${ok('content-length: 0')}${ok('content-length: 0')}`],
    ['more than its length', `${ok('content-length: 1')}xy`],
    ['a chunk longer than it says', `${ok('transfer-encoding: chunked')}1\r\nxy\r\n`],
    ['a chunk of no number', `${ok('transfer-encoding: chunked')}0x1\r\nx\r\n`],
    ['a chunk of huge length', `${ok('transfer-encoding: chunked')}fffffffff\r\n`],
    ['a trailer without colon', `${ok('transfer-encoding: chunked')}0\r\nx\r\n\r\n`],
    ['an endless head', `HTTP/1.1 200 OK\r\nx: ${'y'.repeat(40_000)}`],
    ['an endless line before a chunk', `${ok('transfer-encoding: chunked')}1;${'y'.repeat(2000)}`],
  ])('%s', (_, text) => {
    expect(() => parse(text)).toThrow(BadResponse);
  });

  test.each([
    ['in its head', 'HTTP/1.1 200'],
    ['in its body', lines('HTTP/1.1 200 OK', 'content-length: 5', '', 'hell')],
    ['between chunks', lines('HTTP/1.1 200 OK', 'transfer-encoding: chunked', '', '1', 'x', '')],
  ])('an answer that ends %s', (_, text) => {
    expect(() => parse(text, { end: true })).toThrow('the connection ended before the answer did');
  });
});
