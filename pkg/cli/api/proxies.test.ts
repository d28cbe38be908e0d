import { expect, test } from 'vitest';
import { proxyOf } from './proxies.ts';

const PROXY = 'http://proxy.test:3128';
const found = (server: string, env: NodeJS.ProcessEnv, proxyUrl?: string): string | undefined =>
  proxyOf({ server, ...(proxyUrl ? { proxyUrl } : {}) }, env)?.href.replace(/\/$/, '');

test.each<[string, string, NodeJS.ProcessEnv, string | undefined]>([
  ['no proxy', 'https://a.test', {}, undefined],
  ['HTTPS_PROXY', 'https://a.test', { HTTPS_PROXY: PROXY }, PROXY],
  ['small letters', 'https://a.test', { https_proxy: PROXY }, PROXY],
  ['great letters first', 'https://a.test', { HTTPS_PROXY: PROXY, https_proxy: 'http://other' }, PROXY],
  ['of the scheme of the server', 'https://a.test', { HTTP_PROXY: PROXY }, undefined],
  ['HTTP_PROXY', 'http://a.test', { HTTP_PROXY: PROXY }, PROXY],
  ['without a scheme', 'https://a.test', { HTTPS_PROXY: 'proxy.test:3128' }, PROXY],
  ['socks', 'https://a.test', { HTTPS_PROXY: 'socks5://u:p@s.test:1080' }, 'socks5://u:p@s.test:1080'],
  ['this machine', 'https://127.0.0.1:6443', { HTTPS_PROXY: PROXY }, undefined],
  ['localhost', 'https://localhost:6443', { HTTPS_PROXY: PROXY }, undefined],
  ['::1', 'https://[::1]:6443', { HTTPS_PROXY: PROXY }, undefined],
])('%s', (_what, server, env, wanted) => expect(found(server, env)).toBe(wanted));

test.each<[string, string, boolean]>([
  ['*', 'https://a.test', true],
  ['a.test', 'https://a.test:6443', true],
  ['a.test', 'https://b.a.test', true],
  ['a.test', 'https://ba.test', false],
  ['.a.test', 'https://b.a.test', true],
  ['.a.test', 'https://a.test', false],
  ['*.a.test', 'https://b.a.test', true],
  ['A.Test', 'https://a.test', true],
  ['a.test:6443', 'https://a.test:6443', true],
  ['a.test:443', 'https://a.test', true],
  ['a.test:443', 'https://a.test:6443', false],
  ['10.1.2.3', 'https://10.1.2.3:6443', true],
  ['10.1.2.3:6443', 'https://10.1.2.3:6443', true],
  ['10.1.2.3', 'https://10.1.2.30', false],
  ['10.0.0.0/8', 'https://10.200.3.4:6443', true],
  ['10.0.0.0/8', 'https://11.0.0.1', false],
  ['10.0.0.0/8', 'https://a.test', false],
  ['fd00::/8', 'https://[fd12::1]:6443', true],
  ['fd12::1', 'https://[fd12::1]:6443', true],
  ['[fd12::1]:6443', 'https://[fd12::1]:6443', true],
  ['10.0.0.0/99', 'https://10.0.0.1', false],
  ['x, a.test', 'https://a.test', true],
  ['', 'https://a.test', false],
])('NO_PROXY=%s, %s', (words, server, direct) => {
  expect(found(server, { HTTPS_PROXY: PROXY, NO_PROXY: words })).toBe(direct ? undefined : PROXY);
});

test('proxy-url goes before all, also to this machine', () => {
  const env = { HTTPS_PROXY: 'http://other', NO_PROXY: '*' };
  expect(found('https://127.0.0.1:6443', env, PROXY)).toBe(PROXY);
});

test('what is no proxy is refused with where it was read', () => {
  expect(() => found('https://a.test', {}, 'ftp://x:1')).toThrow(/^proxy-url "ftp:\/\/x:1" is no proxy: it takes http/);
  expect(() => found('https://a.test', { HTTPS_PROXY: 'http://:1' })).toThrow(
    /^\$HTTPS_PROXY "http:\/\/:1" is no proxy/,
  );
});
