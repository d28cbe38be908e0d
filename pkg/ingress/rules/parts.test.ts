import { describe, expect, test } from 'vitest';
import { DEFAULT_SETTINGS, readSettings } from './annotations.ts';
import { parseTarget, rewrite } from './path.ts';
import type { Problem } from './types.ts';

describe('annotations', () => {
  const read = (annotations: Record<string, string>, prefix = 'ingress.coxswain.dev/') => {
    const problems: Problem[] = [];
    const named = Object.fromEntries(Object.entries(annotations).map(([k, v]) => [prefix + k, v]));
    return { settings: readSettings(named, problems), problems: problems.map((p) => p.message) };
  };

  test.each<[Record<string, string>, object]>([
    [{}, {}],
    [{ 'rewrite-target': '/' }, { rewriteTarget: '/' }],
    [{ 'rewrite-target': '/api/$2' }, { rewriteTarget: '/api/' }],
    [{ 'ssl-redirect': 'false' }, { sslRedirect: false }],
    [{ affinity: 'cookie' }, { affinity: { name: 'INGRESSCOOKIE' } }],
    [
      {
        affinity: 'cookie',
        'session-cookie-name': 'route',
        'session-cookie-max-age': '60',
        'session-cookie-samesite': 'Lax',
      },
      { affinity: { name: 'route', maxAgeSeconds: 60, sameSite: 'Lax' } },
    ],
    [{ 'session-cookie-name': 'unused' }, {}],
    [{ 'proxy-body-size': '8m' }, { maxBodyBytes: 8 * 1024 * 1024 }],
    [{ 'proxy-body-size': '0' }, { maxBodyBytes: 0 }],
    [{ 'backend-protocol': 'GRPC' }, { protocol: 'h2c' }],
    [{ 'backend-protocol': 'http' }, { protocol: 'http1' }],
    [
      { 'proxy-connect-timeout': '2', 'proxy-read-timeout': '90s' },
      { connectTimeoutMs: 2000, readTimeoutMs: 90_000 },
    ],
  ])('%j', (annotations, expected) => {
    expect(read(annotations)).toEqual({ settings: { ...DEFAULT_SETTINGS, ...expected }, problems: [] });
  });

  test.each<[Record<string, string>, RegExp]>([
    [{ 'rewrite-target': 'x' }, /must begin with/],
    [{ 'rewrite-target': '/$1/x' }, /without references/],
    [{ 'ssl-redirect': 'yes' }, /"true" or "false"/],
    [{ affinity: 'ip' }, /must be "cookie"/],
    [{ affinity: 'cookie', 'session-cookie-name': 'a b; c' }, /name of a cookie/],
    [{ 'proxy-body-size': '8 MB' }, /size such as/],
    [{ 'proxy-read-timeout': '0' }, /seconds from 1/],
    [{ 'backend-protocol': 'FCGI' }, /one of HTTP, H2C, GRPC/],
    [{ 'backend-protocol': 'constructor' }, /one of HTTP, H2C, GRPC/],
    [{ 'no-such-thing': '1' }, /not known/],
    [{ constructor: '1' }, /not known/],
  ])('%j is told, and left at its default', (annotations, message) => {
    const { settings, problems } = read(annotations);
    expect(problems).toEqual([expect.stringMatching(message)]);
    expect({ ...settings, affinity: undefined }).toEqual({ ...DEFAULT_SETTINGS, affinity: undefined });
  });

  test('the widely known prefix is understood too; what else there is of it is left alone', () => {
    const known = { 'proxy-body-size': '1k', 'enable-cors': 'true' };
    expect(read(known, 'nginx.ingress.kubernetes.io/')).toEqual({
      settings: { ...DEFAULT_SETTINGS, maxBodyBytes: 1024 },
      problems: [],
    });
  });
});

test.each<[string, object | undefined]>([
  ['/a/b?x=1', { raw: '/a/b', path: '/a/b', query: '?x=1' }],
  ['/a%20b/%2F', { raw: '/a%20b/%2F', path: '/a b/%2F', query: '' }],
  ['/%C3%A4', { raw: '/%C3%A4', path: '/ä', query: '' }],
  ['/.well-known/x', { raw: '/.well-known/x', path: '/.well-known/x', query: '' }],
  ['/a/..b', { raw: '/a/..b', path: '/a/..b', query: '' }],
  ['/a/../b', undefined],
  ['/a/..', undefined],
  ['/./a', undefined],
  ['/a/%2e%2E/b', undefined],
  ['/a\\..\\b', undefined],
  ['/%', undefined],
  ['/%00', undefined],
  ['*', undefined],
  ['', undefined],
])('target %s', (text, expected) => {
  expect(parseTarget(text)).toEqual(expected);
});

test.each<[string, string, number, boolean, string]>([
  ['/foo/bar', '/', 1, false, '/bar'],
  ['/foo', '/', 1, false, '/'],
  ['/foo/', '/', 1, false, '/'],
  ['/foo/bar/', '/x', 1, false, '/x/bar/'],
  ['/foo/bar', '/x/', 2, false, '/x'],
  ['/any/path', '/x', 0, false, '/x/any/path'],
  ['/f%6Fo/b%20r', '/', 1, false, '/b%20r'],
  ['//foo//bar', '/', 1, false, '//bar'],
  ['/foo', '/x', 1, true, '/x'],
])('%s to %s', (raw, target, depth, exact, expected) => {
  expect(rewrite(raw, { target, depth, exact })).toBe(expected);
});
