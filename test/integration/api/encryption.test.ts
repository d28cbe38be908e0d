import { randomBytes } from 'node:crypto';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { Leases } from '#api/kinds/index.ts';
import { encodeProtobuf } from '#api/protobuf/encode.ts';
import { openEtcd } from '#storage/etcd/open.ts';
import type { Storage } from '#storage/storage.ts';
import { useCluster } from '../../bed/suite.ts';
import { waitFor } from '../../bed/wait.ts';
import { type List, type Obj, Wire } from './http.ts';

const dir = mkdtempSync(join(tmpdir(), 'coxswain-encryption-'));
const config = join(dir, 'encryption.yaml');
const SECRETS = '/api/v1/namespaces/default/secrets';
const FREE = { type: 'object', 'x-kubernetes-preserve-unknown-fields': true };
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
        { resources: ['serviceaccounts', 'events'], providers: [{ identity: {} }] },
        { resources: ['gems.encryption.example.com'], providers: [{ aesgcm: { keys: [second] } }, { identity: {} }] },
        { resources: ['*.'], providers: [{ aesgcm: { keys: [first] } }, { identity: {} }] },
        { resources: ['*.*'], providers: [{ secretbox: { keys: [second] } }, { identity: {} }] },
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

  // It stands in nobody's way, is not written over, and is there again with its key.
  const lost = await stored('core/secrets/default/lost');
  const names = async (): Promise<string[]> =>
    (await wire.ok<List>('GET', SECRETS, undefined, { server })).items.map((o) => o.metadata.name);
  expect(await names()).toContain(plain);
  expect(await names()).not.toContain('lost');
  const body = secret('lost');
  expect(await wire.fails('POST', SECRETS, { server, body })).toMatchObject({ code: 409, reason: 'AlreadyExists' });
  for (const [method, o] of [
    ['PUT', { body }],
    ['PATCH', { body: { metadata: { labels: { a: 'b' } } } }],
    ['DELETE', {}],
  ] as const) {
    const refused = await wire.fails(method, `${SECRETS}/lost`, { server, ...o });
    expect([method, refused.code, refused.message]).toEqual([method, 500, failed.message]);
  }
  await wire.ok('DELETE', `${SECRETS}?fieldSelector=metadata.name=lost`, undefined, { server });
  expect(await stored('core/secrets/default/lost')).toBe(lost);
  write([{ aesgcm: { keys: [second, first] } }, { identity: {} }]);
  await written('k8s:enc:aesgcm:v1:second:');
  await waitFor('the lost one', async () => (await names()).includes('lost'));
  expect((await wire.ok<Obj>('GET', `${SECRETS}/lost`, undefined, { server })).data).toEqual({ word });
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

/** What is kept in plain text: what the configuration says of, and what is no object. */
const PLAIN = /^\/registry\/(?:core\/(?:serviceaccounts|events|secrets)\/|ranges\/|\.tick$)/;

test('by the wildcards everything else: built-in kinds however they were sent, and custom ones', async () => {
  const definition = {
    metadata: { name: 'gems.encryption.example.com' },
    spec: {
      group: 'encryption.example.com',
      scope: 'Namespaced',
      names: { plural: 'gems', kind: 'Gem' },
      versions: [{ name: 'v1', served: true, storage: true, schema: { openAPIV3Schema: FREE } }],
    },
  };
  await wire.ok('POST', '/apis/apiextensions.k8s.io/v1/customresourcedefinitions', definition);
  await wire.settled();
  const gems = '/apis/encryption.example.com/v1/namespaces/default/gems';
  const gem = {
    apiVersion: 'encryption.example.com/v1',
    kind: 'Gem',
    metadata: { name: 'g' },
    spec: { say: 'sesame' },
  };
  await waitFor('its resource', async () => (await wire.raw('POST', gems, { body: gem })).code === 201);
  const leases = '/apis/coordination.k8s.io/v1/namespaces/default/leases';
  const type = { apiVersion: 'coordination.k8s.io/v1', kind: 'Lease' };
  const lease = { ...type, metadata: { name: 'binary' }, spec: { holderIdentity: 'sesame' } };
  const headers = { 'content-type': 'application/vnd.kubernetes.protobuf' };
  const sent = await wire.raw('POST', leases, { body: encodeProtobuf(Leases.schema, lease), headers });
  expect(sent.code).toBe(201);
  const services = '/api/v1/namespaces/default/services';
  const service = { metadata: { name: 's', annotations: { say: 'sesame' } }, spec: { ports: [{ port: 80 }] } };
  await wire.ok('POST', services, service);
  const patched = { metadata: { labels: { say: 'sesame' } } };
  for (const path of [`${gems}/g`, `${leases}/binary`, `${services}/s`]) await wire.ok('PATCH', path, patched);

  expect(await stored('encryption.example.com/gems/default/g')).toMatch(/^k8s:enc:aesgcm:v1:second:/);
  expect(await stored('coordination.k8s.io/leases/default/binary')).toMatch(/^k8s:enc:secretbox:v1:second:/);
  expect(await stored('core/services/default/s')).toMatch(/^k8s:enc:aesgcm:v1:first:/);
  const all = (await etcd.list('/registry/')).items;
  const readable = all.filter(
    ({ key: k, value }) => !PLAIN.test(k) && !value.toString('latin1').startsWith('k8s:enc:'),
  );
  expect(readable.map((kv) => kv.key)).toEqual([]);
  const telling = all.filter(({ key: k, value }) => !PLAIN.test(k) && value.includes('sesame'));
  expect(telling.map((kv) => kv.key)).toEqual([]);
  // Read back after a start, as lists and watches see it.
  const { apiserver1 } = cluster().processes;
  await apiserver1.stop();
  await apiserver1.start();
  for (const server of cluster().apiservers) {
    for (const [path, say] of [
      [`${gems}/g`, { spec: gem.spec }],
      [`${leases}/binary`, { spec: lease.spec }],
      [`${services}/s`, { metadata: { annotations: { say: 'sesame' }, labels: { say: 'sesame' } } }],
    ] as const) {
      expect(await wire.ok('GET', path, undefined, { server }), path).toMatchObject(say);
    }
    const list = await wire.ok<List>('GET', gems, undefined, { server });
    expect(list.items.map((o) => o.metadata.name)).toEqual(['g']);
  }
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
