import { describe, expect, test } from 'vitest';
import { credentialsFor, type KeyringEntry, parseDockerConfig } from './keyring.ts';

const auth = (user: string) => ({ auth: Buffer.from(`${user}:p:w`).toString('base64') });
const names = (image: string, ...servers: string[]): (string | undefined)[] =>
  credentialsFor(
    image,
    parseDockerConfig(JSON.stringify({ auths: Object.fromEntries(servers.map((s) => [s, auth(s)])) })),
  ).map((c) => c.username);

describe('which credentials are for an image', () => {
  test.each<[string, string, string[], string[]]>([
    ['of its registry', 'r.io/a/b:1', ['r.io', 's.io'], ['r.io']],
    ['with scheme and version', 'r.io/a', ['https://r.io/v1/'], ['https']],
    ['with its port only', 'r.io:5000/a', ['r.io', 'r.io:5000'], ['r.io']],
    ['longer paths first', 'r.io/a/b', ['r.io', 'r.io/a', 'r.io/x'], ['r.io/a', 'r.io']],
    ['a path begins', 'r.io/images/x', ['r.io/ima'], ['r.io/ima']],
    ['globs in a label', 'eu.r.io/a', ['*.r.io', 'e?.r.io', '*.*.io', 'r.*'], ['*.r.io', 'e?.r.io', '*.*.io']],
    ['but not over dots', 'a.eu.r.io/a', ['*.r.io'], []],
    ['glob with more', 'my-good.r.io/a', ['*-good.r.io'], ['*-good.r.io']],
    [
      'several globs',
      'abcabd.r.io/a',
      ['a*b?.r.io', '*ab*.r.io', 'a*?*?.r.io', '**.r.io'],
      ['a*b?.r.io', '*ab*.r.io', 'a*?*?.r.io', '**.r.io'],
    ],
    ['that do not fit', 'abcabd.r.io/a', ['*abc.r.io', 'a*c?.r.io', '*????????.r.io', 'abcab.r.io'], []],
    ['however many', `${'a'.repeat(60)}.r.io/a`, [`${'*a'.repeat(25)}b.r.io`], []],
    ['the hub has no name', 'busybox', ['https://index.docker.io/v1/', 'r.io'], ['https']],
    ['or one', 'docker.io/me/x@sha256:0', ['docker.io'], ['docker.io']],
    ['a library of the hub', 'busybox:1', ['index.docker.io/library'], ['index.docker.io/library']],
    ['localhost', 'localhost/a', ['localhost'], ['localhost']],
    ['dots are dots', 'rxio/a', ['r.io'], []],
  ])('%s', (_, image, servers, want) => {
    expect(names(image, ...servers)).toEqual(want);
  });
});

test('forms of credentials', () => {
  const config = {
    a: { username: 'u', password: 'p' },
    b: { auth: Buffer.from('u:p:q').toString('base64'), username: 'ignored' },
    c: { identitytoken: 't' },
    d: { username: 'alone' },
    e: 'nothing',
  };
  const want: KeyringEntry[] = [
    { pattern: 'a', credentials: { username: 'u', password: 'p', serveraddress: 'a' } },
    { pattern: 'b', credentials: { username: 'u', password: 'p:q', serveraddress: 'b' } },
    { pattern: 'c', credentials: { identitytoken: 't', serveraddress: 'c' } },
  ];
  expect(parseDockerConfig(JSON.stringify(config))).toEqual(want);
  expect(parseDockerConfig(JSON.stringify({ auths: config }))).toEqual(want);
  expect(parseDockerConfig('[]')).toEqual([]);
  expect(() => parseDockerConfig('{')).toThrow(SyntaxError);
});
