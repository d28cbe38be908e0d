import { beforeAll, describe, expect, test } from 'vitest';
import { useCluster } from '../../bed/suite.ts';
import { waitFor } from '../../bed/wait.ts';
import { type List, type Obj, Wire } from './http.ts';

/** Ways to write that clients seldom go, over the wire. */
const cluster = useCluster('integration-writes', { without: ['scheduler', 'controller-manager'] });
const MAPS = '/api/v1/namespaces/default/configmaps';
const DEPLOYMENTS = '/apis/apps/v1/namespaces/default/deployments';
const RBAC = '/apis/rbac.authorization.k8s.io/v1';
let wire: Wire;
beforeAll(async () => {
  wire = await Wire.to(cluster());
  await wire.ok('POST', '/api/v1/namespaces/default/serviceaccounts', { metadata: { name: 'default' } });
});

const deployment = (name: string, spec: object = {}) => ({
  metadata: { name },
  spec: {
    selector: { matchLabels: { app: name } },
    template: {
      metadata: { labels: { app: name } },
      spec: {
        containers: ['a', 'b', 'c'].map((c) => ({ name: c, image: `${c}:1`, env: [{ name: 'X', value: c }] })),
      },
    },
    ...spec,
  },
});

describe('strategic merge patch', () => {
  interface Container {
    readonly name: string;
    readonly image: string;
    readonly env?: readonly { name: string; value: string }[];
  }
  const patched = async (name: string, body: unknown) => {
    const headers = { 'content-type': 'application/strategic-merge-patch+json' };
    const { spec } = await wire.ok('PATCH', `${DEPLOYMENTS}/${name}`, body, { headers });
    return spec as { strategy: object; template: { spec: { containers: Container[] } } };
  };
  const containers = (list: unknown, more: object = {}) => ({
    spec: { template: { spec: { containers: list, ...more } } },
  });

  test('elements of lists are found by their keys, deleted, and put in order', async () => {
    await wire.ok('POST', DEPLOYMENTS, deployment('merge'));
    const list = [
      { name: 'b', image: 'b:2', env: [{ name: 'Y', value: 'y' }] },
      { name: 'a', $patch: 'delete' },
    ];
    const order = { '$setElementOrder/containers': [{ name: 'c' }, { name: 'b' }] };
    const { template } = await patched('merge', containers(list, order));
    expect(template.spec.containers.map((c) => [c.name, c.image, c.env?.map((e) => e.name).sort()])).toEqual([
      ['c', 'c:1', ['X']],
      ['b', 'b:2', ['X', 'Y']],
    ]);
  });

  test('$patch: replace replaces a list, $retainKeys what a union held', async () => {
    await wire.ok('POST', DEPLOYMENTS, deployment('replace'));
    const only = [{ $patch: 'replace' }, { name: 'd', image: 'd:1' }];
    expect((await patched('replace', containers(only))).template.spec.containers.map((c) => c.name)).toEqual(['d']);
    const strategy = { $retainKeys: ['type'], type: 'Recreate' };
    expect((await patched('replace', { spec: { strategy } })).strategy).toEqual({ type: 'Recreate' });
  });

  test('what contradicts itself is refused; a new item stands where the patch has it', async () => {
    await wire.ok('POST', DEPLOYMENTS, deployment('ordered'));
    const headers = { 'content-type': 'application/strategic-merge-patch+json' };
    const refused = async (body: unknown) => {
      const { code, message } = await wire.fails('PATCH', `${DEPLOYMENTS}/ordered`, { body, headers });
      return [code, message];
    };
    const both = [
      { name: 'b', image: 'b:2' },
      { name: 'a', image: 'a:2' },
    ];
    const order = { '$setElementOrder/containers': [{ name: 'a' }, { name: 'b' }] };
    expect(await refused(containers(both, order))).toEqual([400, expect.stringContaining("doesn't match")]);
    const stray = { spec: { $retainKeys: ['selector', 'template'], replicas: 3 } };
    expect(await refused(stray)).toEqual([400, 'invalid patch format of retainKeys']);
    const { template } = await patched('ordered', containers([{ name: 'n', image: 'n:1' }]));
    expect(template.spec.containers.map((c) => c.name)).toEqual(['n', 'a', 'b', 'c']);
  });
});

test('generateName: names are made, and another one where one is taken', async () => {
  const made = await Promise.all(
    Array.from({ length: 20 }, () => wire.ok('POST', MAPS, { metadata: { generateName: 'made-' } })),
  );
  const names = made.map((m) => m.metadata.name);
  for (const name of names) expect(name).toMatch(/^made-[a-z0-9]{5}$/);
  expect(new Set(names).size).toBe(20);
  // A name that is given counts.
  const both = await wire.ok('POST', MAPS, { metadata: { name: 'given', generateName: 'made-' } });
  expect(both.metadata.name).toBe('given');
});

test('YAML bodies, and what is wrong with one', async () => {
  const headers = { 'content-type': 'application/yaml' };
  const yaml = (text: string) => ({ headers, body: Buffer.from(text) });
  const made = await wire.ask('POST', MAPS, yaml('metadata:\n  name: from-yaml\ndata:\n  a: |\n    two\n    lines\n'));
  expect([made.code, made.body.data]).toEqual([201, { a: 'two\nlines\n' }]);
  const text = (
    await wire.raw('GET', `${MAPS}/from-yaml`, { headers: { accept: 'application/yaml' } })
  ).body.toString();
  expect(text).toMatch(/^apiVersion: v1\ndata:\n {2}a: \|\n {4}two\n {4}lines\nkind: ConfigMap\nmetadata:\n/);
  expect(text).toMatch(/^ {2}creationTimestamp: "2\S+Z"$/m);
  expect(await wire.fails('POST', MAPS, yaml('metadata: [\n'))).toMatchObject({ code: 400, reason: 'BadRequest' });
});

test('deletecollection: what the selectors say, with preconditions and dry runs', async () => {
  await Promise.all(
    Array.from({ length: 6 }, (_, i) =>
      wire.ok('POST', MAPS, { metadata: { name: `many-${i}`, labels: { many: String(i % 2) } } }),
    ),
  );
  const left = async () =>
    (await wire.ok<List>('GET', `${MAPS}?labelSelector=many`)).items.map((m) => m.metadata.name).sort();
  const query = 'labelSelector=many%3D1';
  const dry = await wire.ok<List>('DELETE', `${MAPS}?${query}&dryRun=All`);
  expect(dry.items.map((m) => m.metadata.name).sort()).toEqual(['many-1', 'many-3', 'many-5']);
  expect(await left()).toHaveLength(6);
  await wire.ok('DELETE', `${MAPS}?${query}`);
  expect(await left()).toEqual(['many-0', 'many-2', 'many-4']);
  await wire.ok('DELETE', `${MAPS}?labelSelector=many&fieldSelector=metadata.name%3Dmany-2`);
  expect(await left()).toEqual(['many-0', 'many-4']);
});

describe('nobody gives what they do not have', () => {
  const rule = (verbs: string[]) => [{ apiGroups: [''], resources: ['pods'], verbs }];
  const role = (name: string, rules: object[]) => ({ metadata: { name }, rules });
  const binding = (name: string, roleName: string, user: string) => ({
    metadata: { name },
    roleRef: { apiGroup: 'rbac.authorization.k8s.io', kind: 'ClusterRole', name: roleName },
    subjects: [{ apiGroup: 'rbac.authorization.k8s.io', kind: 'User', name: user }],
  });
  const as = (user: string) => ({ headers: { 'impersonate-user': user, 'content-type': 'application/json' } });

  beforeAll(async () => {
    const manages = [
      { apiGroups: ['rbac.authorization.k8s.io'], resources: ['roles', 'clusterroles'], verbs: ['create', 'update'] },
      { apiGroups: ['rbac.authorization.k8s.io'], resources: ['clusterrolebindings'], verbs: ['create'] },
      ...rule(['get']),
    ];
    const mays = { apiGroups: ['rbac.authorization.k8s.io'], resources: ['clusterroles'] };
    await wire.ok('POST', `${RBAC}/clusterroles`, role('manager', manages));
    await wire.ok('POST', `${RBAC}/clusterroles`, role('escalates', [{ ...mays, verbs: ['escalate', 'bind'] }]));
    await wire.ok('POST', `${RBAC}/clusterroles`, role('deletes-pods', rule(['delete'])));
    for (const user of ['ann', 'eve'])
      await wire.ok('POST', `${RBAC}/clusterrolebindings`, binding(`manager-${user}`, 'manager', user));
    await wire.ok('POST', `${RBAC}/clusterrolebindings`, binding('escalates-eve', 'escalates', 'eve'));
    const may = `${RBAC}/clusterroles?dryRun=All`;
    for (const server of cluster().apiservers) {
      for (const user of ['ann', 'eve']) {
        await waitFor('roles act', async () => {
          const body = role('probe', user === 'ann' ? rule(['get']) : rule(['delete']));
          return (await wire.ask('POST', may, { ...as(user), body, server })).code === 201;
        });
      }
    }
  });

  test('a role holds what its writer may, unless they may escalate', async () => {
    const path = `${RBAC}/clusterroles`;
    await wire.ok('POST', path, role('ann-gets', rule(['get'])), as('ann'));
    const refused = await wire.fails('POST', path, { ...as('ann'), body: role('ann-deletes', rule(['delete'])) });
    expect(refused).toMatchObject({ code: 403, reason: 'Forbidden' });
    expect(refused.message).toMatch(
      /user "ann" \(groups=\["system:authenticated"\]\) is attempting to grant RBAC permissions not currently held:\n\{APIGroups:\[""\], Resources:\["pods"\], Verbs:\["delete"\]\}/,
    );
    const wider = role('ann-gets', rule(['get', 'list']));
    expect((await wire.fails('PUT', `${path}/ann-gets`, { ...as('ann'), body: wider })).code).toBe(403);
    await wire.ok('POST', path, role('eve-deletes', rule(['delete'])), as('eve'));
  });

  test('a binding gives a role whose rules its writer has, unless they may bind it', async () => {
    const path = `${RBAC}/clusterrolebindings`;
    const refused = await wire.fails('POST', path, { ...as('ann'), body: binding('b1', 'deletes-pods', 'ann') });
    expect(refused).toMatchObject({ code: 403, reason: 'Forbidden' });
    await wire.ok('POST', path, binding('b2', 'ann-gets', 'joe'), as('ann'));
    await wire.ok('POST', path, binding('b3', 'deletes-pods', 'joe'), as('eve'));
  });
});

test('PUT creates some kinds of objects, for those who may create them', async () => {
  const roles = `${RBAC}/namespaces/default/roles`;
  const leases = '/apis/coordination.k8s.io/v1/namespaces/default/leases';
  const group = { apiGroups: ['coordination.k8s.io'], resources: ['leases'] };
  await wire.ok('POST', roles, { metadata: { name: 'putter' }, rules: [{ ...group, verbs: ['get', 'update'] }] });
  const subjects = [{ kind: 'User', name: 'putter', apiGroup: 'rbac.authorization.k8s.io' }];
  const roleRef = { apiGroup: 'rbac.authorization.k8s.io', kind: 'Role', name: 'putter' };
  await wire.ok('POST', `${RBAC}/namespaces/default/rolebindings`, { metadata: { name: 'putter' }, subjects, roleRef });
  await wire.settled();

  const headers = { 'impersonate-user': 'putter' };
  const put = (metadata: object = {}, o: object = {}) =>
    wire.ask('PUT', `${leases}/l`, {
      body: { metadata: { name: 'l', ...metadata }, spec: { holderIdentity: 'me' } },
      ...o,
    });
  const refused = await put({}, { headers });
  expect([refused.code, JSON.stringify(refused.body)]).toEqual([
    403,
    expect.stringContaining('cannot create resource \\"leases\\"'),
  ]);
  expect((await put({ uid: 'x' })).code).toBe(409);
  const made = await put();
  expect([made.code, made.body.metadata.name]).toEqual([201, 'l']);
  const { resourceVersion } = made.body.metadata;
  const again = await put({ resourceVersion }, { headers });
  expect([again.code, again.body.metadata.uid]).toEqual([200, made.body.metadata.uid]);
  expect((await wire.fails('PUT', `${MAPS}/not-there`, { body: { metadata: { name: 'not-there' } } })).code).toBe(404);
});

test('generation counts changes of what is wanted, not of labels or status', async () => {
  const made = await wire.ok<Obj>('POST', DEPLOYMENTS, deployment('counted'));
  const path = `${DEPLOYMENTS}/counted`;
  const after = async (query: string, body: unknown) => (await wire.ok('PATCH', query, body)).metadata.generation;
  expect(made.metadata.generation).toBe(1);
  expect(await after(path, { metadata: { labels: { a: 'b' } } })).toBe(1);
  expect(await after(`${path}/status`, { status: { replicas: 3 } })).toBe(1);
  expect(await after(path, { spec: { replicas: 5 } })).toBe(2);
  expect(await after(path, { spec: { replicas: 5 } })).toBe(2);
  // Of a Deployment, annotations count, but not those that its controller writes.
  const annotated = (annotations: object | null) => ({ metadata: { annotations } });
  expect(await after(path, annotated({ a: 'b' }))).toBe(3);
  expect(await after(`${path}/status`, annotated({ revision: '1' }))).toBe(3);
  expect(await after(`${path}/scale`, annotated({ a: 'c' }))).toBe(undefined);
  expect((await wire.ok('GET', path)).metadata.generation).toBe(3);
  const headers = { 'content-type': 'application/apply-patch+yaml' };
  const applied = { apiVersion: 'apps/v1', kind: 'Deployment', metadata: { annotations: { b: 'c' } } };
  const apply = async () =>
    (await wire.ok('PATCH', `${path}?fieldManager=f`, applied, { headers })).metadata.generation;
  expect([await apply(), await apply()]).toEqual([4, 4]);
  expect(await after(path, annotated(null))).toBe(5);
  expect(await after(path, annotated({}))).toBe(5);
});
