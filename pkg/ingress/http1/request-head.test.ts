import { Readable } from 'node:stream';
import { expect, test } from 'vitest';
import { requestHead } from './request-head.ts';
import type { Outgoing } from './types.ts';

const head = (o: Partial<Outgoing>): string =>
  requestHead({
    method: 'GET',
    path: '/',
    headers: ['host', 'h'],
    body: null,
    length: undefined,
    readTimeoutMs: 1,
    ...o,
  });
const body = Readable.from(['x']);

test.each<[string, Partial<Outgoing>, string]>([
  ['without body', { path: '/a?b=%20' }, 'GET /a?b=%20 HTTP/1.1\r\nhost: h\r\n'],
  ['that has none where one is usual', { method: 'PUT' }, 'PUT / HTTP/1.1\r\nhost: h\r\ncontent-length: 0\r\n'],
  ['in chunks', { method: 'POST', body }, 'POST / HTTP/1.1\r\nhost: h\r\ntransfer-encoding: chunked\r\n'],
  ['of known length', { method: 'POST', body, length: 1 }, 'POST / HTTP/1.1\r\nhost: h\r\ncontent-length: 1\r\n'],
  [
    'whose length is told once',
    { method: 'POST', body, length: 1, headers: ['Content-Length', '1'] },
    'POST / HTTP/1.1\r\ncontent-length: 1\r\n',
  ],
  [
    'that says it has no body',
    { method: 'POST', length: 0, headers: ['content-length', '0'] },
    'POST / HTTP/1.1\r\ncontent-length: 0\r\n',
  ],
])('a request %s', (_, o, expected) => {
  expect(head(o)).toBe(`${expected}connection: keep-alive\r\n\r\n`);
});

test.each<[string, Partial<Outgoing>]>([
  ['a space in the path', { path: '/a HTTP/1.1' }],
  ['a line break in the path', { path: '/a\r\nx: y' }],
  ['a character whose last byte is a line break', { path: '/\u010d\u010a' }],
  ['a line break in a value', { headers: ['host', 'h\r\nx: y'] }],
  ['a line break in a name', { headers: ['x\r\ny', 'z'] }],
  ['a space in the method', { method: 'GET /' }],
])('%s is refused', (_, o) => {
  expect(() => head(o)).toThrow('malformed');
});
