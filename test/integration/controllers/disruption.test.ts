import { describe, expect, test } from 'vitest';
import { Deployments, Events, type Pod, PodDisruptionBudgets, Pods, ResourceQuotas } from '#api/kinds/index.ts';
import { StatusError } from '#api/meta/errors.ts';
import type { Stored } from '#api/meta/objectmeta.ts';
import { apiTime } from '#api/meta/time.ts';
import { waitFor } from '../../bed/wait.ts';
import { deployment, freshNamespace, livePods, podTemplate, rolledOut, useWorld } from './world.ts';

const world = useWorld('controllers-disruption');

const guarded = async (spec: object, replicas = 3): Promise<string> => {
  const { client, nodes } = world();
  nodes.policy = {};
  const ns = await freshNamespace(client);
  await client.create(Deployments, deployment(ns, 'web', { replicas }));
  await rolledOut(client, ns, 'web');
  const selector = { matchLabels: { app: 'web' } };
  await client.create(PodDisruptionBudgets, { metadata: { name: 'b', namespace: ns }, spec: { selector, ...spec } });
  return ns;
};
const allows = (ns: string, count: number) =>
  waitFor(`${count} allowed`, async () => {
    const { status, metadata } = await world().client.get(PodDisruptionBudgets, 'b', ns);
    return status?.observedGeneration === metadata.generation && status?.disruptionsAllowed === count && status;
  });
const evict = async (pod: Stored<Pod>, options: object = {}): Promise<StatusError | undefined> => {
  const { name, namespace = '' } = pod.metadata;
  const body = { apiVersion: 'policy/v1', kind: 'Eviction', metadata: { name, namespace }, ...options };
  try {
    await world().client.createSubresource(Pods as never, { name, namespace, subresource: 'eviction' }, body);
    return undefined;
  } catch (e) {
    if (e instanceof StatusError) return e;
    throw e;
  }
};

describe('PodDisruptionBudget', () => {
  test('of many evictions at once only as many are granted as it allows, and more when the pods are back', async () => {
    const { client, nodes } = world();
    const ns = await guarded({ minAvailable: 2 }, 4);
    expect(await allows(ns, 2)).toMatchObject({ currentHealthy: 4, desiredHealthy: 2, expectedPods: 4 });
    nodes.policy = { ready: () => false, ends: () => false };
    const pods = await livePods(client, ns);
    const answers = await Promise.all(pods.map((p) => evict(p)));
    const refused = answers.filter((a) => a !== undefined);
    expect(refused.map((a) => [a.code, a.message])).toEqual(
      new Array(2).fill([429, "Cannot evict pod as it would violate the pod's disruption budget."]),
    );
    expect(refused[0]?.status.details?.causes?.[0]).toMatchObject({
      reason: 'DisruptionBudget',
      message: expect.stringMatching(/^The disruption budget b (needs 2 healthy pods and has \d currently|is still)/),
    });
    const ending = (await client.list(Pods, { namespace: ns })).items.filter((p) => p.metadata.deletionTimestamp);
    const marks = ending.map((p) => p.status?.conditions?.find((c) => c.type === 'DisruptionTarget')?.reason);
    nodes.policy = {};
    await nodes.poke();
    await allows(ns, 2);
    expect(marks).toEqual(new Array(2).fill('EvictionByEvictionAPI'));
    expect(
      (await livePods(client, ns)).filter((p) => pods.some((q) => q.metadata.uid === p.metadata.uid)),
    ).toHaveLength(2);
  });

  test('counts what the controller wants, and says of pods without one that they are in nobody’s count', async () => {
    const { client } = world();
    const ns = await guarded({ maxUnavailable: '34%' });
    await allows(ns, 2);
    await client.patch(Deployments, { name: 'web', namespace: ns }, { type: 'merge', body: { spec: { replicas: 6 } } });
    await waitFor('of six', async () => (await client.get(PodDisruptionBudgets, 'b', ns)).status?.expectedPods === 6);
    const { spec } = podTemplate({ app: 'web' });
    await client.create(Pods, { metadata: { namespace: ns, name: 'stray', labels: { app: 'web' } }, spec } as Pod);
    const told = await waitFor('it is told', async () =>
      (await client.list(Events, { namespace: ns })).items.find((e) => e.reason === 'UnmanagedPods'),
    );
    expect(told).toMatchObject({ type: 'Warning', involvedObject: { kind: 'PodDisruptionBudget', name: 'b' } });
    expect((await client.get(PodDisruptionBudgets, 'b', ns)).status?.expectedPods).toBe(6);
  });

  test('pods that are wanted and cannot be made count as missing, although none of them is ever seen', async () => {
    const { client } = world();
    const ns = await guarded({ maxUnavailable: 1 });
    await client.create(ResourceQuotas, { metadata: { name: 'q', namespace: ns }, spec: { hard: { pods: '3' } } });
    await waitFor('the quota', async () => (await client.get(ResourceQuotas, 'q', ns)).status?.hard?.pods === '3');
    await allows(ns, 1);
    await client.patch(Deployments, { name: 'web', namespace: ns }, { type: 'merge', body: { spec: { replicas: 6 } } });
    expect(await allows(ns, 0)).toMatchObject({ expectedPods: 6, desiredHealthy: 5 });
  });

  test('a pod that was to be removed long ago, and is still there, is no target any more', async () => {
    const { client } = world();
    const ns = await freshNamespace(client);
    const { spec } = podTemplate({});
    await client.create(Pods, { metadata: { namespace: ns, name: 'left' }, spec } as Pod);
    const lastTransitionTime = apiTime(Date.now() - 3600_000);
    const told = { reason: 'EvictionByEvictionAPI', message: 'Eviction API: evicting', lastTransitionTime };
    const body = { status: { conditions: [{ type: 'DisruptionTarget', status: 'True', ...told }] } };
    const target = { name: 'left', namespace: ns, subresource: 'status' };
    await client.patch(Pods, target, { type: 'strategic', body });
    const mark = await waitFor('it is taken back', async () => {
      const { status } = await client.get(Pods, 'left', ns);
      return status?.conditions?.find((c) => c.type === 'DisruptionTarget' && c.status === 'False');
    });
    expect([mark.reason, mark.message]).toEqual([undefined, undefined]);
  });

  test('pods that serve nobody may go by policy; with two budgets none does; no dry run is counted', async () => {
    const { client, nodes } = world();
    const ns = await guarded({ minAvailable: 3 });
    await allows(ns, 0);
    const [first, second] = (await livePods(client, ns)) as [Stored<Pod>, Stored<Pod>];
    nodes.policy = { ready: (p) => p.metadata.uid !== first.metadata.uid };
    await nodes.poke();
    await waitFor(
      'one is down',
      async () => (await client.get(PodDisruptionBudgets, 'b', ns)).status?.currentHealthy === 2,
    );
    expect((await evict(first))?.code).toBe(429);
    const unhealthyPodEvictionPolicy = 'AlwaysAllow';
    const target = { name: 'b', namespace: ns };
    await client.patch(PodDisruptionBudgets, target, { type: 'merge', body: { spec: { unhealthyPodEvictionPolicy } } });
    await allows(ns, 0);
    await waitFor('the server knows', async () => (await evict(first)) === undefined);
    nodes.policy = {};
    await nodes.poke();
    await waitFor('back', async () => (await client.get(PodDisruptionBudgets, 'b', ns)).status?.currentHealthy === 3);
    await client.patch(PodDisruptionBudgets, target, { type: 'merge', body: { spec: { minAvailable: 1 } } });
    await allows(ns, 2);
    expect(await evict(second, { deleteOptions: { dryRun: ['All'] } })).toBeUndefined();
    await allows(ns, 2);
    expect((await client.get(Pods, second.metadata.name, ns)).metadata.deletionTimestamp).toBeUndefined();
    const selector = { matchLabels: { app: 'web' } };
    await client.create(PodDisruptionBudgets, {
      metadata: { name: 'b2', namespace: ns },
      spec: { selector, minAvailable: 0 },
    });
    const answer = await waitFor('both are seen', async () => {
      const e = await evict(second, { deleteOptions: { dryRun: ['All'] } });
      return e?.code === 500 && e;
    });
    expect(answer.message).toContain('more than one PodDisruptionBudget');
  });
});
