import { beforeAll, describe, expect, test } from 'vitest';
import { useCluster } from '../../bed/suite.ts';
import { type Obj, Wire } from './http.ts';

/** What may be done to objects that are there, kind by kind: compared with a kube-apiserver, field by field. */
const cluster = useCluster('integration-updates', { without: ['scheduler', 'controller-manager'] });
const CORE = '/api/v1/namespaces/default';
const APPS = '/apis/apps/v1/namespaces/default';
const T = '2026-01-01T00:00:00Z';
const container = { name: 'c', image: 'i' };
const selected = {
  selector: { matchLabels: { a: 'b' } },
  template: { metadata: { labels: { a: 'b' } }, spec: { containers: [container] } },
};

/** Where objects are made, and of what. */
const MADE: Readonly<Record<string, readonly [collection: string, object: object]>> = {
  pod: [`${CORE}/pods`, { spec: { containers: [container] } }],
  service: [`${CORE}/services`, { spec: { type: 'LoadBalancer', ports: [{ port: 80 }] } }],
  inner: [`${CORE}/services`, { spec: { ports: [{ port: 80 }] } }],
  deployment: [`${APPS}/deployments`, { spec: selected }],
  statefulset: [`${APPS}/statefulsets`, { spec: { ...selected, serviceName: 's' } }],
  daemonset: [`${APPS}/daemonsets`, { spec: selected }],
  job: [
    '/apis/batch/v1/namespaces/default/jobs',
    { spec: { template: { spec: { containers: [container], restartPolicy: 'Never' } } } },
  ],
  autoscaler: [
    '/apis/autoscaling/v2/namespaces/default/horizontalpodautoscalers',
    { spec: { maxReplicas: 2, scaleTargetRef: { kind: 'K', name: 'n', apiVersion: 'apps/v1' } } },
  ],
  ingress: [
    '/apis/networking.k8s.io/v1/namespaces/default/ingresses',
    { spec: { defaultBackend: { service: { name: 's', port: { number: 80 } } } } },
  ],
  namespace: ['/api/v1/namespaces', {}],
  node: ['/api/v1/nodes', {}],
  volume: [
    '/api/v1/persistentvolumes',
    { spec: { capacity: { storage: '1Gi' }, accessModes: ['ReadWriteOnce'], hostPath: { path: '/a' } } },
  ],
  map: [`${CORE}/configmaps`, { data: { a: 'b' } }],
  priority: ['/apis/scheduling.k8s.io/v1/priorityclasses', { value: 5 }],
};

let wire: Wire;
const made = new Map<string, Obj>();
const pathOf = (what: string): string => `${MADE[what]?.[0]}/updated-${what}`;
beforeAll(async () => {
  wire = await Wire.to(cluster());
  const account = { metadata: { name: 'default' }, automountServiceAccountToken: false };
  await wire.ok('POST', `${CORE}/serviceaccounts`, account);
  for (const [what, [collection, object]] of Object.entries(MADE)) {
    const metadata = { name: `updated-${what}`, labels: { l: 'v' } };
    made.set(what, await wire.ok('POST', collection, { metadata, ...object }));
  }
});

/** An object as it is, with other metadata and another status. */
const changed = (what: string, { metadata = {}, ...rest }: { metadata?: object; status?: unknown }): object => {
  const now = made.get(what);
  return { ...now, ...rest, metadata: { ...now?.metadata, resourceVersion: undefined, ...metadata } };
};

describe('a status that cannot be', () => {
  const entry = (e: object) => ({ loadBalancer: { ingress: [e] } });
  test.each<[string, object | undefined, string]>([
    ['pod', { conditions: [{ type: 'a b', status: 'True' }] }, 'metadata.conditions[0].Type'],
    ['pod', { nominatedNodeName: 'A_b' }, 'status.nominatedNodeName'],
    ['pod', { podIP: 'x' }, 'status.podIPs[0]'],
    ['service', entry({ ip: 'x' }), 'status.loadBalancer.ingress[0].ip'],
    ['service', entry({ hostname: 'A_b' }), 'status.loadBalancer.ingress[0].hostname'],
    ['service', entry({ hostname: '192.0.2.1' }), 'status.loadBalancer.ingress[0].hostname'],
    ['service', entry({ hostname: 'a.b', ipMode: 'VIP' }), 'status.loadBalancer.ingress[0].ipMode'],
    ['service', entry({ ip: '192.0.2.1', ipMode: 'X' }), 'status.loadBalancer.ingress[0].ipMode'],
    ['inner', entry({ ip: '192.0.2.1' }), 'status.loadBalancer.ingress'],
    ['ingress', entry({ hostname: 'A_b' }), 'status.loadBalancer.ingress[0].hostname'],
    ['deployment', { collisionCount: -1 }, 'status.collisionCount'],
    ['statefulset', { replicas: 1, currentReplicas: 2 }, 'status.currentReplicas'],
    ['statefulset', { replicas: 1, collisionCount: -1 }, 'status.collisionCount'],
    ['daemonset', { numberMisscheduled: -1 }, 'status.numberMisscheduled'],
    ['daemonset', { numberUnavailable: -1 }, 'status.numberUnavailable'],
    ['daemonset', { collisionCount: -1 }, 'status.collisionCount'],
    ['job', { active: -1 }, 'status.active'],
    ['autoscaler', { currentReplicas: -1 }, 'status.currentReplicas'],
    ['namespace', { phase: 'Terminating' }, 'status.Phase'],
    [
      'node',
      { addresses: Array.from({ length: 2 }, () => ({ type: 'InternalIP', address: '192.0.2.1' })) },
      'status.addresses[1]',
    ],
  ])('of a %s: %j blames %s', async (what, status, field) => {
    const body = await wire.fails('PUT', `${pathOf(what)}/status`, { body: changed(what, { status }) });
    expect([body.code, body.details?.causes?.map((c) => c.field)]).toEqual([422, expect.arrayContaining([field])]);
  });

  test('names of children are made with a count that never goes down', async () => {
    for (const what of ['deployment', 'statefulset', 'daemonset']) {
      const path = `${pathOf(what)}/status`;
      await wire.ok('PUT', path, changed(what, { status: { replicas: 0, collisionCount: 2 } }));
      const body = await wire.fails('PUT', path, { body: changed(what, { status: { collisionCount: 1 } }) });
      expect(body.message).toContain('status.collisionCount: Invalid value: 1: cannot be decremented');
    }
  });

  test('labels are looked at there too', async () => {
    const body = changed('node', { metadata: { labels: { a: 'b c' } } });
    expect((await wire.fails('PUT', `${pathOf('node')}/status`, { body })).code).toBe(422);
  });
});

describe('what is filled in', () => {
  const put = (what: string, status?: unknown): Promise<Obj> =>
    wire.ok('PUT', `${pathOf(what)}/status`, changed(what, { status }));

  test.each<[string, object | undefined, object]>([
    ['pod', { podIPs: [{ ip: '192.0.2.1' }] }, { podIP: '192.0.2.1' }],
    ['pod', { podIP: '192.0.2.2' }, { podIPs: [{ ip: '192.0.2.2' }] }],
    ['pod', { podIP: '192.0.2.2', podIPs: [{ ip: '192.0.2.1' }] }, { podIPs: [{ ip: '192.0.2.2' }] }],
    ['service', undefined, { loadBalancer: {} }],
    [
      'service',
      { loadBalancer: { ingress: [{ ip: '192.0.2.1' }] } },
      { loadBalancer: { ingress: [{ ip: '192.0.2.1', ipMode: 'VIP' }] } },
    ],
    ['namespace', {}, { phase: 'Active' }],
    ['volume', {}, { phase: 'Pending' }],
    ['node', { capacity: { cpu: '2' } }, { allocatable: { cpu: '2' } }],
    ['daemonset', { collisionCount: 2 }, { numberReady: 0 }],
  ])('the status of a %s: %j', async (what, status, there) => {
    expect((await put(what, status)).status).toMatchObject(there);
  });

  test('a status that is not given is none', async () => {
    await put('node', { phase: 'Running' });
    expect((await put('node')).status).not.toHaveProperty('phase');
  });

  test.each<[string, object, object]>([
    ['nodes', {}, { status: { daemonEndpoints: { kubeletEndpoint: { Port: 0 } }, nodeInfo: { machineID: '' } } }],
    ['leases', {}, { spec: {} }],
    ['poddisruptionbudgets', {}, { spec: {} }],
    ['networkpolicies', {}, { spec: { podSelector: {} } }],
  ])('structures of %s that Go always writes', async (plural, object, there) => {
    const home: Readonly<Record<string, string>> = {
      nodes: '/api/v1',
      leases: '/apis/coordination.k8s.io/v1/namespaces/default',
      poddisruptionbudgets: '/apis/policy/v1/namespaces/default',
      networkpolicies: '/apis/networking.k8s.io/v1/namespaces/default',
    };
    const path = `${home[plural]}/${plural}?dryRun=All`;
    expect(await wire.ok('POST', path, { metadata: { name: 'bare' }, ...object })).toMatchObject(there);
  });

  test('tolerations of failing nodes, when an update leaves them out', async () => {
    const { spec } = made.get('pod') as { spec?: { tolerations?: unknown[] } };
    expect(spec?.tolerations).toHaveLength(2);
    const again = await wire.ok('PUT', pathOf('pod'), changed('pod', { spec: { ...spec, tolerations: [] } } as object));
    expect((again.spec as typeof spec)?.tolerations).toEqual(spec?.tolerations);
  });

  test('a name, for a limit range that has none', async () => {
    const spec = { limits: [{ type: 'Pod', max: { cpu: '100' } }] };
    const { metadata } = await wire.ok('POST', '/api/v1/namespaces/kube-public/limitranges', { spec });
    expect(metadata.name).toMatch(/^[0-9a-f-]{36}$/);
    await wire.ok('DELETE', `/api/v1/namespaces/kube-public/limitranges/${metadata.name}`);
  });

  test('a priority class counts no changes', async () => {
    const next = await wire.ok('PUT', pathOf('priority'), changed('priority', { description: 'd' } as object));
    expect(next.metadata.generation).toBe(1);
  });

  test('templates of claims are claims, whatever they were called', async () => {
    const claim = {
      metadata: { name: 'v' },
      spec: { accessModes: ['ReadWriteOnce'], resources: { requests: { storage: '1Gi' } } },
    };
    const made = await wire.ok('POST', `${APPS}/statefulsets`, {
      metadata: { name: 'claims' },
      spec: { ...selected, serviceName: 's', volumeClaimTemplates: [claim] },
    });
    const called = { ...claim, kind: 'X', apiVersion: 'x/v1', status: {} };
    const next = { ...made, spec: { ...(made.spec as object), volumeClaimTemplates: [called] } };
    expect((await wire.ok('PUT', `${APPS}/statefulsets/claims`, next)).spec).toEqual(made.spec);
  });
});

describe('metadata that cannot be', () => {
  const OWNER = { apiVersion: 'v1', kind: 'ConfigMap', name: 'o', uid: 'u' };
  test.each<[object, string]>([
    [
      { ownerReferences: [{ ...OWNER, uid: '' }] },
      'metadata.ownerReferences.uid: Invalid value: "": must not be empty',
    ],
    [{ ownerReferences: [{ ...OWNER, apiVersion: 'a/b/c' }] }, 'metadata.ownerReferences.apiVersion'],
    [{ ownerReferences: [{ ...OWNER, kind: 'Event' }] }, '/v1, Kind=Event is disallowed from being an owner'],
    [
      { ownerReferences: ['u', 'v'].map((uid) => ({ ...OWNER, uid, name: uid, controller: true })) },
      'Found "true" in references for ConfigMap/u and ConfigMap/v',
    ],
    [{ finalizers: ['orphan', 'foregroundDeletion'] }, 'finalizer orphan and foregroundDeletion cannot be both set'],
    [{ finalizers: ['a/b/c'] }, 'metadata.finalizers: Invalid value: "a/b/c"'],
    [{ finalizers: ['x'] }, 'metadata.finalizers[0]: Invalid value: "x": name is neither a standard finalizer'],
    [{ deletionTimestamp: T }, 'metadata.deletionTimestamp: Invalid value'],
  ])('%j', async (metadata, text) => {
    const body = await wire.fails('PUT', pathOf('map'), { body: changed('map', { metadata }) });
    expect([body.code, body.message]).toEqual([422, expect.stringContaining(text)]);
  });
});

describe('what is not given is as if it were empty', () => {
  test.each<[string, readonly string[]]>([
    [`${CORE}/services`, ['spec.ports']],
    [`${APPS}/deployments`, ['spec.selector', 'spec.template.metadata.labels', 'spec.template.spec.containers']],
    [`${APPS}/daemonsets`, ['spec.template.metadata.labels', 'spec.template.spec.containers']],
  ])('in %s: %j', async (collection, fields) => {
    const body = await wire.fails('POST', collection, { body: { metadata: { name: 'empty' } } });
    expect(body.details?.causes?.map((c) => c.field)).toEqual(fields);
  });
});

describe('patches at fault', () => {
  const MERGE = 'application/merge-patch+json';
  test.each<[string, unknown, number, string]>([
    [MERGE, { metadata: { labels: 5 } }, 422, ' "" is invalid: patch: Invalid value: '],
    [MERGE, { kind: 'Pod' }, 422, 'no kind "Pod" is registered for version "v1"'],
    [MERGE, { metadata: { uid: 'x' } }, 422, 'metadata.uid: Invalid value: "x": field is immutable'],
    [MERGE, { metadata: null }, 400, 'name must be provided'],
    ['application/strategic-merge-patch+json', { data: 5 }, 422, ' "" is invalid: patch: Invalid value: '],
    ['application/json-patch+json', [{ op: 'remove', path: '/metadata/name' }], 400, 'name must be provided'],
  ])('%s %j', async (type, patch, code, text) => {
    const answer = await wire.fails('PATCH', pathOf('map'), { body: patch, headers: { 'content-type': type } });
    expect([answer.code, answer.message]).toEqual([code, expect.stringContaining(text)]);
  });

  test('what is not there is null to a test', async () => {
    const headers = { 'content-type': 'application/json-patch+json' };
    const patch = [{ op: 'test', path: '/metadata/nothing', value: null }];
    await wire.ok('PATCH', pathOf('map'), patch, { headers });
  });

  test('a JSON patch counts from the end, and replaces what is not there', async () => {
    const headers = { 'content-type': 'application/json-patch+json' };
    const containers = '/spec/template/spec/containers';
    const patch = [
      { op: 'copy', from: `${containers}/-1`, path: `${containers}/-` },
      { op: 'replace', path: `${containers}/-1/name`, value: 'last' },
      { op: 'replace', path: '/spec/minReadySeconds', value: 5 },
    ];
    const { spec } = await wire.ok<Obj>('PATCH', `${pathOf('deployment')}?dryRun=All`, patch, { headers });
    expect(spec).toMatchObject({
      minReadySeconds: 5,
      template: { spec: { containers: [expect.anything(), { name: 'last' }] } },
    });
  });

  test('a content type that is none is no accident', async () => {
    const answer = await wire.fails('PATCH', pathOf('map'), { body: {}, headers: { 'content-type': '' } });
    expect([answer.code, answer.reason]).toEqual([415, 'UnsupportedMediaType']);
  });

  test.each<[object, number, string]>([
    [{ spec: { replicas: 1 } }, 400, 'name must be provided'],
    [{ metadata: { name: 'x' }, spec: { replicas: 1 } }, 400, 'does not match the name on the URL'],
    [{ metadata: { name: 'updated-deployment', namespace: 'x' } }, 400, 'the namespace'],
  ])('a scale %j', async (body, code, text) => {
    const answer = await wire.fails('PUT', `${pathOf('deployment')}/scale`, { body });
    expect([answer.code, answer.message]).toEqual([code, expect.stringContaining(text)]);
  });
});
