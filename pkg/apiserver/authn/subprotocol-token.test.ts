import type { IncomingMessage } from 'node:http';
import { expect, test } from 'vitest';
import { authenticator } from './authenticator.ts';

const jane = { name: 'jane', groups: [] };
const authenticate = authenticator([(token) => (token === 'sécret' ? jane : undefined)]);
const offering = (protocols: string, more: object = {}): Promise<{ name: string }> | { name: string } =>
  authenticate({
    headers: { connection: 'keep-alive, Upgrade', upgrade: 'WebSocket', 'sec-websocket-protocol': protocols, ...more },
    socket: {},
  } as IncomingMessage);

const carrying = (token: string | Buffer): string =>
  `base64url.bearer.authorization.k8s.io.${Buffer.from(token).toString('base64url')}`;

test.each([[`${carrying('sécret')}, binary.k8s.io`], [`v4.channel.k8s.io,${carrying('sécret')}`]])(
  'a token among sub-protocols authenticates: %s',
  async (protocols) => {
    expect(await offering(protocols)).toEqual({ name: 'jane', groups: ['system:authenticated'] });
  },
);

test.each([
  ['nobody knows it', `${carrying('other')}, binary.k8s.io`],
  ['there is no other to answer with', carrying('sécret')],
  ['there are two', `${carrying('sécret')}, ${carrying('sécret')}, binary.k8s.io`],
  ['it is no base64', 'base64url.bearer.authorization.k8s.io.a+b, binary.k8s.io'],
  ['it is padded', 'base64url.bearer.authorization.k8s.io.c2U=, binary.k8s.io'],
  ['it is cut off', 'base64url.bearer.authorization.k8s.io.c2Vjc, binary.k8s.io'],
  ['it is no text', `${carrying(Buffer.of(0xff, 0xfe))}, binary.k8s.io`],
])('401 when %s', async (_why, protocols) => {
  await expect((async () => offering(protocols))()).rejects.toMatchObject({ code: 401 });
});

test.each([
  ['no sub-protocol is a token', 'binary.k8s.io', {}],
  ['the token is empty', 'base64url.bearer.authorization.k8s.io.', {}],
  ['no WebSocket is asked for', `${carrying('sécret')}, a`, { upgrade: 'SPDY/3.1' }],
  ['no upgrade is asked for', `${carrying('sécret')}, a`, { connection: 'keep-alive' }],
])('nobody when %s', async (_why, protocols, more) => {
  expect(await offering(protocols, more)).toMatchObject({ name: 'system:anonymous' });
});
