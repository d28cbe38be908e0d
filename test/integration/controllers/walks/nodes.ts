import { Nodes, Pods, ReplicaSets } from '#api/kinds/index.ts';
import { isReady, replicaSet } from '../world.ts';
import { differences, pick, type Scene, type Walk } from './walk.ts';

const ZONE = { 'topology.kubernetes.io/zone': 'walk', walk: 'yes' };
const NAMES = ['walk1', 'walk2', 'walk3', 'walk4'] as const;
/** Nobody does anything to these. */
const QUIET = ['walk3', 'walk4'];
const WANTED = 6;

/** Nodes fall silent, are cordoned and tainted: pods leave those, and only those. */
export const nodeLifecycle = (graceMs: number): Walk => ({
  name: 'node lifecycle',
  deeds: 45,
  async start({ client, nodes, random, space, fare }: Scene) {
    const namespace = await space();
    await fare(namespace, {});
    for (const name of NAMES) await nodes.add(name, ZONE);
    const set = replicaSet(namespace, 'web', WANTED);
    const tolerations = ['not-ready', 'unreachable'].map((k) => ({
      ...{ key: `node.kubernetes.io/${k}`, operator: 'Exists', effect: 'NoExecute', tolerationSeconds: 1 },
    }));
    Object.assign(set.spec?.template?.spec ?? {}, { tolerations, nodeSelector: { walk: 'yes' } });
    await client.create(ReplicaSets, set);
    const pods = async () => (await client.list(Pods, { namespace })).items;
    const mine = async () => (await client.list(Nodes, { labelSelector: 'walk=yes' })).items;
    const ours = new Set<string>();
    const wake = async (name: string) => {
      if (!nodes.silent.delete(name)) return;
      await nodes.sayReady(name);
      await nodes.poke();
    };
    const spec = (name: string, body: object) => client.patch(Nodes, { name }, { type: 'merge', body: { spec: body } });
    return {
      async act() {
        const choice = random(10);
        const name =
          pick(
            random,
            NAMES.filter((n) => !QUIET.includes(n)),
          ) ?? '';
        if (choice < 2) return wake(name);
        if (choice < 4) return void nodes.silent.add(name);
        if (choice < 5) return spec(name, { unschedulable: random(2) === 0 });
        if (choice < 8) {
          // Those of the controller are beside ours: a write over an older state is refused.
          const { metadata, spec: there } = await client.get(Nodes, name);
          const others = (there?.taints ?? []).filter((t) => t.key !== 'walk');
          const taints = random(2) ? [...others, { key: 'walk', effect: 'NoExecute' }] : others;
          const body = { metadata: { resourceVersion: metadata.resourceVersion }, spec: { taints } };
          return client.patch(Nodes, { name }, { type: 'merge', body });
        }
        const pod = pick(
          random,
          (await pods()).filter((p) => !p.metadata.deletionTimestamp),
        );
        if (!pod) return undefined;
        ours.add(pod.metadata.uid);
        return client.delete(Pods, pod.metadata.name, namespace);
      },
      async look() {
        // A machine so busy that quiet nodes went unheard shows nothing.
        if (nodes.longestSilenceMs > graceMs / 2) return [];
        return (await pods()).flatMap(({ metadata, spec: s, status }) => {
          const evicted = status?.conditions?.find((c) => c.type === 'DisruptionTarget')?.reason;
          const quiet = QUIET.includes(s?.nodeName ?? '');
          return quiet && evicted ? [`${metadata.name} on ${s?.nodeName}: ${evicted}`] : [];
        });
      },
      async rest() {
        for (const name of NAMES) {
          await spec(name, { unschedulable: false, taints: [] });
          await wake(name);
        }
      },
      async missing() {
        const all = await pods();
        return [
          ...(await mine()).flatMap(({ metadata, spec: s, status }) =>
            differences(
              metadata.name,
              [s?.taints ?? [], status?.conditions?.find((c) => c.type === 'Ready')?.status],
              [[], 'True'],
            ),
          ),
          ...differences('pods', [all.length, all.filter(isReady).length], [WANTED, WANTED]),
        ];
      },
    };
  },
});

/** Nodes come and go: each has a subnet, which it keeps, and which nobody else has meanwhile. */
export const nodeIpam: Walk = {
  name: 'subnets of nodes',
  deeds: 40,
  async start({ client, random }: Scene) {
    const subnets = new Map<string, string>();
    let serial = 0;
    const all = async () => (await client.list(Nodes)).items;
    const mine = async () => (await client.list(Nodes, { labelSelector: 'walk=ipam' })).items;
    return {
      async act() {
        if (random(3) === 0) {
          const node = pick(random, await mine());
          return node && client.delete(Nodes, node.metadata.name);
        }
        const names = Array.from({ length: 1 + random(4) }, () => `ipam${serial++}`);
        const labels = { walk: 'ipam' };
        return Promise.all(names.map((name) => client.create(Nodes, { metadata: { name, labels }, spec: {} })));
      },
      async look() {
        const owners = new Map<string, string>();
        return (await all()).flatMap(({ metadata: { name, uid }, spec }) => {
          const subnet = spec?.podCIDR;
          if (!subnet) return [];
          const before = subnets.get(uid);
          subnets.set(uid, subnet);
          const moved = before && before !== subnet ? [`${name} had ${before}, has ${subnet}`] : [];
          const other = owners.get(subnet);
          owners.set(subnet, name);
          return other ? [...moved, `${name} and ${other} have ${subnet}`] : moved;
        });
      },
      async missing() {
        return (await mine()).filter((n) => !n.spec?.podCIDR).map((n) => `${n.metadata.name} has no subnet`);
      },
    };
  },
};
