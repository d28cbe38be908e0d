import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { useCluster } from '../../bed/suite.ts';
import { waitFor } from '../../bed/wait.ts';
import { type Obj, Wire } from './http.ts';

const dir = mkdtempSync(join(tmpdir(), 'coxswain-pods-'));
const log = join(dir, 'audit.log');
const policy = join(dir, 'policy.yaml');
writeFileSync(
  policy,
  `apiVersion: audit.k8s.io/v1
kind: Policy
omitStages: [RequestReceived]
rules:
- level: Metadata
  verbs: [create]
  resources: [{group: "", resources: [pods, serviceaccounts/token]}, {group: apps, resources: [deployments]}]
`,
);
const cluster = useCluster('integration-pod-admission', {
  apiservers: 1,
  without: ['scheduler', 'controller-manager'],
  flags: { apiserver: ['--audit-policy-file', policy, '--audit-log-path', log] },
});
const NS = '/api/v1/namespaces/default';
const CLASSES = '/apis/node.k8s.io/v1/runtimeclasses';
let wire: Wire;
const pod = (name: string, spec: object = {}) => ({
  metadata: { name },
  spec: { containers: [{ name: 'c', image: 'i' }], ...spec },
});
interface PodObject extends Obj {
  spec: {
    overhead?: Record<string, string>;
    nodeSelector?: Record<string, string>;
    tolerations?: { key?: string; effect?: string }[];
  };
}
const refusal = async (spec: object): Promise<string> => {
  const status = await wire.fails('POST', `${NS}/pods`, { body: pod('refused', spec) });
  expect(status).toMatchObject({ code: 403, reason: 'Forbidden', details: { name: 'refused', kind: 'pods' } });
  return (status.message ?? '').replace('pods "refused" is forbidden: ', '');
};

beforeAll(async () => {
  wire = await Wire.to(cluster());
  await wire.ok('POST', `${NS}/serviceaccounts`, { metadata: { name: 'default' } });
});
afterAll(() => rmSync(dir, { recursive: true, force: true }));

describe('a runtime class', () => {
  beforeAll(async () => {
    await wire.ok('POST', CLASSES, {
      metadata: { name: 'sealed' },
      handler: 'sealed',
      overhead: { podFixed: { cpu: '250m', memory: '64Mi' } },
      scheduling: {
        nodeSelector: { runtime: 'sealed' },
        tolerations: [
          { key: 'sealed', operator: 'Exists', effect: 'NoSchedule' },
          { key: 'both', operator: 'Equal', value: 'x', effect: 'NoSchedule' },
        ],
      },
    });
    await wire.ok('POST', CLASSES, { metadata: { name: 'plain' }, handler: 'plain' });
  });

  test('gives its pods overhead, a node selector and tolerations', async () => {
    const own = {
      runtimeClassName: 'sealed',
      nodeSelector: { disk: 'ssd', runtime: 'sealed' },
      tolerations: [
        { key: 'mine', operator: 'Exists' },
        { key: 'both', operator: 'Exists', effect: 'NoSchedule' },
      ],
      overhead: { cpu: '0.25', memory: '65536Ki' },
    };
    const { spec } = await wire.ok<PodObject>('POST', `${NS}/pods`, pod('sealed', own));
    expect(spec.overhead).toEqual({ cpu: '250m', memory: '64Mi' });
    expect(spec.nodeSelector).toEqual({ disk: 'ssd', runtime: 'sealed' });
    const keys = spec.tolerations?.map((t) => t.key).filter((k) => !k?.startsWith('node.kubernetes.io'));
    expect(keys).toEqual(['mine', 'both', 'sealed']);
    const { spec: plain } = await wire.ok<PodObject>('POST', `${NS}/pods`, pod('plain', { runtimeClassName: 'plain' }));
    expect([plain.overhead, plain.nodeSelector]).toEqual([undefined, undefined]);
  });

  test.each<[string, object, string]>([
    ['that is not there', { runtimeClassName: 'none' }, 'pod rejected: RuntimeClass "none" not found'],
    [
      'with another selector',
      { runtimeClassName: 'sealed', nodeSelector: { runtime: 'open' } },
      'conflict: runtimeClass.scheduling.nodeSelector[runtime] = sealed; pod.spec.nodeSelector[runtime] = open',
    ],
    [
      'with another overhead',
      { runtimeClassName: 'sealed', overhead: { cpu: '1' } },
      "pod rejected: Pod's Overhead doesn't match RuntimeClass's defined Overhead",
    ],
    [
      'without overhead',
      { runtimeClassName: 'plain', overhead: { cpu: '1' } },
      'pod rejected: Pod Overhead set without corresponding RuntimeClass defined Overhead',
    ],
    [
      'not named at all',
      { overhead: { cpu: '1' } },
      'pod rejected: Pod Overhead set without corresponding RuntimeClass',
    ],
  ])('%s: the pod is refused', async (_name, spec, words) => {
    expect(await refusal(spec)).toContain(words);
  });
});

describe('the audit log', () => {
  interface Line {
    objectRef: { resource: string; name?: string };
    annotations?: Record<string, string>;
  }
  /** Annotations of the last creation in a namespace. */
  const annotated = (namespace: string): Promise<Record<string, string>> =>
    waitFor('written down', async () => {
      const lines = readFileSync(log, 'utf8').trim().split('\n');
      const last = lines.reverse().find((l) => l.includes(`"namespace":"${namespace}"`));
      return last && ((JSON.parse(last) as Line).annotations ?? {});
    });

  test('says what a namespace with the label "audit" would mind, and lets it be', async () => {
    const labels = {
      'pod-security.kubernetes.io/enforce': 'baseline',
      'pod-security.kubernetes.io/audit': 'restricted',
      'pod-security.kubernetes.io/audit-version': 'v1.30',
    };
    await wire.ok('POST', '/api/v1/namespaces', { metadata: { name: 'watched', labels } });
    await wire.ok('POST', '/api/v1/namespaces/watched/serviceaccounts', { metadata: { name: 'default' } });
    const made = await wire.ask('POST', '/api/v1/namespaces/watched/pods', { body: pod('loose') });
    expect([made.code, made.headers.warning]).toEqual([201, undefined]);
    const notes = await waitFor('the pod', async () => {
      const found = await annotated('watched');
      return 'pod-security.kubernetes.io/audit-violations' in found && found;
    });
    expect(notes['pod-security.kubernetes.io/audit-violations']).toMatch(
      /^would violate PodSecurity "restricted:v1.30": allowPrivilegeEscalation != false \(container "c" must set /,
    );
    expect(notes['pod-security.kubernetes.io/enforce-policy']).toBe('baseline:latest');
    expect(notes['authorization.k8s.io/decision']).toBe('allow');
    const selector = { matchLabels: { a: 'b' } };
    const template = { metadata: { labels: { a: 'b' } }, spec: pod('x').spec };
    await wire.ok('POST', '/apis/apps/v1/namespaces/watched/deployments', {
      metadata: { name: 'd' },
      spec: { selector, template },
    });
    await waitFor('of the template too', async () => {
      const found = await annotated('watched');
      return (
        !('pod-security.kubernetes.io/enforce-policy' in found) && found['pod-security.kubernetes.io/audit-violations']
      );
    });
  });

  test('says who was refused', async () => {
    await wire.fails('POST', `${NS}/pods`, { body: pod('x'), headers: { 'impersonate-user': 'jane' } });
    const notes = await waitFor('the refusal', async () => {
      const found = await annotated('default');
      return found['authorization.k8s.io/decision'] === 'forbid' ? found : undefined;
    });
    expect(notes).toEqual({ 'authorization.k8s.io/decision': 'forbid', 'authorization.k8s.io/reason': '' });
  });

  test('says by which binding somebody was allowed, and which token was made', async () => {
    const rbac = '/apis/rbac.authorization.k8s.io/v1';
    const name = 'token-makers';
    const rules = [{ apiGroups: [''], resources: ['serviceaccounts/token'], verbs: ['create'] }];
    await wire.ok('POST', `${rbac}/clusterroles`, { metadata: { name }, rules });
    await wire.ok('POST', `${rbac}/clusterrolebindings`, {
      metadata: { name },
      roleRef: { apiGroup: 'rbac.authorization.k8s.io', kind: 'ClusterRole', name },
      subjects: [{ apiGroup: 'rbac.authorization.k8s.io', kind: 'User', name: 'jane' }],
    });
    await wire.settled();
    const namespace = 'tokens';
    await wire.ok('POST', '/api/v1/namespaces', { metadata: { name: namespace } });
    const accounts = `/api/v1/namespaces/${namespace}/serviceaccounts`;
    await wire.ok('POST', accounts, { metadata: { name: 'robot' } });
    const headers = { 'impersonate-user': 'jane' };
    const made = await wire.ok<Obj & { status: { token: string } }>('POST', `${accounts}/robot/token`, {}, { headers });
    const claims = JSON.parse(Buffer.from(made.status.token.split('.')[1] ?? '', 'base64url').toString()) as object;
    expect(await annotated(namespace)).toEqual({
      'authorization.k8s.io/decision': 'allow',
      'authorization.k8s.io/reason': `RBAC: allowed by ClusterRoleBinding "${name}" of ClusterRole "${name}" to User "jane"`,
      'authentication.kubernetes.io/issued-credential-id': `JTI=${(claims as { jti: string }).jti}`,
    });
  });
});

describe('lists and maps without items', () => {
  const patched = (body: object, type: string): Promise<PodObject & { metadata: { labels?: object } }> =>
    wire.ok('PATCH', `${NS}/podtemplates/empty`, body, { headers: { 'content-type': `application/${type}+json` } });

  test('are left out, however they came to be', async () => {
    const spec = {
      ...pod('x').spec,
      containers: [{ name: 'c', image: 'i', env: [{ name: 'A', value: '1' }], args: ['a'], command: [] }],
      nodeSelector: { a: 'b' },
      volumes: [],
    };
    const made = await wire.ok<Obj & { template: { spec: { containers: object[]; volumes?: unknown } } }>(
      'POST',
      `${NS}/podtemplates`,
      { metadata: { name: 'empty', labels: {}, finalizers: [] }, template: { spec } },
    );
    expect(made.metadata).not.toHaveProperty('labels');
    expect(made.metadata).not.toHaveProperty('finalizers');
    expect(made.template.spec).not.toHaveProperty('volumes');
    expect(made.template.spec.containers[0]).not.toHaveProperty('command');
    const without = { containers: [{ name: 'c', env: [{ name: 'A', $patch: 'delete' }], args: [] }] };
    const shown = JSON.stringify(await patched({ template: { spec: without } }, 'strategic-merge-patch'));
    expect(shown).not.toMatch(/"env"|"args"/);
    const merged = JSON.stringify(await patched({ template: { spec: { nodeSelector: { a: null } } } }, 'merge-patch'));
    expect(merged).not.toContain('nodeSelector');
  });

  test('stay where they mean something', async () => {
    const role = { metadata: { name: 'none' }, rules: [] };
    const made = await wire.ok<Obj & { rules: unknown }>(
      'POST',
      '/apis/rbac.authorization.k8s.io/v1/clusterroles',
      role,
    );
    expect(made.rules).toEqual([]);
    const policies = '/apis/networking.k8s.io/v1/namespaces/default/networkpolicies';
    const { spec } = await wire.ok('POST', policies, {
      metadata: { name: 'deny' },
      spec: { podSelector: {}, ingress: [] },
    });
    expect(spec).toEqual({ podSelector: {}, policyTypes: ['Ingress'] });
  });
});

test('what is taken, but not liked, is warned of once', async () => {
  const template = {
    metadata: { labels: { app: 'w' } },
    spec: { containers: [{ name: 'c', image: 'i', env: [{ name: 'A' }, { name: 'A' }] }] },
  };
  const spec = { selector: { matchLabels: { app: 'w' } }, template };
  const deployments = '/apis/apps/v1/namespaces/default/deployments';
  const made = await wire.ask<Obj>('POST', deployments, { body: { metadata: { name: 'warned' }, spec } });
  const text = 'spec.template.spec.containers[0].env[1]: hides previous definition of \\"A\\", which may be dropped';
  expect(made.code).toBe(201);
  expect(made.headers.warning).toContain(text);
  const headers = { 'content-type': 'application/merge-patch+json' };
  const labelled = await wire.ask('PATCH', `${deployments}/warned`, {
    headers,
    body: { metadata: { labels: { a: 'b' } } },
  });
  expect(labelled.headers.warning).toBeUndefined();
  const scaled = await wire.ask('PATCH', `${deployments}/warned`, { headers, body: { spec: { replicas: 2 } } });
  expect(scaled.headers.warning).toContain(text);
});

test('matchLabelKeys and mismatchLabelKeys are written into the selector, once', async () => {
  const term = {
    ...{ topologyKey: 'kubernetes.io/hostname', labelSelector: { matchLabels: { app: 'web' } } },
    ...{ matchLabelKeys: ['rev'], mismatchLabelKeys: ['tenant', 'absent'] },
  };
  const rule = 'requiredDuringSchedulingIgnoredDuringExecution';
  const created = await wire.ok<PodObject & { spec: { affinity?: unknown } }>('POST', `${NS}/pods`, {
    metadata: { name: 'revised', labels: { rev: '2', tenant: 'x' } },
    spec: { ...pod('revised').spec, affinity: { podAntiAffinity: { [rule]: [term] } } },
  });
  const matchExpressions = [
    { key: 'rev', operator: 'In', values: ['2'] },
    { key: 'tenant', operator: 'NotIn', values: ['x'] },
  ];
  const merged = { ...term, labelSelector: { ...term.labelSelector, matchExpressions } };
  expect(created.spec.affinity).toEqual({ podAntiAffinity: { [rule]: [merged] } });
  expect(await wire.ok('PUT', `${NS}/pods/revised`, created)).toMatchObject({ spec: created.spec });
});
