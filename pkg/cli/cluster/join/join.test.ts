import { beforeAll, expect, test } from 'vitest';
import type { ConfigMap } from '#api/kinds/index.ts';
import { signDetached } from '#pki/detached-signature.ts';
import { createAuthority } from '#pki/issue.ts';
import { authorityHash, authorityIn, parseServer, parseToken } from './discovery.ts';
import { nodeServices, scriptOf } from './services.ts';

const token = { id: 'abcdef', secret: '0123456789abcdef' };
let ca = '';
let info: ConfigMap;

beforeAll(async () => {
  ca = (await createAuthority('test', Date.now())).cert;
  const cluster = { server: 'https://10.0.0.1:6443', 'certificate-authority-data': Buffer.from(ca).toString('base64') };
  const kubeconfig = JSON.stringify({ clusters: [{ name: '', cluster }] });
  info = { data: { kubeconfig, 'jws-kubeconfig-abcdef': signDetached(kubeconfig, token) } } as ConfigMap;
});

test('an authority is believed that the token has signed and that was pinned', () => {
  expect(authorityIn(info, { token, hashes: [] })).toBe(ca);
  expect(authorityIn(info, { token, hashes: ['sha256:0', authorityHash(ca)] })).toBe(ca);
});

test('no other is', () => {
  const hashes = [`sha256:${'0'.repeat(64)}`];
  expect(() => authorityIn(info, { token, hashes })).toThrow(/has the hash sha256:[0-9a-f]{64}, which is not/);
  const mistyped = { ...token, secret: '0123456789abcdee' };
  expect(() => authorityIn(info, { token: mistyped, hashes: [] })).toThrow(
    /token is mistyped, or it is another server/,
  );
  const changed = { data: { ...info.data, kubeconfig: '{}' } } as ConfigMap;
  expect(() => authorityIn(changed, { token, hashes: [] })).toThrow(/has not signed/);
  expect(authorityIn(info, { token: { ...token, id: 'abcdee' }, hashes: [] })).toBeUndefined();
});

test.each([
  ['10.0.0.1:6443', 'https://10.0.0.1:6443'],
  ['https://lb.example', 'https://lb.example:6443'],
  ['[fd00::1]:8443', 'https://[fd00::1]:8443'],
])('the server %s', (text, url) => expect(parseServer(text)).toBe(url));

test.each(['', 'http://10.0.0.1', '10.0.0.1/x', 'a b'])('no server: "%s"', (text) => {
  expect(() => parseServer(text)).toThrow(/is no address of an API server/);
});

test('a token has two parts', () => {
  expect(parseToken('abcdef.0123456789abcdef')).toEqual(token);
  expect(() => parseToken('abcdef')).toThrow(/no bootstrap token/);
});

test('a script says its words as they are', () => {
  const shape = { root: '/var/lib/x y', name: 'n1', address: '10.0.0.2', dockerHost: 'unix:///d.sock' };
  const more = { clusterDns: '10.96.0.10', clusterCidr: '10.244.0.0/16', networkBackend: 'vxlan', proxyMode: 'ipvs' };
  const { proxy = [] } = nodeServices({ ...shape, ...more });
  expect(scriptOf('/opt/bin/proxy', proxy)).toBe(
    '#!/bin/sh\n# Written by "cox cluster join".\n' +
      "exec /opt/bin/proxy --kubeconfig '/var/lib/x y/conf/proxy.conf' --node-name n1 --cluster-cidr 10.244.0.0/16 --proxy-mode ipvs\n",
  );
});
