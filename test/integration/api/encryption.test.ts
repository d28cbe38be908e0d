import { randomBytes } from 'node:crypto';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { openEtcd } from '#storage/etcd/open.ts';
import type { Storage } from '#storage/storage.ts';
import { useCluster } from '../../bed/suite.ts';
import { waitFor } from '../../bed/wait.ts';
import { type Obj, Wire } from './http.ts';

const dir = mkdtempSync(join(tmpdir(), 'coxswain-encryption-'));
const config = join(dir, 'encryption.yaml');
const SECRETS = '/api/v1/namespaces/default/secrets';
const key = (name: string) => ({ name, secret: randomBytes(32).toString('base64') });
const [first, second] = [key('first'), key('second')];
const write = (secrets: object[]): void =>
  writeFileSync(
    config,
    JSON.stringify({
      apiVersion: 'apiserver.config.k8s.io/v1',
      kind: 'EncryptionConfiguration',
      resources: [
        { resources: ['secrets'], providers: secrets },
        { resources: ['configmaps'], providers: [{ aescbc: { keys: [first] } }, { identity: {} }] },
        { resources: ['*.batch'], providers: [{ secretbox: { keys: [first] } }, { identity: {} }] },
      ],
    }),
  );
write([{ identity: {} }]);

const cluster = useCluster('integration-encryption', {
  without: ['scheduler', 'controller-manager'],
  flags: {
    apiserver: ['--encryption-provider-config', config, '--encryption-provider-config-automatic-reload'],
  },
});
let wire: Wire;
let etcd: Storage;
beforeAll(async () => {
  wire = await Wire.to(cluster());
  etcd = await openEtcd(cluster().etcd);
});
afterAll(async () => {
  await etcd?.close();
  rmSync(dir, { recursive: true, force: true });
});

const stored = async (path: string): Promise<string> =>
  (await etcd.get(`/registry/${path}`))?.value.toString('latin1') ?? '';
const secret = (name: string) => ({ metadata: { name }, stringData: { word: 'sesame' } });
const word = Buffer.from('sesame').toString('base64');

let probes = 0;
/** Waits until both servers write secrets so that they begin like this. @returns the name of one that does */
async function written(prefix: string): Promise<string> {
  let name = '';
  for (const server of cluster().apiservers) {
    await waitFor('the file is followed', async () => {
      // Each time another one: what a server wrote just before it forgot a key it cannot read any more, nor replace.
      name = `probe-${probes++}`;
      await wire.ok('POST', SECRETS, secret(name), { server });
      return (await stored(`core/secrets/default/${name}`)).startsWith(prefix);
    });
  }
  return name;
}

test('keys are rotated: any reads, the first writes, and a replacement without a change writes anew', async () => {
  await wire.ok('POST', SECRETS, secret('old'));
  expect(await stored('core/secrets/default/old')).toContain(word);

  write([{ aesgcm: { keys: [first] } }, { identity: {} }]);
  await written('k8s:enc:aesgcm:v1:first:');
  await wire.ok('POST', SECRETS, secret('new'));
  expect(await stored('core/secrets/default/new')).not.toContain(word);
  for (const server of cluster().apiservers) {
    for (const name of ['old', 'new']) {
      const read = await waitFor('seen', () => wire.ok<Obj>('GET', `${SECRETS}/${name}`, undefined, { server }));
      expect(read.data).toEqual({ word });
    }
  }

  write([{ aesgcm: { keys: [second, first] } }, { identity: {} }]);
  await written('k8s:enc:aesgcm:v1:second:');
  const all = await cluster().kubectlOk(['get', 'secrets', '-o', 'json']);
  await cluster().kubectlOk(['replace', '-f', '-'], { input: all });
  for (const name of ['old', 'new']) {
    const text = await stored(`core/secrets/default/${name}`);
    expect(text.slice(0, 25)).toBe('k8s:enc:aesgcm:v1:second:');
  }
  const before = await wire.ok('GET', `${SECRETS}/new`);
  expect((await wire.ok('PUT', `${SECRETS}/new`, before)).metadata.resourceVersion).toBe(
    before.metadata.resourceVersion,
  );

  // Without its key a value cannot be read, and says so.
  await wire.ok('POST', SECRETS, secret('lost'));
  write([{ identity: {} }]);
  const plain = await written('{');
  const { apiserver1 } = cluster().processes;
  await apiserver1.stop();
  await apiserver1.start();
  const server = cluster().apiservers[0] ?? '';
  const failed = await wire.fails('GET', `${SECRETS}/lost`, { server });
  expect(failed).toMatchObject({ code: 500, reason: 'InternalError' });
  expect(failed.message).toContain('unable to transform key "/registry/core/secrets/default/lost"');
  expect((await wire.ok<Obj>('GET', `${SECRETS}/${plain}`, undefined, { server })).data).toEqual({ word });
});

test('each resource by its own rule, and others as they are', async () => {
  await wire.ok('POST', '/api/v1/namespaces/default/configmaps', {
    metadata: { name: 'm' },
    data: { a: 'plain-text' },
  });
  expect(await stored('core/configmaps/default/m')).toMatch(/^k8s:enc:aescbc:v1:first:/);
  const template = { spec: { restartPolicy: 'Never', containers: [{ name: 'c', image: 'x' }] } };
  await wire.ok('POST', '/apis/batch/v1/namespaces/default/jobs', { metadata: { name: 'j' }, spec: { template } });
  expect(await stored('batch/jobs/default/j')).toMatch(/^k8s:enc:secretbox:v1:first:/);
  expect((await wire.ok('GET', '/apis/batch/v1/namespaces/default/jobs/j')).kind).toBe('Job');
  await wire.ok('POST', '/api/v1/namespaces/default/serviceaccounts', { metadata: { name: 's' } });
  expect(await stored('core/serviceaccounts/default/s')).toMatch(/^\{"kind":"ServiceAccount"/);
});

test('a file that makes no sense changes nothing', async () => {
  write([{ aesgcm: { keys: [first] } }, { identity: {} }]);
  await written('k8s:enc:aesgcm:v1:first:');
  writeFileSync(config, 'kind: Nonsense');
  await waitFor('reported', async () =>
    cluster().logs('apiserver2').includes('the new encryption configuration is not used'),
  );
  await written('k8s:enc:aesgcm:v1:first:');
});
