import { expect, test } from 'vitest';
import type { Secret } from '#api/kinds/index.ts';
import type { Stored } from '#api/meta/objectmeta.ts';
import { verifyDetached } from '#pki/detached-signature.ts';
import { NOW } from '../fixtures.ts';
import { clusterKubeconfig, endOfToken, isOurs, signedInfo, signingSecret } from './tokens.ts';

const token = (change: Record<string, string> = {}, name = 'bootstrap-token-abcdef'): Stored<Secret> => {
  const text = {
    'token-id': 'abcdef',
    'token-secret': '0123456789abcdef',
    'usage-bootstrap-signing': 'true',
    ...change,
  };
  const data = Object.fromEntries(Object.entries(text).map(([k, v]) => [k, Buffer.from(v).toString('base64')]));
  return { metadata: { name, namespace: 'kube-system' }, type: 'bootstrap.kubernetes.io/token', data } as never;
};
const at = (ms: number): string => new Date(NOW + ms).toISOString();

test.each<[string, Stored<Secret>, boolean]>([
  ['as it should be', token(), true],
  ['not for signing', token({ 'usage-bootstrap-signing': 'false' }), false],
  ['ended', token({ expiration: at(-1) }), false],
  ['not ended', token({ expiration: at(1000) }), true],
  ['an end nobody can read', token({ expiration: 'soon' }), false],
  ['of another name', token({}, 'bootstrap-token-abcdee'), false],
  ['of another type', { ...token(), type: 'Opaque' }, false],
])('a token %s', (_, secret, signs) => {
  expect(signingSecret(secret, NOW) !== undefined).toBe(signs);
});

test('a token ends when it says, or never', () => {
  expect([endOfToken(token()), endOfToken(token({ expiration: at(5) }))]).toEqual([Number.POSITIVE_INFINITY, NOW + 5]);
});

test('what somebody else has published is known from what we did', () => {
  const kubeconfig = clusterKubeconfig('https://10.0.0.1:6443', 'PEM');
  expect([kubeconfig, kubeconfig.replace('"name": ""', '"name": "x"'), 'clusters: []'].map(isOurs)).toEqual([
    true,
    false,
    false,
  ]);
});

test('each token signs; signatures of tokens that are gone go', () => {
  const kubeconfig = clusterKubeconfig('https://10.0.0.1:6443', 'PEM');
  const secret = { id: 'abcdef', secret: '0123456789abcdef' };
  const data = signedInfo({ 'jws-kubeconfig-000000': 'old', note: 'stays' }, kubeconfig, [secret]);
  expect(Object.keys(data)).toEqual(['note', 'kubeconfig', 'jws-kubeconfig-abcdef']);
  expect(verifyDetached(kubeconfig, data['jws-kubeconfig-abcdef'] ?? '', secret)).toBe(true);
});
