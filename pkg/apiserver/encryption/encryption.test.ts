import { randomBytes } from 'node:crypto';
import { describe, expect, test } from 'vitest';
import { matchesResource, parseEncryption } from './config.ts';
import { aescbc, aesgcm, identity, secretbox } from './providers.ts';

const KEY = '/registry/core/secrets/default/a';
const secret = (bytes = 32) => ({ name: 'k1', bytes: randomBytes(bytes) });
const plain = Buffer.from('{"kind":"Secret"}');

describe.each([
  ['aesgcm', aesgcm, [16, 24, 32]],
  ['aescbc', aescbc, [16, 24, 32]],
  ['secretbox', secretbox, [32]],
] as const)('%s', (name, make, sizes) => {
  test.each(sizes)('with a key of %i bytes: what it writes it reads, differently each time', (bytes) => {
    const p = make(secret(bytes));
    const [a, b] = [p.encrypt(plain, KEY), p.encrypt(plain, KEY)];
    expect(a.toString('latin1')).toMatch(new RegExp(`^k8s:enc:${name}:v1:k1:`));
    expect(a.equals(b)).toBe(false);
    expect(a.includes('Secret')).toBe(false);
    expect(p.decrypt(a, KEY)).toEqual(plain);
  });

  test('nothing is read with another key, or cut short', () => {
    const p = make(secret());
    const sealed = p.encrypt(plain, KEY);
    expect(() => p.decrypt(sealed.subarray(0, p.prefix.length + 3), KEY)).toThrow('shorter');
    if (name !== 'aescbc') expect(() => make(secret()).decrypt(sealed, KEY)).toThrow('authentication failed');
  });
});

test('secretbox opens what NaCl sealed', () => {
  const hex = (text: string) => Buffer.from(text, 'hex');
  const key = hex('1b27556473e985d462cd51197a9a46c76009549eac6474f206c4ee0844f68389');
  const nonce = hex('69696ee955b62b73cd62bda875fc73d68219e0036b7a0b37');
  const message = hex(
    'be075fc53c81f2d5cf141316ebeb0c7b5228c52a4c62cbd44b66849b64244ffce5ecbaaf33bd751a1ac728d45e6c61296cdc3c01233561f41db66cce314adb310e3be8250c46f06dceea3a7fa1348057e2f6556ad6b1318a024a838f21af1fde048977eb48f59ffd4924ca1c60902e52f0a089bc76897040e082f937763848645e0705',
  );
  const sealed = hex(
    'f3ffc7703f9400e52a7dfb4b3d3305d98e993b9f48681273c29650ba32fc76ce48332ea7164d96a4476fb8c531a1186ac0dfc17c98dce87b4da7f011ec48c97271d2c20f9b928fe2270d6fb863d51738b48eeee314a7cc8ab932164548e526ae90224368517acfeabd6bb3732bc0e9da99832b61ca01b6de56244a9e88d5f9b37973f622a43d14a6599b1f654cb45a74e355a5',
  );
  const p = secretbox({ name: 'k1', bytes: key });
  expect(p.decrypt(Buffer.concat([p.prefix, nonce, sealed]), KEY)).toEqual(message);
});

test('aesgcm binds a value to its place', () => {
  const p = aesgcm(secret());
  expect(() => p.decrypt(p.encrypt(plain, KEY), `${KEY}b`)).toThrow();
});

test('identity does not show ciphers as values', () => {
  expect(() => identity.decrypt(aesgcm(secret()).encrypt(plain, KEY), KEY)).toThrow('encrypted data');
});

test.each<[string, string, string, boolean]>([
  ['secrets', '', 'secrets', true],
  ['secrets', 'x.io', 'secrets', false],
  ['deployments.apps', 'apps', 'deployments', true],
  ['*.apps', 'apps', 'daemonsets', true],
  ['*.apps', '', 'pods', false],
  ['*.', '', 'pods', true],
  ['*.', 'apps', 'deployments', false],
  ['*.*', 'apps', 'deployments', true],
])('%s and %s/%s: %s', (pattern, group, plural, want) => {
  expect(matchesResource(pattern, group, plural)).toBe(want);
});

const HEAD = 'apiVersion: apiserver.config.k8s.io/v1\nkind: EncryptionConfiguration\n';
const key = Buffer.alloc(32).toString('base64');
const one = (providers: string, resources = '[secrets]'): string =>
  `${HEAD}resources: [{resources: ${resources}, providers: ${providers}}]`;

test('several keys and providers, in their order', () => {
  const [rule] = parseEncryption(
    one(`[{aesgcm: {keys: [{name: b, secret: "${key}"}, {name: a, secret: "${key}"}]}}, {identity: {}}]`),
  );
  expect(rule?.providers.map((p) => p.prefix.toString())).toEqual(['k8s:enc:aesgcm:v1:b:', 'k8s:enc:aesgcm:v1:a:', '']);
});

test.each<[string, string]>([
  ['kind: Policy', 'must be an EncryptionConfiguration'],
  [HEAD, 'resources: required'],
  [one('[]'), 'resources[0].providers: required'],
  [one('[{identity: {}}]', '[]'), 'resources[0].resources: required'],
  [one('[{identity: {}}]', '["*"]'), 'resources[0].resources[0]: "*" is no resource'],
  [one('[{identity: {}}]', '[secrets, "*."]'), 'resources[0].resources[0]: "secrets" overlaps with "*."'],
  [one('[{identity: {}}]', '[secrets, secrets]'), 'overlaps with "secrets"'],
  [one('[{rot13: {}}]'), 'resources[0].providers[0]: unknown provider "rot13"'],
  [one('[{kms: {}}]'), 'kms is not supported by this server'],
  [one('[{secretbox: {keys: [{name: a, secret: "MTIzNDU2Nzg5MDEyMzQ1Ng=="}]}}]'), 'is 16 bytes long, must be 32'],
  [one('[{identity: {}, aescbc: {}}]'), 'must name exactly one provider, has 2'],
  [one('[{aescbc: {}}]'), 'resources[0].providers[0].aescbc.keys: required'],
  [one(`[{aescbc: {keys: [{secret: "${key}"}]}}]`), 'keys[0].name: required'],
  [one(`[{aescbc: {keys: [{name: "a:b", secret: "${key}"}]}}]`), 'must not contain a colon'],
  [one('[{aescbc: {keys: [{name: a, secret: "!!"}]}}]'), 'keys[0].secret: must be base64 encoded'],
  [one('[{aescbc: {keys: [{name: a, secret: "YWJj"}]}}]'), 'is 3 bytes long, must be one of 16, 24, 32'],
])('%s', (text, words) => {
  expect(() => parseEncryption(text)).toThrow(words);
});
