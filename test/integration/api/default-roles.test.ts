import { beforeAll, describe, expect, test } from 'vitest';
import { useCluster } from '../../bed/suite.ts';
import { waitFor } from '../../bed/wait.ts';
import { type AskOptions, type Obj, Wire } from './http.ts';

const cluster = useCluster('integration-default-roles', {
  apiservers: 1,
  without: ['scheduler', 'controller-manager'],
});
let wire: Wire;
const RBAC = '/apis/rbac.authorization.k8s.io/v1';
const ROLES = `${RBAC}/clusterroles`;
const BINDINGS = `${RBAC}/clusterrolebindings`;
const CONTROLLERS = 'system:serviceaccount:kube-system:';

type Role = Obj & { readonly rules: readonly object[] };

/** May the user do this to an object of the namespace? "resource.group/subresource", as `kubectl auth can-i` takes it. */
async function may(user: string, verb: string, what: string, namespace = 'default', name = ''): Promise<boolean> {
  const [type = '', subresource = ''] = what.split('/');
  const [resource, ...group] = type.split('.');
  const resourceAttributes = { verb, group: group.join('.'), resource, subresource, namespace, name };
  const review = await wire.ok<Obj & { status: { allowed: boolean } }>(
    'POST',
    '/apis/authorization.k8s.io/v1/subjectaccessreviews',
    { spec: { user, groups: ['system:authenticated'], resourceAttributes } },
  );
  return review.status.allowed;
}

beforeAll(async () => {
  wire = await Wire.to(cluster());
  for (const name of ['view', 'edit', 'admin']) {
    await wire.ok('POST', `${RBAC}/namespaces/default/rolebindings`, {
      metadata: { name },
      subjects: [{ kind: 'User', name, apiGroup: 'rbac.authorization.k8s.io' }],
      roleRef: { apiGroup: 'rbac.authorization.k8s.io', kind: 'ClusterRole', name },
    });
  }
  await wire.settled();
});

// "Using RBAC Authorization", User-facing roles; Write access for EndpointSlices and Endpoints.
test.each<[string, string, { readonly [who in 'view' | 'edit' | 'admin']: boolean }]>([
  ['get', 'pods', { view: true, edit: true, admin: true }],
  ['get', 'pods/log', { view: true, edit: true, admin: true }],
  ['watch', 'deployments.apps/status', { view: true, edit: true, admin: true }],
  ['list', 'endpointslices.discovery.k8s.io', { view: true, edit: true, admin: true }],
  ['get', 'secrets', { view: false, edit: true, admin: true }],
  ['create', 'pods/exec', { view: false, edit: true, admin: true }],
  ['create', 'pods/eviction', { view: false, edit: true, admin: true }],
  ['impersonate', 'serviceaccounts', { view: false, edit: true, admin: true }],
  ['create', 'serviceaccounts/token', { view: false, edit: true, admin: true }],
  ['update', 'leases.coordination.k8s.io', { view: false, edit: true, admin: true }],
  ['deletecollection', 'ingresses.networking.k8s.io', { view: false, edit: true, admin: true }],
  ['get', 'roles.rbac.authorization.k8s.io', { view: false, edit: false, admin: true }],
  ['create', 'rolebindings.rbac.authorization.k8s.io', { view: false, edit: false, admin: true }],
  ['create', 'localsubjectaccessreviews.authorization.k8s.io', { view: false, edit: false, admin: true }],
  ['update', 'endpoints', { view: false, edit: false, admin: false }],
  ['create', 'endpointslices.discovery.k8s.io', { view: false, edit: false, admin: false }],
  ['update', 'pods/status', { view: false, edit: false, admin: false }],
  ['update', 'resourcequotas', { view: false, edit: false, admin: false }],
  ['delete', 'namespaces', { view: false, edit: false, admin: false }],
])('who may %s %s', async (verb, what, wanted) => {
  const seen = Object.fromEntries(
    await Promise.all(Object.keys(wanted).map(async (user) => [user, await may(user, verb, what)])),
  );
  expect(seen).toEqual(wanted);
});

test.each<[string, string, string, boolean]>([
  [`${CONTROLLERS}deployment-controller`, 'update', 'deployments.apps/status', true],
  [`${CONTROLLERS}deployment-controller`, 'delete', 'replicasets.apps', true],
  [`${CONTROLLERS}deployment-controller`, 'delete', 'pods', false],
  [`${CONTROLLERS}job-controller`, 'create', 'pods', true],
  [`${CONTROLLERS}statefulset-controller`, 'create', 'controllerrevisions.apps', true],
  [`${CONTROLLERS}node-controller`, 'patch', 'nodes', true],
  [`${CONTROLLERS}endpoint-controller`, 'create', 'endpoints', true],
  [`${CONTROLLERS}generic-garbage-collector`, 'delete', 'kites.sky.example', true],
  [`${CONTROLLERS}horizontal-pod-autoscaler`, 'update', 'kites.sky.example/scale', true],
  [`${CONTROLLERS}horizontal-pod-autoscaler`, 'update', 'kites.sky.example', false],
  [`${CONTROLLERS}token-cleaner`, 'delete', 'secrets', true],
  ['system:kube-scheduler', 'create', 'pods/binding', true],
  ['system:kube-scheduler', 'get', 'secrets', false],
  ['system:kube-proxy', 'watch', 'endpointslices.discovery.k8s.io', true],
  ['system:kube-proxy', 'get', 'configmaps', false],
])('%s may %s %s: %s', async (user, verb, what, allowed) => {
  expect(await may(user, verb, what, 'kube-system')).toBe(allowed);
});

test('what agents may do is not a role of theirs', async () => {
  const bindings = await wire.ok<{ items: { roleRef: { name: string } }[] }>('GET', BINDINGS);
  expect(bindings.items.filter((b) => b.roleRef.name === 'system:node')).toEqual([]);
  expect(await may('system:node:n1', 'patch', 'nodes/status', '', 'n1')).toBe(false);
});

describe('a server that starts', () => {
  const merge: AskOptions = { headers: { 'content-type': 'application/merge-patch+json' } };
  const rulesOf = async (name: string) => (await wire.ok<Role>('GET', `${ROLES}/${name}`)).rules;
  const restarted = async (): Promise<void> => {
    await cluster().processes.apiserver1.restart();
    wire = await Wire.to(cluster());
  };

  test('gives back what was taken from default roles and bindings, and leaves what was added', async () => {
    const own = { verbs: ['get'], nonResourceURLs: ['/own'] };
    const [discovery] = await rulesOf('system:discovery');
    await wire.ok('PATCH', `${ROLES}/system:discovery`, { rules: [own] }, merge);
    await wire.ok('PATCH', `${ROLES}/system:monitoring`, { metadata: { labels: { own: 'yes' } } }, merge);
    const subjects = [{ kind: 'User', name: 'ann', apiGroup: 'rbac.authorization.k8s.io' }];
    await wire.ok('PATCH', `${BINDINGS}/system:monitoring`, { subjects }, merge);
    await wire.ok('DELETE', `${BINDINGS}/system:basic-user`);
    await waitFor('a binding taken away holds no more', async () => {
      return !(await may('ann', 'create', 'selfsubjectaccessreviews.authorization.k8s.io', ''));
    });
    await restarted();
    expect(await rulesOf('system:discovery')).toEqual([own, discovery]);
    const group = { kind: 'Group', name: 'system:monitoring', apiGroup: 'rbac.authorization.k8s.io' };
    const binding = await wire.ok<Obj & { subjects: object[] }>('GET', `${BINDINGS}/system:monitoring`);
    expect(binding.subjects).toEqual([...subjects, group]);
    const monitoring = await wire.ok<Role>('GET', `${ROLES}/system:monitoring`);
    expect(monitoring.metadata.labels).toEqual({ own: 'yes', 'kubernetes.io/bootstrapping': 'rbac-defaults' });
    expect(await may('ann', 'create', 'selfsubjectaccessreviews.authorization.k8s.io', '')).toBe(true);
  });

  test('leaves alone what says so', async () => {
    const kept = { metadata: { annotations: { 'rbac.authorization.kubernetes.io/autoupdate': 'false' } } };
    await wire.ok('PATCH', `${ROLES}/system:heapster`, { ...kept, rules: [] }, merge);
    await wire.ok('PATCH', `${BINDINGS}/system:volume-scheduler`, { ...kept, subjects: [] }, merge);
    await restarted();
    expect(await rulesOf('system:heapster')).toEqual([]);
    const binding = await wire.ok<Obj & { subjects?: object[] }>('GET', `${BINDINGS}/system:volume-scheduler`);
    expect(binding.subjects ?? []).toEqual([]);
  });
});
