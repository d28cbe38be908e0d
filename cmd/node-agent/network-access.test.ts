import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import type { Kubeconfig } from '#client/kubeconfig.ts';
import { networkKubeconfig } from './network-access.ts';

let dir: string;
beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), 'coxswain-network-access-'));
});
afterEach(() => rmSync(dir, { recursive: true, force: true }));

const kubeconfigOf = (token: string): string =>
  JSON.stringify({
    clusters: [{ name: 'c', cluster: { server: `https://${token}` } }],
    users: [{ name: 'u', user: { token } }],
    contexts: [{ name: 'x', context: { cluster: 'c', user: 'u' } }],
    'current-context': 'x',
  });
const flags = (more: object = {}) => ({
  kubeconfig: join(dir, 'kubelet.conf'),
  certDir: dir,
  rotateCertificates: true,
  ...more,
});
const node: Kubeconfig = { server: 'https://node', cert: Buffer.from('node'), key: Buffer.from('node') };
/** Of a machine that has joined: its certificate is the cluster's. */
const joined = (): Kubeconfig => {
  const file = join(dir, 'kubelet-client-current.pem');
  return { ...node, ca: Buffer.from('ca'), certFiles: { cert: file, key: file } };
};

test('a file that is named counts first, then the one beside the kubeconfig', async () => {
  writeFileSync(join(dir, 'network.conf'), kubeconfigOf('beside'));
  writeFileSync(join(dir, 'other.conf'), kubeconfigOf('named'));
  expect(await networkKubeconfig(flags(), joined())).toMatchObject({ token: 'beside' });
  const named = flags({ networkKubeconfig: join(dir, 'other.conf') });
  expect(await networkKubeconfig(named, joined())).toMatchObject({ token: 'named' });
});

test('a machine that has joined takes the certificate the cluster is asked for, never that of the node', async () => {
  const pem = join(dir, 'network-client-current.pem');
  const files = { server: 'https://node', ca: Buffer.from('ca'), certFiles: { cert: pem, key: pem } };
  expect(await networkKubeconfig(flags(), joined())).toEqual(files);
  writeFileSync(pem, 'pem');
  const pair = { cert: Buffer.from('pem'), key: Buffer.from('pem') };
  expect(await networkKubeconfig(flags(), joined())).toEqual({ ...files, ...pair });
});

test('where nobody asks for one, it says what to do', async () => {
  const words = /as system:coxswain-network: name them by --network-kubeconfig \(or .*network\.conf\)/;
  await expect(networkKubeconfig(flags(), node)).rejects.toThrow(words);
  await expect(networkKubeconfig(flags({ rotateCertificates: false }), joined())).rejects.toThrow(words);
});
