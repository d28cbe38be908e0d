import {
  Deployments,
  HorizontalPodAutoscalers,
  type Pod,
  PodDisruptionBudgets,
  Pods,
  type StatefulSet,
  StatefulSets,
} from '#api/kinds/index.ts';
import type { Stored } from '#api/meta/objectmeta.ts';
import { waitFor } from '../../../bed/wait.ts';
import type { MetricsServer } from '../metrics-server.ts';
import { deployment, isReady, livePods, podTemplate } from '../world.ts';
import { attempt, differences, pick, type Scene, type Walk } from './walk.ts';

/** What an autoscaler measures changes, and so do its limits. */
export const autoscaling = (metrics: () => MetricsServer): Walk => ({
  name: 'HorizontalPodAutoscalers',
  async start({ client, random, space }: Scene) {
    const namespace = await space();
    let load = 20;
    metrics().values.set(`/namespaces/${namespace}/load`, () => [{ metricName: 'load', value: `${load}` }]);
    await client.create(Deployments, deployment(namespace, 'web', { replicas: 2 }));
    const atOnce = { stabilizationWindowSeconds: 0, policies: [{ type: 'Pods', value: 10, periodSeconds: 1 }] };
    const target = { type: 'AverageValue', averageValue: '10' };
    await client.create(HorizontalPodAutoscalers, {
      metadata: { namespace, name: 'web' },
      spec: {
        scaleTargetRef: { apiVersion: 'apps/v1', kind: 'Deployment', name: 'web' },
        minReplicas: 2,
        maxReplicas: 6,
        behavior: { scaleUp: atOnce, scaleDown: atOnce },
        metrics: [{ type: 'External', external: { metric: { name: 'load' }, target } }],
      },
    } as never);
    const both = async () =>
      [
        await client.get(HorizontalPodAutoscalers, 'web', namespace),
        await client.get(Deployments, 'web', namespace),
      ] as const;
    return {
      async act() {
        const choice = random(10);
        if (choice < 5) load = 10 * (1 + random(9));
        else if (choice < 7) {
          const minReplicas = 1 + random(3);
          const body = { spec: { minReplicas, maxReplicas: minReplicas + random(6) } };
          await client.patch(HorizontalPodAutoscalers, { name: 'web', namespace }, { type: 'merge', body });
        } else if (choice < 9) {
          const pod = pick(random, await livePods(client, namespace));
          if (pod) await client.delete(Pods, pod.metadata.name, namespace);
        } else {
          const body = { spec: { replicas: 1 + random(8) } };
          await client.patch(Deployments, { name: 'web', namespace }, { type: 'merge', body });
        }
      },
      async look() {
        const replicas = (await client.get(Deployments, 'web', namespace)).spec?.replicas ?? 0;
        return replicas < 1 || replicas > 8 ? [`${replicas} replicas`] : [];
      },
      async missing() {
        const [{ spec, status }, { spec: scaled, status: running }] = await both();
        const want = Math.min(Math.max(load / 10, spec?.minReplicas ?? 1), spec?.maxReplicas ?? 1);
        const active = status?.conditions?.find((c) => c.type === 'ScalingActive')?.status;
        return differences(
          `load ${load} of ${spec?.minReplicas} to ${spec?.maxReplicas}`,
          [scaled?.replicas, running?.readyReplicas, status?.desiredReplicas, status?.currentReplicas, active],
          [want, want, want, want, 'True'],
        );
      },
    };
  },
});

const budget = (namespace: string, spec: object) => ({
  metadata: { namespace, name: 'b' },
  spec: { selector: { matchLabels: { app: 'web' } }, ...spec },
});
const isStaying = (p: Stored<Pod>): boolean => !p.metadata.deletionTimestamp;
const healthy = (pods: readonly Stored<Pod>[]): number => pods.filter((p) => isStaying(p) && isReady(p)).length;
/** Those that were ready once: what a node that goes unheard on a busy machine does to them is no eviction. */
const started = (pods: readonly Stored<Pod>[]): number => pods.filter((p) => isStaying(p) && p.status?.podIP).length;

function evict({ client }: Scene, pod: Stored<Pod>): Promise<unknown> {
  const { name, namespace = '' } = pod.metadata;
  const body = { apiVersion: 'policy/v1', kind: 'Eviction', metadata: { name, namespace } };
  return client.createSubresource(Pods as never, { name, namespace, subresource: 'eviction' }, body);
}

/**
 * Nothing but evictions disturbs these pods: there are never fewer than the budget demands. They have names of their own,
 * for a ReplicaSet whose killed manager's creation comes late has one too many, and takes it away without asking.
 */
export const evictions = (graceMs: number): Walk => ({
  name: 'evictions',
  deeds: 60,
  async start(scene: Scene) {
    const { client, nodes, random, space } = scene;
    const namespace = await space();
    const keep = 4;
    await client.create(StatefulSets, {
      metadata: { namespace, name: 'web' },
      spec: {
        ...{ replicas: 6, serviceName: 'web', podManagementPolicy: 'Parallel' },
        ...{ selector: { matchLabels: { app: 'web' } }, template: podTemplate({ app: 'web' }) },
      },
    } as StatefulSet);
    const isRunning = async () => (await client.get(StatefulSets, 'web', namespace)).status?.readyReplicas === 6;
    await waitFor('all are ready', isRunning, { timeoutMs: 60_000 });
    await client.create(PodDisruptionBudgets, budget(namespace, { minAvailable: keep }));
    const broken: string[] = [];
    const read = () => client.get(PodDisruptionBudgets, 'b', namespace);
    const pods = async () => (await client.list(Pods, { namespace })).items;
    return {
      async act() {
        const before = await read();
        const all = await pods();
        const allowed = before.status?.disruptionsAllowed ?? 0;
        // One that a server did only after its client had given up would have changed the budget.
        const isSame = (await read()).metadata.resourceVersion === before.metadata.resourceVersion;
        if (isSame && allowed > Math.max(0, started(all) - keep)) broken.push(`${allowed} of ${started(all)} allowed`);
        const victims = Array.from({ length: 1 + random(4) }, () => pick(random, all) ?? []).flat();
        await Promise.all(victims.map((p) => attempt(() => evict(scene, p))));
      },
      async look() {
        // Pods of nodes that went unheard, of a busy machine, are not ready: those may go uncounted.
        if (nodes.longestSilenceMs > graceMs / 2) return [];
        const left = started(await pods());
        return left < keep ? [...broken, `${left} healthy pods left`] : broken;
      },
      async missing() {
        const { status } = await read();
        const { currentHealthy, desiredHealthy, disruptionsAllowed, expectedPods } = status ?? {};
        // Evictions that were granted and came to nothing count for two minutes.
        const granted = Object.keys(status?.disruptedPods ?? {}).length;
        return differences(
          'budget',
          [currentHealthy, desiredHealthy, disruptionsAllowed, expectedPods, healthy(await pods())],
          [6 - granted, keep, Math.max(0, 2 - granted), 6, 6],
        );
      },
    };
  },
});

/** Everything disturbs these pods: the status is right in the end. */
export const budgets: Walk = {
  name: 'PodDisruptionBudgets',
  async start(scene: Scene) {
    const { client, nodes, random, space, fare } = scene;
    const namespace = await space();
    const down = new Set<string>();
    await fare(namespace, { ready: (p) => !down.has(p.metadata.name) });
    await client.create(Deployments, deployment(namespace, 'web', { replicas: 4 }));
    await client.create(PodDisruptionBudgets, budget(namespace, { minAvailable: 2 }));
    const demand = () => {
      const amount = random(2) ? random(5) : `${random(101)}%`;
      return random(2)
        ? { minAvailable: amount, maxUnavailable: null }
        : { minAvailable: null, maxUnavailable: amount };
    };
    return {
      async act() {
        const choice = random(10);
        const target = { name: choice < 2 ? 'b' : 'web', namespace };
        if (choice < 2) return client.patch(PodDisruptionBudgets, target, { type: 'merge', body: { spec: demand() } });
        const body = { spec: { replicas: random(8) } };
        if (choice < 4) return client.patch(Deployments, target, { type: 'merge', body });
        const pod = pick(random, await livePods(client, namespace));
        if (!pod) return undefined;
        if (choice < 6) return client.delete(Pods, pod.metadata.name, namespace);
        if (choice < 8) return evict(scene, pod);
        down.add(pod.metadata.name);
        return nodes.poke();
      },
      async rest() {
        down.clear();
        await nodes.poke();
      },
      async missing() {
        const [{ spec, status, metadata }, d] = [
          await client.get(PodDisruptionBudgets, 'b', namespace),
          await client.get(Deployments, 'web', namespace),
        ];
        const n = d.spec?.replicas ?? 0;
        // Shares are rounded up: "Specifying a Disruption Budget for your Application".
        const of = (v: number | string) => (typeof v === 'number' ? v : Math.ceil((Number.parseInt(v, 10) * n) / 100));
        const { minAvailable, maxUnavailable } = spec ?? {};
        const desired = maxUnavailable != null ? Math.max(0, n - of(maxUnavailable)) : of(minAvailable ?? 0);
        // A plain number counts the pods that are there, everything else what the controller wants.
        return differences(
          `${JSON.stringify({ minAvailable, maxUnavailable })} of ${n}`,
          [
            status?.currentHealthy,
            status?.desiredHealthy,
            status?.disruptionsAllowed,
            status?.expectedPods,
            status?.observedGeneration,
            healthy(await livePods(client, namespace)),
          ],
          [n, desired, n === 0 ? 0 : Math.max(0, n - desired), n, metadata.generation, n],
        );
      },
    };
  },
};
