import { Pods, ReplicaSets, type ReplicationController, ReplicationControllers } from '#api/kinds/index.ts';
import { isReady, livePods, podTemplate, replicaSet } from '../world.ts';
import { type Course, differences, pick, type Scene, type Walk } from './walk.ts';

const MOST = 7;
const NAMES = ['a', 'b'] as const;

const replication = (namespace: string, name: string, replicas: number): ReplicationController =>
  ({
    metadata: { namespace, name },
    spec: { replicas, selector: { app: name }, template: podTemplate({ app: name }) },
  }) as ReplicationController;

/** Sets that are scaled, lose pods, release pods whose label is changed, and adopt them again. */
async function replicated(
  { client, random, space }: Scene,
  kind: typeof ReplicaSets | typeof ReplicationControllers,
): Promise<Course> {
  const namespace = await space();
  const make = kind === ReplicaSets ? replicaSet : replication;
  for (const name of NAMES) await client.create(kind as typeof ReplicaSets, make(namespace, name, 3) as never);
  const sets = async () => (await client.list(kind as typeof ReplicaSets, { namespace })).items;
  return {
    async act() {
      const choice = random(10);
      const name = pick(random, NAMES) ?? 'a';
      const body = { spec: { replicas: random(MOST + 1) } };
      if (choice < 4) return client.patch(kind as typeof ReplicaSets, { name, namespace }, { type: 'merge', body });
      const pod = pick(random, await livePods(client, namespace));
      if (!pod) return undefined;
      if (choice < 7) return client.delete(Pods, pod.metadata.name, namespace);
      // To nobody, or to the other one.
      const labels = { app: pick(random, ['nobody', ...NAMES]) };
      return client.patch(
        Pods,
        { name: pod.metadata.name, namespace },
        { type: 'merge', body: { metadata: { labels } } },
      );
    },
    async look() {
      const owned = new Map<string, number>();
      for (const p of await livePods(client, namespace)) {
        const owners = (p.metadata.ownerReferences ?? []).filter((r) => r.controller);
        if (owners.length > 1) return [`${p.metadata.name} has ${owners.length} controllers`];
        for (const { uid } of owners) owned.set(uid, (owned.get(uid) ?? 0) + 1);
      }
      // A pod may come from the other set while the one it stands in for is being made.
      return [...owned.values()].filter((n) => n > MOST + 3).map((n) => `${n} pods of one set`);
    },
    async missing() {
      const pods = await livePods(client, namespace);
      return (await sets()).flatMap((s) => {
        const want = s.spec?.replicas ?? 0;
        const mine = pods.filter((p) => p.metadata.ownerReferences?.[0]?.uid === s.metadata.uid);
        const labelled = pods.filter((p) => p.metadata.labels?.app === s.metadata.name);
        const { replicas, readyReplicas = 0, availableReplicas = 0, observedGeneration } = s.status ?? {};
        return differences(
          s.metadata.name,
          [
            mine.length,
            mine.filter(isReady).length,
            labelled.length,
            replicas,
            readyReplicas,
            availableReplicas,
            observedGeneration,
          ],
          [want, want, want, want, want, want, s.metadata.generation],
        );
      });
    },
  };
}

export const replicaSets: Walk = { name: 'ReplicaSets', start: (s) => replicated(s, ReplicaSets) };
export const replicationControllers: Walk = {
  name: 'ReplicationControllers',
  start: (s) => replicated(s, ReplicationControllers),
};
