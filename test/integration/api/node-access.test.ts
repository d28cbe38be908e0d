import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { useCluster } from '../../bed/suite.ts';
import { waitFor } from '../../bed/wait.ts';
import { type AskOptions, type Obj, Wire } from './http.ts';

const dir = mkdtempSync(join(tmpdir(), 'coxswain-nodes-'));
const tokens = join(dir, 'tokens.csv');
writeFileSync(
  tokens,
  'one,system:node:n1,u1,"system:nodes"\ntwo,system:node:n2,u2,"system:nodes"\nnet,system:coxswain-network,u3\n',
);
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
const network = as('net');
const merge = as('one', 'application/merge-patch+json');
const code = async (path: string, o: AskOptions) => (await wire.raw('GET', path, o)).code;

beforeAll(async () => {
  wire = await Wire.to(cluster());
  await wire.ok('POST', `${NS}/serviceaccounts`, { metadata: { name: 'default' } });
  for (const name of ['used', 'other']) {
    await wire.ok('POST', `${NS}/secrets`, { metadata: { name } });
    await wire.ok('POST', `${NS}/configmaps`, { metadata: { name } });
  }
  await wire.ok('POST', '/api/v1/nodes', { metadata: { name: 'n1' } }, one);
  await wire.ok('POST', `${NS}/pods`, {
    metadata: { name: 'elsewhere' },
    spec: { nodeName: 'n2', containers: [{ name: 'c', image: 'img:1' }] },
  });
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
  });

  const onlyOwnNode = (what: string) => `node 'n1' cannot read ${what}, only its own Node object`;
  const unrelated = "no relationship found between node 'n1' and this object";
  test.each([
    ['/api/v1/pods?fieldSelector=spec.nodeName%3Dn1', undefined],
    [`${NS}/pods?fieldSelector=spec.nodeName%3Dn1,status.phase!%3DFailed`, undefined],
    ['/api/v1/pods?fieldSelector=spec.nodeName%3Dn2', 'can only list/watch pods with spec.nodeName field selector'],
    ['/api/v1/pods', 'can only list/watch pods with spec.nodeName field selector'],
    ['/api/v1/pods?watch=true&timeoutSeconds=1', 'can only list/watch pods with spec.nodeName field selector'],
    [`${NS}/pods/p`, undefined],
    [`${NS}/pods/elsewhere`, unrelated],
    [`${NS}/pods/none`, unrelated],
    ['/api/v1/nodes/n1', undefined],
    ['/api/v1/nodes?fieldSelector=metadata.name%3Dn1', undefined],
    ['/api/v1/nodes/n2', onlyOwnNode("'n2'")],
    ['/api/v1/nodes', onlyOwnNode('all nodes')],
    ['/api/v1/nodes?watch=true&timeoutSeconds=1', onlyOwnNode('all nodes')],
    ['/api/v1/services', undefined],
    ['/api/v1/namespaces', ''],
    ['/apis/networking.k8s.io/v1/networkpolicies', ''],
  ])('%s is read by node n1, unless %s', async (path, objection) => {
    if (objection === undefined) {
      await wire.ok('GET', path, undefined, one);
      return;
    }
    const status = await wire.fails('GET', path, one);
    expect(status).toMatchObject({ code: 403, reason: 'Forbidden' });
    const words = /^\S+ is forbidden: |^\S+ "\S+" is forbidden: /;
    expect(status.message?.replace(words, '')).toMatch(
      new RegExp(
        `^User "system:node:n1" cannot (get|list|watch) resource "[a-z]+" in API group "\\S*" .*${objection}$`,
      ),
    );
  });

  test('a review is answered with the selector it has', async () => {
    const review = async (fieldSelector?: object) => {
      const resourceAttributes = { verb: 'list', resource: 'pods', ...(fieldSelector ? { fieldSelector } : {}) };
      const spec = { user: 'system:node:n1', groups: ['system:nodes'], resourceAttributes };
      return (await wire.ok('POST', '/apis/authorization.k8s.io/v1/subjectaccessreviews', { spec })).status;
    };
    const reason = 'can only list/watch pods with spec.nodeName field selector';
    const of = (...values: string[]) => ({ requirements: [{ key: 'spec.nodeName', operator: 'In', values }] });
    expect(await review(of('n1'))).toEqual({ allowed: true });
    expect(await review({ rawSelector: 'spec.nodeName=n1' })).toEqual({ allowed: true });
    expect(await review(of('n2'))).toEqual({ allowed: false, reason });
    expect(await review()).toEqual({ allowed: false, reason });
  });

  test('the pod network reads what nodes do not, and writes nothing', async () => {
    const read = ['/api/v1/pods', '/api/v1/nodes', '/api/v1/namespaces', '/apis/networking.k8s.io/v1/networkpolicies'];
    const asked = read.flatMap((path) => [path, `${path}?watch=true&timeoutSeconds=1`]);
    expect(await Promise.all(asked.map((path) => code(path, network)))).toEqual(asked.map(() => 200));
    for (const path of ['/api/v1/secrets', `${NS}/configmaps/used`, '/api/v1/services'])
      expect([path, await code(path, network)]).toEqual([path, 403]);
    const patch = { ...as('net', 'application/merge-patch+json'), body: { metadata: { labels: { a: 'b' } } } };
    expect((await wire.fails('PATCH', '/api/v1/nodes/n1', patch)).code).toBe(403);
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
