import { beforeAll, expect, test } from 'vitest';
import { useCluster } from '../../bed/suite.ts';
import { type List, type Obj, Wire } from './http.ts';

const cluster = useCluster('integration-versions', { apiservers: 1, without: ['scheduler', 'controller-manager'] });
let wire: Wire;
beforeAll(async () => {
  wire = await Wire.to(cluster());
});
const path = (gv: string, plural: string): string =>
  `${gv === 'v1' ? '/api' : '/apis'}/${gv}/namespaces/default/${plural}`;
const find = async (gv: string, plural: string, name: string): Promise<Obj & Record<string, unknown>> =>
  wire.ok('GET', `${path(gv, plural)}/${name}`);

test('events.k8s.io/v1 and v1 are the same events', async () => {
  const event = {
    metadata: { name: 'new' },
    eventTime: '2026-01-01T00:00:00.000000Z',
    reportingController: 'x.io/c',
    reportingInstance: 'c-1',
    action: 'Binding',
    reason: 'Scheduled',
    regarding: { kind: 'Pod', name: 'p', namespace: 'default' },
    note: 'hello',
    type: 'Normal',
  };
  const made = await wire.ok<Obj & { note: string }>('POST', path('events.k8s.io/v1', 'events'), event);
  expect(made).toMatchObject({ ...event, apiVersion: 'events.k8s.io/v1', kind: 'Event' });
  expect(await find('v1', 'events', 'new')).toMatchObject({
    apiVersion: 'v1',
    message: 'hello',
    reportingComponent: 'x.io/c',
    involvedObject: { kind: 'Pod', name: 'p' },
  });
  const core = {
    metadata: { name: 'old' },
    involvedObject: { kind: 'Pod', name: 'q', namespace: 'default' },
    count: 3,
  };
  await wire.ok('POST', path('v1', 'events'), { ...core, source: { component: 'me' }, reason: 'R', message: 'm' });
  expect(await find('events.k8s.io/v1', 'events', 'old')).toMatchObject({
    regarding: { name: 'q' },
    note: 'm',
    deprecatedCount: 3,
    deprecatedSource: { component: 'me' },
  });
  // Who reported it is always said, but in the newer form by these names only if somebody is named.
  expect(await find('v1', 'events', 'new')).toMatchObject({ source: {} });
  expect(await find('v1', 'events', 'old')).toMatchObject({ reportingComponent: '', reportingInstance: '' });
  expect(await find('events.k8s.io/v1', 'events', 'new')).toMatchObject({ deprecatedSource: {} });
  const unnamed = await find('events.k8s.io/v1', 'events', 'old');
  expect(['reportingController', 'reportingInstance'].filter((f) => f in unnamed)).toEqual([]);
  const selected = await wire.ok<List>('GET', `${path('events.k8s.io/v1', 'events')}?fieldSelector=regarding.name%3Dq`);
  expect(selected.items.map((o) => o.metadata.name)).toEqual(['old']);
  const out = await cluster().kubectlOk(['get', 'events.v1.events.k8s.io']);
  expect(out).toMatch(/LAST SEEN +TYPE +REASON +OBJECT +MESSAGE/);
  expect(out).toMatch(/Scheduled +pod\/p +hello/);
});

test('writes through one version are seen by watches of the other', async () => {
  const start = (await wire.ok<List>('GET', path('v1', 'events'))).metadata.resourceVersion;
  await wire.ok('PATCH', `${path('events.k8s.io/v1', 'events')}/old`, { note: 'changed' });
  await wire.ok('DELETE', `${path('events.k8s.io/v1', 'events')}/old`);
  for (const [gv, field] of [
    ['v1', 'message'],
    ['events.k8s.io/v1', 'note'],
  ] as const) {
    const seen: unknown[] = [];
    for await (const { type, object } of wire.watch(`${path(gv, 'events')}?watch=1&resourceVersion=${start}`)) {
      seen.push([type, object.apiVersion, (object as unknown as Record<string, string>)[field]]);
      if (type === 'DELETED') break;
    }
    expect(seen).toEqual([
      ['MODIFIED', gv, 'changed'],
      ['DELETED', gv, 'changed'],
    ]);
  }
});

test('autoscaling/v1 keeps in annotations what it has no fields for', async () => {
  const scaleTargetRef = { apiVersion: 'apps/v1', kind: 'Deployment', name: 'd' };
  const cpu = { type: 'Resource', resource: { name: 'cpu', target: { type: 'Utilization', averageUtilization: 70 } } };
  const memory = {
    type: 'Resource',
    resource: { name: 'memory', target: { type: 'AverageValue', averageValue: '1Gi' } },
  };
  const pods = { type: 'Pods', pods: { metric: { name: 'rps' }, target: { type: 'AverageValue', averageValue: '5' } } };
  const spec = { scaleTargetRef, minReplicas: 2, maxReplicas: 5, metrics: [cpu, memory, pods] };
  const v2 = await wire.ok<Obj>('POST', path('autoscaling/v2', 'horizontalpodautoscalers'), {
    metadata: { name: 'h' },
    spec,
  });
  const v1 = await find('autoscaling/v1', 'horizontalpodautoscalers', 'h');
  expect(v1.spec).toEqual({ scaleTargetRef, minReplicas: 2, maxReplicas: 5, targetCPUUtilizationPercentage: 70 });
  expect(JSON.parse(v1.metadata.annotations?.['autoscaling.alpha.kubernetes.io/metrics'] ?? '')).toEqual([
    { type: 'Resource', resource: { name: 'memory', targetAverageValue: '1Gi' } },
    { type: 'Pods', pods: { metricName: 'rps', targetAverageValue: '5' } },
  ]);
  // A round trip through the older version loses nothing.
  await wire.ok('PUT', `${path('autoscaling/v1', 'horizontalpodautoscalers')}/h`, v1);
  expect((await find('autoscaling/v2', 'horizontalpodautoscalers', 'h')).spec).toEqual(v2.spec);
  const patch = { spec: { targetCPUUtilizationPercentage: 55 } };
  await wire.ok('PATCH', `${path('autoscaling/v1', 'horizontalpodautoscalers')}/h`, patch);
  const after = await find('autoscaling/v2beta2', 'horizontalpodautoscalers', 'h');
  expect(after.spec).toMatchObject({ metrics: [{ resource: { target: { averageUtilization: 55 } } }, memory, pods] });
  expect(await cluster().kubectlOk(['get', 'hpa.v1.autoscaling'])).toContain('Deployment/d');
});

test('managers own fields by the names of the version they wrote in, whatever version others write in', async () => {
  const scaleTargetRef = { apiVersion: 'apps/v1', kind: 'Deployment', name: 'd' };
  const spec = { scaleTargetRef, maxReplicas: 5, targetCPUUtilizationPercentage: 70 };
  const hpa = (version: string): string => `${path(`autoscaling/${version}`, 'horizontalpodautoscalers')}/owned`;
  const headers = { 'content-type': 'application/apply-patch+yaml' };
  const applied = (version: string, wanted: object) => ({
    ...{ apiVersion: `autoscaling/${version}`, kind: 'HorizontalPodAutoscaler', metadata: { name: 'owned' } },
    spec: wanted,
  });
  await wire.ok('PATCH', `${hpa('v1')}?fieldManager=a`, applied('v1', spec), { headers });
  const target = { type: 'Utilization', averageUtilization: 80 };
  const metrics = [{ type: 'Resource', resource: { name: 'cpu', target } }];
  const body = applied('v2', { metrics });
  const refused = await wire.fails('PATCH', `${hpa('v2')}?fieldManager=b`, { body, headers });
  expect([refused.code, refused.message]).toEqual([
    409,
    expect.stringContaining('conflict with "a": .spec.targetCPUUtilizationPercentage'),
  ]);
  const { metadata } = await wire.ok('PATCH', `${hpa('v2')}?fieldManager=c`, { spec: { metrics } });
  expect(metadata.managedFields?.map((f) => [f.manager, f.fieldsV1])).toEqual([
    ['a', { 'f:spec': { 'f:maxReplicas': {}, 'f:scaleTargetRef': expect.anything() } }],
    ['c', { 'f:spec': { 'f:metrics': {} } }],
  ]);
});

test('discovery.k8s.io/v1beta1 puts zone and node into the topology', async () => {
  const slice = {
    metadata: { name: 's' },
    addressType: 'IPv4',
    endpoints: [
      { addresses: ['10.0.0.1'], topology: { 'topology.kubernetes.io/zone': 'z', 'kubernetes.io/hostname': 'n' } },
    ],
    ports: [{ port: 80 }],
  };
  await wire.ok('POST', path('discovery.k8s.io/v1beta1', 'endpointslices'), slice);
  expect(await find('discovery.k8s.io/v1', 'endpointslices', 's')).toMatchObject({
    endpoints: [{ addresses: ['10.0.0.1'], zone: 'z', nodeName: 'n' }],
    ports: [{ port: 80, protocol: 'TCP' }],
  });
  const old = await find('discovery.k8s.io/v1beta1', 'endpointslices', 's');
  expect(old).toMatchObject({
    apiVersion: 'discovery.k8s.io/v1beta1',
    endpoints: [{ ...slice.endpoints[0], nodeName: 'n' }],
  });
});

test('topology of other kinds is kept by v1 as long as it leaves the endpoints alone, and made by v1beta1 only', async () => {
  const [beta, v1] = [
    path('discovery.k8s.io/v1beta1', 'endpointslices'),
    path('discovery.k8s.io/v1', 'endpointslices'),
  ];
  const slice = (name: string, addresses: string[], more: object) => ({
    metadata: { name },
    addressType: 'IPv4',
    endpoints: [{ addresses, ...more }],
    ports: [],
  });
  const endpointOf = (o: Obj) => (o as unknown as { endpoints: object[] }).endpoints[0];
  const deprecatedTopology = { rack: 'r' };
  await wire.ok('POST', beta, slice('t', ['10.0.0.1'], { topology: deprecatedTopology }));
  const labelled = await wire.ok('PATCH', `${v1}/t`, { metadata: { labels: { a: 'b' } } });
  expect(endpointOf(labelled)).toMatchObject({ deprecatedTopology });
  const moved = await wire.ok('PUT', `${v1}/t`, slice('t', ['10.0.0.2'], { deprecatedTopology }));
  expect(endpointOf(moved)).toEqual({ addresses: ['10.0.0.2'], conditions: {} });
  const made = await wire.ok('POST', v1, slice('u', ['10.0.0.1'], { deprecatedTopology }));
  expect(endpointOf(made)).toEqual({ addresses: ['10.0.0.1'], conditions: {} });
});

test('batch/v1beta1 and policy/v1beta1', async () => {
  const template = { spec: { restartPolicy: 'Never', containers: [{ name: 'c', image: 'i:1' }] } };
  const cron = { metadata: { name: 'c' }, spec: { schedule: '* * * * *', jobTemplate: { spec: { template } } } };
  await wire.ok('POST', path('batch/v1beta1', 'cronjobs'), cron);
  expect(await find('batch/v1', 'cronjobs', 'c')).toMatchObject({
    apiVersion: 'batch/v1',
    spec: { concurrencyPolicy: 'Allow' },
  });
  const invalid = await wire.fails('POST', path('batch/v1beta1', 'cronjobs'), {
    body: { ...cron, metadata: { name: 'C_' } },
  });
  expect(invalid).toMatchObject({ code: 422, reason: 'Invalid' });
  await wire.ok('POST', path('policy/v1beta1', 'poddisruptionbudgets'), {
    metadata: { name: 'b' },
    spec: { selector: {} },
  });
  const strict = await find('policy/v1', 'poddisruptionbudgets', 'b');
  const nothing = { key: 'pdb.kubernetes.io/deprecated-v1beta1-empty-selector-match', operator: 'Exists' };
  expect(strict.spec).toEqual({ selector: { matchExpressions: [nothing] } });
  expect((await find('policy/v1beta1', 'poddisruptionbudgets', 'b')).spec).toEqual({ selector: {} });
  const manifest = JSON.stringify({ apiVersion: 'batch/v1beta1', kind: 'CronJob', ...cron });
  const out = await cluster().kubectlOk(['apply', '--server-side', '--force-conflicts', '-f', '-'], {
    input: manifest,
  });
  expect(out).toContain('cronjob.batch/c serverside-applied');
});

test('discovery prefers the newest, and kubectl explains the others', async () => {
  const group = await wire.ok<{ preferredVersion: { version: string }; versions: { version: string }[] }>(
    'GET',
    '/apis/autoscaling',
  );
  expect(group.versions.map((v) => v.version)).toEqual(['v2', 'v1', 'v2beta2']);
  expect(group.preferredVersion.version).toBe('v2');
  const out = await cluster().kubectlOk(['explain', 'events.note', '--api-version=events.k8s.io/v1']);
  expect(out).toContain('What happened, for people.');
});

test('who asks for a version that should not be used any more is warned, by watches too', async () => {
  const warned = async (gv: string, plural: string, query = ''): Promise<string> => {
    const answer = await wire.stream('GET', path(gv, plural) + query);
    answer.destroy();
    return String(answer.headers.warning ?? '');
  };
  const old = 'is deprecated in v1.21+, unavailable in v1.25+; use';
  expect(await warned('batch/v1beta1', 'cronjobs')).toBe(`299 - "batch/v1beta1 CronJob ${old} batch/v1 CronJob"`);
  expect(await warned('policy/v1beta1', 'poddisruptionbudgets', '?watch=1')).toContain(
    `policy/v1beta1 PodDisruptionBudget ${old} policy/v1 PodDisruptionBudget`,
  );
  expect(await warned('discovery.k8s.io/v1beta1', 'endpointslices')).toContain(`EndpointSlice ${old}`);
  expect(await warned('autoscaling/v2beta2', 'horizontalpodautoscalers')).toContain(
    'is deprecated in v1.23+, unavailable in v1.26+; use autoscaling/v2 HorizontalPodAutoscaler',
  );
  expect(await warned('v1', 'endpoints')).toContain('v1 Endpoints is deprecated in v1.33+');
  for (const plural of ['pods', 'configmaps']) expect(await warned('v1', plural)).toBe('');
  const { stderr } = await cluster().kubectl(['get', 'cronjobs.v1beta1.batch']);
  expect(stderr).toContain('Warning: batch/v1beta1 CronJob is deprecated');
});
