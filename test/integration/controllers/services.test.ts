import { afterEach, describe, expect, test } from 'vitest';
import { EndpointSlices, EndpointsResource, Pods, ReplicaSets, type Service, Services } from '#api/kinds/index.ts';
import { waitFor } from '../../bed/wait.ts';
import { freshNamespace, livePods, replicaSet, useWorld } from './world.ts';

const world = useWorld('controllers-services');
afterEach(async () => {
  world().nodes.policy = {};
  await world().nodes.poke();
});

const service = (namespace: string, name: string, spec: object = {}): Service =>
  ({
    metadata: { namespace, name },
    spec: { selector: { app: name }, ports: [{ name: 'web', port: 80, targetPort: 'http' }], ...spec },
  }) as Service;
const slicesOf = async (ns: string) => (await world().client.list(EndpointSlices, { namespace: ns })).items;
/** Addresses by state: ready, or "not". */
async function endpointsOf(ns: string): Promise<{ ready: string[]; serving: number; terminating: number }> {
  const all = (await slicesOf(ns)).flatMap((s) => s.endpoints ?? []);
  return {
    ready: all.filter((e) => e.conditions?.ready).flatMap((e) => e.addresses),
    serving: all.filter((e) => e.conditions?.serving).length,
    terminating: all.filter((e) => e.conditions?.terminating).length,
  };
}
async function start(ns: string, replicas: number, spec: object = {}): Promise<void> {
  await world().client.create(Services, service(ns, 'web', spec));
  await world().client.create(ReplicaSets, replicaSet(ns, 'web', replicas));
}

describe('endpoints of a service', () => {
  test('hold the ready pods, in slices and in the older form, with resolved ports', async () => {
    const { client } = world();
    const ns = await freshNamespace(client);
    await start(ns, 3);
    await waitFor('3 ready', async () => (await endpointsOf(ns)).ready.length === 3);
    const [slice] = await slicesOf(ns);
    expect(slice?.metadata.labels).toMatchObject({
      'kubernetes.io/service-name': 'web',
      'endpointslice.kubernetes.io/managed-by': 'endpointslice-controller.k8s.io',
    });
    expect(slice?.metadata.ownerReferences?.[0]).toMatchObject({ kind: 'Service', name: 'web', controller: true });
    expect(slice).toMatchObject({ addressType: 'IPv4', ports: [{ name: 'web', port: 8080, protocol: 'TCP' }] });
    const pods = await livePods(client, ns);
    expect((await endpointsOf(ns)).ready.sort()).toEqual(pods.map((p) => p.status?.podIP ?? '').sort());
    const old = await waitFor('endpoints', async () => {
      const e = await client.get(EndpointsResource, 'web', ns);
      return e.subsets?.[0]?.addresses?.length === 3 ? e : undefined;
    });
    expect(old.subsets?.[0]?.ports).toEqual([{ name: 'web', port: 8080, protocol: 'TCP' }]);
    expect(old.subsets?.[0]?.addresses?.[0]?.targetRef).toMatchObject({ kind: 'Pod', namespace: ns });
  });

  test('a pod that is being deleted leaves at once, long before it ends', async () => {
    const { client, nodes } = world();
    const ns = await freshNamespace(client);
    await start(ns, 2);
    await waitFor('2 ready', async () => (await endpointsOf(ns)).ready.length === 2);
    nodes.policy = { ends: () => false };
    const [victim] = await livePods(client, ns);
    const asked = performance.now();
    await client.delete(Pods, victim?.metadata.name ?? '', ns);
    await waitFor('out', async () => !(await endpointsOf(ns)).ready.includes(victim?.status?.podIP ?? ''), {
      everyMs: 5,
    });
    const took = performance.now() - asked;
    console.info(`deleted to out of the slices: ${took.toFixed(0)} ms`);
    expect(took).toBeLessThan(30_000);
    await waitFor('3 known', async () => {
      const { ready, serving, terminating } = await endpointsOf(ns);
      return ready.length === 2 && serving === 3 && terminating === 1;
    });
    await waitFor('out of the older form', async () => {
      const old = await client.get(EndpointsResource, 'web', ns);
      const ips = old.subsets?.flatMap((s) => s.addresses ?? []).map((a) => a.ip) ?? [];
      return ips.length === 2 && !ips.includes(victim?.status?.podIP ?? '');
    });
    nodes.policy = {};
    await nodes.poke();
    await waitFor('gone', async () => (await endpointsOf(ns)).terminating === 0);
  });

  test('readiness goes both ways; publishNotReadyAddresses shows all', async () => {
    const { client, nodes } = world();
    const ns = await freshNamespace(client);
    let ready = false;
    nodes.policy = { ready: (p) => p.metadata.namespace !== ns || ready };
    await start(ns, 2);
    await client.create(
      Services,
      service(ns, 'all', { selector: { app: 'web' }, clusterIP: 'None', publishNotReadyAddresses: true }),
    );
    const notReady = async () =>
      (await client.get(EndpointsResource, 'web', ns)).subsets?.[0]?.notReadyAddresses?.length;
    await waitFor('not ready in the service', async () => (await notReady()) === 2);
    const published = await waitFor('published in the headless one', async () => {
      const s = (await slicesOf(ns)).find((x) => x.metadata.labels?.['kubernetes.io/service-name'] === 'all');
      return s?.endpoints?.filter((e) => e.conditions?.ready).length === 2 ? s : undefined;
    });
    expect(published.metadata.labels).toHaveProperty(['service.kubernetes.io/headless']);
    ready = true;
    await nodes.poke();
    await waitFor(
      'ready',
      async () => (await client.get(EndpointsResource, 'web', ns)).subsets?.[0]?.addresses?.length === 2,
    );
  });

  test('150 pods fill two slices of at most 100; one pod less is one write', async () => {
    const { client } = world();
    const ns = await freshNamespace(client);
    await start(ns, 150);
    await waitFor('150 ready', async () => (await endpointsOf(ns)).ready.length === 150);
    const before = await slicesOf(ns);
    expect(Math.max(...before.map((s) => s.endpoints?.length ?? 0))).toBeLessThanOrEqual(100);
    expect(before).toHaveLength(2);
    await client.patch(
      ReplicaSets,
      { name: 'web', namespace: ns },
      { type: 'merge', body: { spec: { replicas: 149 } } },
    );
    await waitFor('149', async () => {
      const { ready, terminating } = await endpointsOf(ns);
      return ready.length === 149 && terminating === 0;
    });
    const versions = new Map(before.map((s) => [s.metadata.uid, s.metadata.resourceVersion]));
    const after = await slicesOf(ns);
    expect(after.filter((s) => versions.get(s.metadata.uid) !== s.metadata.resourceVersion)).toHaveLength(1);
  });

  test('follow the selector and the labels of the service, and go with it', async () => {
    const { client } = world();
    const ns = await freshNamespace(client);
    await start(ns, 1);
    await waitFor('1 ready', async () => (await endpointsOf(ns)).ready.length === 1);
    const change = (body: unknown) => client.patch(Services, { name: 'web', namespace: ns }, { type: 'merge', body });
    await change({ spec: { selector: { app: 'nobody' } }, metadata: { labels: { team: 'x' } } });
    await waitFor('empty', async () => (await endpointsOf(ns)).ready.length === 0);
    const [slice] = await slicesOf(ns);
    expect([slice?.endpoints ?? [], slice?.metadata.labels?.team]).toEqual([[], 'x']);
    await change({ spec: { selector: { app: 'web' } } });
    await waitFor('back', async () => (await endpointsOf(ns)).ready.length === 1);
    await client.delete(Services, 'web', ns);
    await waitFor('no slice', async () => (await slicesOf(ns)).length === 0);
    await waitFor(
      'no endpoints',
      async () => (await client.list(EndpointsResource, { namespace: ns })).items.length === 0,
    );
  });

  test('of services without selector are left alone', async () => {
    const { client } = world();
    const ns = await freshNamespace(client);
    const manual = service(ns, 'manual');
    delete manual.spec?.selector;
    await client.create(Services, manual);
    const subsets = [
      { addresses: [{ ip: '192.0.2.1' }], ports: [{ name: 'web', port: 80, protocol: 'TCP' as const }] },
    ];
    const mine = await client.create(EndpointsResource, { metadata: { namespace: ns, name: 'manual' }, subsets });
    await start(ns, 1);
    // In the form that is looked at: slices are made of the manual ones, too.
    await waitFor('the other service is done', async () => {
      const { subsets: done } = await client.get(EndpointsResource, 'web', ns);
      return done?.[0]?.addresses?.length === 1;
    });
    expect((await client.get(EndpointsResource, 'manual', ns)).metadata.resourceVersion).toBe(
      mine.metadata.resourceVersion,
    );
  });
});
