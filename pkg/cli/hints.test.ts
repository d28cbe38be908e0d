import { once } from 'node:events';
import { createServer } from 'node:https';
import type { AddressInfo } from 'node:net';
import { beforeAll, expect, test } from 'vitest';
import { StatusError } from '#api/meta/errors.ts';
import { createAuthority, issueCertificate, type PemPair } from '#pki/issue.ts';
import { Rest } from './api/rest.ts';
import type { CliContext } from './context.ts';
import { sentence } from './errors.ts';
import { hintsFor } from './hints.ts';

const YEAR_MS = 365 * 86_400_000;
const unauthorized = new StatusError({ kind: 'Status', apiVersion: 'v1', reason: 'Unauthorized' } as never);
const as = (config: object): CliContext => ({ config }) as unknown as CliContext;

let authority: PemPair;
/** A certificate that was issued so many years ago, for one. */
const issued = (yearsAgo: number, usage: 'client' | 'server'): Promise<PemPair> => {
  const spec = { commonName: 'x', usages: [usage], hosts: ['127.0.0.1'] };
  return issueCertificate(spec as never, authority, Date.now() - yearsAgo * YEAR_MS);
};

beforeAll(async () => {
  authority = await createAuthority('ca', Date.now() - 5 * YEAR_MS);
});

test('who is not let in hears that his certificate has ended', async () => {
  const old = await issued(3, 'client');
  expect(await hintsFor(as({ cert: Buffer.from(old.cert) }), unauthorized)).toEqual([
    expect.stringMatching(/^Your client certificate ended on .*; "cox cluster certs renew"/),
  ]);
  const valid = await issued(0, 'client');
  expect(await hintsFor(as({ cert: Buffer.from(valid.cert) }), unauthorized)).toEqual([]);
});

const jwt = (payload: object): string => `e30.${Buffer.from(JSON.stringify(payload)).toString('base64url')}.c2ln`;

test.each<[string, string, readonly unknown[]]>([
  [
    'one that has ended',
    jwt({ exp: 1_000_000_000 }),
    ['Your token ended on Sun, 09 Sep 2001 01:46:40 GMT; "cox create token" or whoever gave it makes a new one'],
  ],
  ['one that has not', jwt({ exp: 100_000_000_000 }), []],
  ['one that never ends', jwt({}), []],
  ['one with a senseless end', jwt({ exp: -1e300 }), []],
  ['one of another kind', 'abcdef.0123456789abcdef', []],
])('who is not let in with a token: %s', async (_what, token, wanted) => {
  expect(await hintsFor(as({ token }), unauthorized)).toEqual(wanted);
});

test('a server whose certificate has ended is told of', async () => {
  const { cert, key } = await issued(3, 'server');
  const server = createServer({ cert, key }, (_request, response) => void response.end('{}'));
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  const rest = new Rest({ server: `https://127.0.0.1:${port}`, ca: Buffer.from(authority.cert) }, () => {});
  try {
    const failure = await rest.json({ path: '/' }).catch((e: unknown) => e);
    expect(sentence(failure)).toBe(
      'error: the server\'s certificate has ended; renew it with "cox cluster certs renew" (certificate has expired)',
    );
  } finally {
    rest.close();
    server.close();
  }
});
