import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { useCluster } from '../../bed/suite.ts';
import { waitFor } from '../../bed/wait.ts';
import { type AskOptions, type Obj, Wire } from './http.ts';

const dir = mkdtempSync(join(tmpdir(), 'coxswain-nodes-'));
const tokens = join(dir, 'tokens.csv');
writeFileSync(tokens, 'one,system:node:n1,u1,"system:nodes"\ntwo,system:node:n2,u2,"system:nodes"\n');
afterAll(() => rmSync(dir, { recursive: true, force: true }));

const cluster = useCluster('integration-node-access', {
  apiservers: 1,
  without: ['scheduler', 'controller-manager'],
  flags: { apiserver: ['--token-auth-file', tokens] },
});
let wire: Wire;
let pod: Obj;
const NS = '/api/v1/namespaces/default';

const as = (token: string, type = 'application/json'): AskOptions => ({
  anonymous: true,
  headers: { authorization: `Bearer ${token}`, 'content-type': type },
});
const one = as('one');
const two = as('two');
const merge = as('one', 'application/merge-patch+json');
const code = async (path: string, o: AskOptions) => (await wire.ask('GET', path, o)).code;

beforeAll(async () => {
  wire = await Wire.to(cluster());
  await wire.ok('POST', `${NS}/serviceaccounts`, { metadata: { name: 'default' } });
  for (const name of ['used', 'other']) {
    await wire.ok('POST', `${NS}/secrets`, { metadata: { name } });
    await wire.ok('POST', `${NS}/configmaps`, { metadata: { name } });
  }
  await wire.ok('POST', '/api/v1/nodes', { metadata: { name: 'n1' } }, one);
  pod = await wire.ok('POST', `${NS}/pods`, {
    metadata: { name: 'p' },
    spec: {
      nodeName: 'n1',
      containers: [{ name: 'c', image: 'img:1', envFrom: [{ configMapRef: { name: 'used' } }] }],
      volumes: [{ name: 'v', secret: { secretName: 'used' } }],
    },
  });
});

describe('the Node authorizer', () => {
  test.each([
    ['secrets', 'used', 200, 403],
    ['configmaps', 'used', 200, 403],
    ['secrets', 'other', 403, 403],
    ['configmaps', 'other', 403, 403],
  ])('%s/%s: its own node %i, another %i', async (plural, name, own, foreign) => {
    expect(await code(`${NS}/${plural}/${name}`, one)).toBe(own);
    expect(await code(`${NS}/${plural}/${name}`, two)).toBe(foreign);
  });

  test('lists only by name', async () => {
    expect(await code(`${NS}/secrets`, one)).toBe(403);
    expect(await code(`${NS}/secrets?fieldSelector=metadata.name%3Dused`, one)).toBe(200);
    expect(await code('/api/v1/pods?fieldSelector=spec.nodeName%3Dn1', one)).toBe(200);
  });

  test('what comes with a pod goes with it', async () => {
    await wire.ok('POST', `${NS}/pods`, {
      metadata: { name: 'late' },
      spec: {
        nodeName: 'n2',
        containers: [{ name: 'c', image: 'i:1' }],
        volumes: [{ name: 'v', secret: { secretName: 'other' } }],
      },
    });
    // Whichever server answers: it waits until it has seen the pod.
    expect(await code(`${NS}/secrets/other`, two)).toBe(200);
    await wire.ok('DELETE', `${NS}/pods/late?gracePeriodSeconds=0`);
    await waitFor('refused', async () => (await code(`${NS}/secrets/other`, two)) === 403);
  });

  test('tokens only for accounts of its pods, bound to them', async () => {
    const request = (ref: object) => ({
      spec: { boundObjectRef: { kind: 'Pod', apiVersion: 'v1', name: 'p', ...ref } },
    });
    const path = `${NS}/serviceaccounts/default/token`;
    const uid = pod.metadata.uid;
    expect((await wire.ok('POST', path, request({ uid }), one)).status).toHaveProperty('token');
    expect((await wire.fails('POST', path, { ...one, body: request({}) })).message).toContain('without a uid');
    expect((await wire.fails('POST', path, { ...one, body: { spec: {} } })).message).toContain('not bound to a pod');
    expect((await wire.fails('POST', path, { ...two, body: request({ uid }) })).code).toBe(403);
  });
});

describe('NodeRestriction', () => {
  test.each<[string, string, string, AskOptions, string]>([
    [
      'another Node',
      'PATCH',
      '/api/v1/nodes/n1/status',
      { ...as('two', 'application/merge-patch+json'), body: {} },
      'is not allowed to modify node "n1"',
    ],
    [
      'its taints',
      'PATCH',
      '/api/v1/nodes/n1',
      { ...merge, body: { spec: { taints: [] } } },
      'not allowed to modify taints',
    ],
    [
      'reserved labels',
      'PATCH',
      '/api/v1/nodes/n1',
      { ...merge, body: { metadata: { labels: { 'node-restriction.kubernetes.io/x': 'y' } } } },
      'is not allowed to modify labels: node-restriction.kubernetes.io/x',
    ],
    [
      'plain pods',
      'POST',
      `${NS}/pods`,
      { ...one, body: { metadata: { name: 'x' }, spec: { nodeName: 'n1', containers: [{ name: 'c', image: 'i' }] } } },
      'can only create mirror pods',
    ],
    ["another node's pods", 'DELETE', `${NS}/pods/p`, two, 'can only delete pods with spec.nodeName set to itself'],
    [
      "another node's pod status",
      'PATCH',
      `${NS}/pods/p/status`,
      { ...as('two', 'application/merge-patch+json'), body: { status: { phase: 'Failed' } } },
      'can only update pod status for pods with spec.nodeName set to itself',
    ],
    [
      'another lease',
      'POST',
      '/apis/coordination.k8s.io/v1/namespaces/kube-node-lease/leases',
      { ...one, body: { metadata: { name: 'n2' } } },
      'can only access node lease with the same name',
    ],
  ])('%s is not the node’s to write', async (_name, method, path, o, words) => {
    const status = await wire.fails(method, path, o);
    expect(status).toMatchObject({ code: 403, reason: 'Forbidden' });
    expect(status.message).toContain(words);
  });

  test('its own is', async () => {
    await wire.ok('PATCH', '/api/v1/nodes/n1', { metadata: { labels: { mine: 'yes' } } }, merge);
    await wire.ok('PATCH', `${NS}/pods/p/status`, { status: { phase: 'Running' } }, merge);
    const lease = { metadata: { name: 'n1' }, spec: { holderIdentity: 'n1' } };
    await wire.ok('POST', '/apis/coordination.k8s.io/v1/namespaces/kube-node-lease/leases', lease, one);
    await wire.ok('DELETE', `${NS}/pods/p?gracePeriodSeconds=0`, undefined, one);
  });
});
