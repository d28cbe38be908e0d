import { afterAll, beforeAll, expect, test } from 'vitest';
import { Deployments, Events, type HorizontalPodAutoscaler, HorizontalPodAutoscalers } from '#api/kinds/index.ts';
import { systemClock } from '#async/clock.ts';
import { createInformerFactory } from '#client/informer-factory.ts';
import { silentLogger } from '#process/logger.ts';
import { waitFor } from '../../bed/wait.ts';
import { MetricsServer } from './metrics-server.ts';
import { deployment, freshNamespace, livePods, podTemplate, rolledOut, useWorld } from './world.ts';

/** Quick looks, and no waiting before there are fewer. */
const flags = [
  ...['--horizontal-pod-autoscaler-sync-period', '500ms'],
  ...['--horizontal-pod-autoscaler-downscale-stabilization', '1s'],
];
const world = useWorld('controllers-autoscaler', { hollow: 1, flags: { 'controller-manager': flags } });
const METRICS = '/apis/metrics.k8s.io/v1beta1';

/** The metrics API, as objects that the test writes. */
const CRD = {
  apiVersion: 'apiextensions.k8s.io/v1',
  kind: 'CustomResourceDefinition',
  metadata: { name: 'pods.metrics.k8s.io', annotations: { 'api-approved.kubernetes.io': 'unapproved, for a test' } },
  spec: {
    group: 'metrics.k8s.io',
    scope: 'Namespaced',
    names: { plural: 'pods', kind: 'PodMetrics' },
    versions: [
      {
        name: 'v1beta1',
        served: true,
        storage: true,
        schema: { openAPIV3Schema: { type: 'object', 'x-kubernetes-preserve-unknown-fields': true } },
      },
    ],
  },
};

beforeAll(async () => {
  await world().client.raw('POST', '/apis/apiextensions.k8s.io/v1/customresourcedefinitions', CRD);
  // It takes the place of the one that is built in, which nobody can write.
  await waitFor('the metrics API', async () => {
    const { resources } = await world().client.raw<{ resources: { verbs: string[] }[] }>('GET', METRICS);
    return resources.some((r) => r.verbs.includes('create'));
  });
});

type Status = NonNullable<HorizontalPodAutoscaler['status']>;
const stop = new AbortController();
afterAll(() => stop.abort());

/** Every status that is written in a namespace from now on: the next look may come half a second after one. */
async function statuses(namespace: string): Promise<readonly Status[]> {
  const seen: Status[] = [];
  const { client } = world();
  const factory = createInformerFactory({ client, clock: systemClock, signal: stop.signal, logger: silentLogger });
  const see = ({ status }: HorizontalPodAutoscaler): void => void (status && seen.push(status));
  const informer = factory.informer(HorizontalPodAutoscalers, { namespace });
  informer.addHandlers({ onAdd: see, onUpdate: (_old, h) => see(h) });
  factory.start();
  await factory.synced(stop.signal);
  return seen;
}

test('a Deployment grows with what its pods use, no further than allowed, and says why', async () => {
  const { client } = world();
  const ns = await freshNamespace(client);
  const template = podTemplate({ app: 'web' });
  const resources = { requests: { cpu: '100m', memory: '100Mi' } };
  const containers = template.spec.containers.map((c) => ({ ...c, resources }));
  const spec = { replicas: 2, template: { ...template, spec: { ...template.spec, containers } } };
  await client.create(Deployments, deployment(ns, 'web', spec));
  await rolledOut(client, ns, 'web');
  for (const p of await livePods(client, ns)) {
    await client.raw('POST', `${METRICS}/namespaces/${ns}/pods`, {
      apiVersion: 'metrics.k8s.io/v1beta1',
      kind: 'PodMetrics',
      metadata: { name: p.metadata.name, namespace: ns, labels: p.metadata.labels },
      containers: [{ name: 'main', usage: { cpu: '10m', memory: '90Mi' } }],
    });
  }
  const seen = await statuses(ns);
  // Memory: what is used is known from the start; CPU is not asked before pods have been ready for a while.
  const memory = { type: 'Utilization' as const, averageUtilization: 30 };
  await client.create(HorizontalPodAutoscalers, {
    metadata: { namespace: ns, name: 'web' },
    spec: {
      scaleTargetRef: { apiVersion: 'apps/v1', kind: 'Deployment', name: 'web' },
      maxReplicas: 5,
      metrics: [{ type: 'Resource', resource: { name: 'memory', target: memory } }],
    },
  });
  await waitFor('five pods', async () => (await livePods(client, ns)).length === 5);
  const status = await waitFor('the status', () => seen.find((s) => s.lastScaleTime && s.desiredReplicas === 5));
  expect(status).toMatchObject({
    desiredReplicas: 5,
    currentMetrics: [{ resource: { name: 'memory', current: { averageUtilization: 90 } } }],
  });
  const conditions = Object.fromEntries((status.conditions ?? []).map((c) => [c.type, `${c.status} ${c.reason}`]));
  expect(conditions).toEqual({
    AbleToScale: 'True SucceededRescale',
    ScalingActive: 'True ValidMetricFound',
    ScalingLimited: 'True TooManyReplicas',
  });
  await waitFor('the event', async () =>
    (await client.list(Events, { namespace: ns })).items.some((e) => e.reason === 'SuccessfulRescale'),
  );
});

test('what cannot be scaled or measured is said', async () => {
  const { client } = world();
  const ns = await freshNamespace(client);
  const create = (name: string, target: string) =>
    client.create(HorizontalPodAutoscalers, {
      metadata: { namespace: ns, name },
      spec: { scaleTargetRef: { apiVersion: 'apps/v1', kind: 'Deployment', name: target }, maxReplicas: 3 },
    });
  await client.create(Deployments, deployment(ns, 'plain', { replicas: 1 }));
  await rolledOut(client, ns, 'plain');
  await create('lost', 'nobody');
  await create('plain', 'plain');
  // As many as there shall be at least, no metric has to ask for.
  await client.create(Deployments, deployment(ns, 'few', { replicas: 1 }));
  await client.create(HorizontalPodAutoscalers, {
    metadata: { namespace: ns, name: 'few' },
    spec: {
      scaleTargetRef: { apiVersion: 'apps/v1', kind: 'Deployment', name: 'few' },
      minReplicas: 2,
      maxReplicas: 3,
    },
  });
  await waitFor('two', async () => (await client.get(Deployments, 'few', ns)).spec?.replicas === 2);
  const reason = async (name: string, type: string) =>
    (await client.get(HorizontalPodAutoscalers, name, ns)).status?.conditions?.find(
      (c) => c.type === type && c.status === 'False',
    )?.reason;
  await waitFor('no target', async () => (await reason('lost', 'AbleToScale')) === 'FailedGetScale');
  await waitFor('no requests', async () => (await reason('plain', 'ScalingActive')) === 'FailedGetResourceMetric');
  await waitFor('an event', async () =>
    (await client.list(Events, { namespace: ns })).items.some((e) => e.reason === 'FailedComputeMetricsReplicas'),
  );
  const { status } = await client.get(HorizontalPodAutoscalers, 'plain', ns);
  // What was learnt before is there too.
  expect(status?.currentReplicas).toBe(1);
  expect(status?.conditions?.find((c) => c.type === 'AbleToScale')?.reason).toBe('SucceededGetScale');
  await client.create(HorizontalPodAutoscalers, {
    metadata: { namespace: ns, name: 'none' },
    spec: { scaleTargetRef: { apiVersion: 'v1', kind: 'ConfigMap', name: 'plain' }, maxReplicas: 3 },
  });
  await waitFor('no scale', async () => (await reason('none', 'AbleToScale')) === 'FailedGetScale');
});

test('the scale of a custom kind is read like any other', async () => {
  const { client } = world();
  const ns = await freshNamespace(client);
  const spec = { type: 'object', properties: { replicas: { type: 'integer', maximum: 2 } } };
  await client.raw('POST', '/apis/apiextensions.k8s.io/v1/customresourcedefinitions', {
    apiVersion: 'apiextensions.k8s.io/v1',
    kind: 'CustomResourceDefinition',
    metadata: { name: 'farms.scaling.example' },
    spec: {
      group: 'scaling.example',
      scope: 'Namespaced',
      names: { plural: 'farms', kind: 'Farm' },
      versions: [
        {
          name: 'v1',
          served: true,
          storage: true,
          schema: { openAPIV3Schema: { type: 'object', properties: { spec } } },
          subresources: { scale: { specReplicasPath: '.spec.replicas', statusReplicasPath: '.status.replicas' } },
        },
      ],
    },
  });
  const farms = `/apis/scaling.example/v1/namespaces/${ns}/farms`;
  const farm = { apiVersion: 'scaling.example/v1', kind: 'Farm', metadata: { name: 'f' }, spec: { replicas: 0 } };
  await waitFor('the kind', () =>
    client.raw('POST', farms, farm).then(
      () => true,
      () => false,
    ),
  );
  await client.raw('POST', farms, { ...farm, metadata: { name: 'g' }, spec: { replicas: 1 } });
  const scaling = (name: string, minReplicas: number) =>
    client.create(HorizontalPodAutoscalers, {
      metadata: { namespace: ns, name: `farm-${name}` },
      spec: { scaleTargetRef: { apiVersion: 'scaling.example/v1', kind: 'Farm', name }, minReplicas, maxReplicas: 3 },
    });
  await scaling('f', 1);
  await scaling('g', 3);
  await waitFor('its scale is read', async () => {
    const { status } = await client.get(HorizontalPodAutoscalers, 'farm-f', ns);
    return status?.conditions?.some((c) => c.type === 'ScalingActive' && c.reason === 'ScalingDisabled');
  });
  await waitFor('a scale that is refused is told', async () => {
    const { items } = await client.list(Events, { namespace: ns });
    return items.some((e) => e.reason === 'FailedRescale' && e.message?.startsWith('New size: 3; reason: '));
  });
});

let metrics: MetricsServer | undefined;
afterAll(() => metrics?.close());

test('metrics of pods, of an object and from outside, served by another server', async () => {
  const { client } = world();
  metrics = await MetricsServer.start(client);
  const ns = await freshNamespace(client);
  await client.create(Deployments, deployment(ns, 'shop', { replicas: 2 }));
  await rolledOut(client, ns, 'shop');
  let pods: string[] = [];
  const queue = (value: string) => metrics?.ofPods(ns, 'queue', () => pods, value);
  const hits = (value: string) => metrics?.values.set(`/namespaces/${ns}/services/shop/hits`, () => [{ value }]);
  /** Two lanes of jobs, of which one is asked for. */
  const jobs = (...values: string[]) =>
    metrics?.values.set(`/namespaces/${ns}/jobs`, (q) =>
      q.get('labelSelector') === 'lane=fast' ? values.map((value) => ({ metricName: 'jobs', value })) : [],
    );
  /** The pods as they are when the autoscaler asks next, and how many there shall be. */
  const grown = (count: number) =>
    waitFor(`${count} pods`, async () => {
      pods = (await livePods(client, ns)).map((p) => p.metadata.name);
      return pods.length === count;
    });
  await grown(2);
  queue('20');
  hits('100');
  jobs('30');
  const target = (fields: object) => fields as { type: 'Value' };
  await client.create(HorizontalPodAutoscalers, {
    metadata: { namespace: ns, name: 'shop' },
    spec: {
      scaleTargetRef: { apiVersion: 'apps/v1', kind: 'Deployment', name: 'shop' },
      maxReplicas: 8,
      // As many at once as are wanted.
      behavior: { scaleUp: { policies: [{ type: 'Pods', value: 10, periodSeconds: 1 }] } },
      metrics: [
        {
          type: 'Pods',
          pods: { metric: { name: 'queue' }, target: target({ type: 'AverageValue', averageValue: '10' }) },
        },
        {
          type: 'Object',
          object: {
            describedObject: { apiVersion: 'v1', kind: 'Service', name: 'shop' },
            metric: { name: 'hits' },
            target: target({ type: 'Value', value: '100' }),
          },
        },
        {
          type: 'External',
          external: {
            metric: { name: 'jobs', selector: { matchLabels: { lane: 'fast' } } },
            target: target({ type: 'AverageValue', averageValue: '30' }),
          },
        },
      ],
    },
  });
  await waitFor('more than two pods', async () => (await livePods(client, ns)).length > 2);
  // Those that were not asked about count as idle until they say something.
  queue('10');
  await grown(4);
  await rolledOut(client, ns, 'shop');
  jobs('100', '50');
  await grown(5);
  await rolledOut(client, ns, 'shop');
  hits('200');
  await grown(8);
  const { status } = await waitFor('a status of eight', async () => {
    const h = await client.get(HorizontalPodAutoscalers, 'shop', ns);
    return h.status?.currentReplicas === 8 ? h : undefined;
  });
  expect(status?.currentMetrics).toEqual([
    { type: 'Pods', pods: { metric: { name: 'queue' }, current: { averageValue: '10' } } },
    {
      type: 'Object',
      object: {
        describedObject: { apiVersion: 'v1', kind: 'Service', name: 'shop' },
        metric: { name: 'hits' },
        current: { value: '200' },
      },
    },
    {
      type: 'External',
      external: {
        metric: { name: 'jobs', selector: { matchLabels: { lane: 'fast' } } },
        current: { averageValue: expect.stringMatching(/^\d+m?$/) as string },
      },
    },
  ]);
  const said = await waitFor('why it grew', async () => {
    const { items } = await client.list(Events, { namespace: ns });
    const found = items.flatMap((e) => (e.reason === 'SuccessfulRescale' ? [e.message ?? ''] : []));
    return found.length >= 3 ? found : undefined;
  });
  expect(said).toContain('New size: 4; reason: pods metric queue above target');
  expect(said).toContain('New size: 5; reason: external metric jobs(lane=fast) above target');
  expect(said).toContain('New size: 8; reason: Service metric hits above target');

  // One that cannot be read keeps the others from taking pods away.
  metrics.values.delete(`/namespaces/${ns}/jobs`);
  queue('1');
  hits('10');
  const inactive = await waitFor('it says what is missing', async () => {
    const h = await client.get(HorizontalPodAutoscalers, 'shop', ns);
    return h.status?.conditions?.find((c) => c.type === 'ScalingActive' && c.status === 'False');
  });
  expect(inactive.reason).toBe('FailedGetExternalMetric');
  expect(inactive.message).toMatch(
    /^the HPA was unable to compute the replica count: failed to get jobs external metric value: unable to fetch metrics from external metrics API: /,
  );
  expect(await livePods(client, ns)).toHaveLength(8);
  jobs('30');
  await grown(1);
});
