import { expect, test } from 'vitest';
import type { Pod } from '#api/kinds/index.ts';
import type { Stored } from '#api/meta/objectmeta.ts';
import { makeNode, makePod, makeState } from '../fixtures.ts';
import { interPodAffinity } from '../plugins/inter-pod-affinity.ts';
import { podTopologySpread } from '../plugins/pod-topology-spread.ts';
import { ClusterState } from './cluster-state.ts';

const ZONE = 'topology.kubernetes.io/zone';
const HOST = 'kubernetes.io/hostname';
const REQUIRED = 'requiredDuringSchedulingIgnoredDuringExecution';
const APPS = ['a', 'b'] as const;
const term = (app: string, topologyKey: string) => ({ topologyKey, labelSelector: { matchLabels: { app } } });

/** What a pod may ask for, in its spec. */
const WISHES: readonly object[] = [
  {},
  { affinity: { podAntiAffinity: { [REQUIRED]: [term('a', HOST)] } } },
  { affinity: { podAntiAffinity: { [REQUIRED]: [term('b', ZONE), term('a', ZONE)] } } },
  { affinity: { podAffinity: { [REQUIRED]: [term('a', ZONE)] } } },
  ...[HOST, ZONE].flatMap((topologyKey) =>
    ['Ignore', 'Honor'].map((nodeTaintsPolicy) => ({
      topologySpreadConstraints: [
        { ...term('a', topologyKey), maxSkew: 1, whenUnsatisfiable: 'DoNotSchedule', nodeTaintsPolicy },
      ],
    })),
  ),
];
const TAINTS_IGNORED_AND_HONOURED = [
  [4, 5],
  [6, 7],
] as const;

/** Per wish and node: the reason against it, and the score. */
function verdicts(state: ClusterState): (readonly (string | number | undefined)[])[] {
  return WISHES.map((spec) => {
    const pod = makePod('asks', { labels: { app: 'a' }, spec });
    const nodes = [...state.nodes()].sort((x, y) => (x.name < y.name ? -1 : 1));
    return [interPodAffinity, podTopologySpread].flatMap((plugin) => {
      const prepared = plugin.prepare(pod, state);
      prepared?.weigh?.(nodes);
      return nodes.flatMap((n) => [n.name, prepared?.filter?.(n)?.[0]?.text, prepared?.score?.(n)]);
    });
  });
}

test.each(Array.from({ length: 6 }, (_, i) => i + 1))(
  'what is kept up to date says what a new count would, whatever came and went (seed %i)',
  (seed) => {
    let s = seed;
    const random = (n: number): number => {
      s = (Math.imul(s, 1664525) + 1013904223) >>> 0;
      return Math.floor((s / 2 ** 32) * n);
    };
    const state = new ClusterState();
    const zones = new Map<string, string | undefined>();
    const placed = new Map<string, Stored<Pod>>();
    const node = (name: string) =>
      makeNode(name, zones.get(name) === undefined ? {} : { [ZONE]: `${zones.get(name)}` });
    for (let step = 0; step < 80; step++) {
      const name = `n${random(6)}`;
      const choice = random(10);
      if (choice < 3) {
        // Now and then one without a zone.
        zones.set(name, random(8) === 0 ? undefined : `z${random(3)}`);
        state.setNode(node(name));
      } else if (choice < 4) {
        zones.delete(name);
        state.removeNode(name);
      } else if (choice < 8) {
        const spec = { ...WISHES[random(WISHES.length)], nodeName: name };
        const pod = makePod(`p${random(12)}`, { labels: { app: APPS[random(2)] ?? 'a' }, spec });
        placed.set(pod.metadata.uid, pod);
        state.setPod(pod);
      } else {
        const uid = `p${random(12)}`;
        placed.delete(uid);
        state.removePod(uid);
      }
      const fresh = makeState([...zones.keys()].map(node));
      for (const pod of placed.values()) fresh.setPod(pod);
      const found = verdicts(state);
      expect(found).toEqual(verdicts(fresh));
      // No node has taints: who honours them, by counting node for node, finds the same.
      for (const [ignored, honoured] of TAINTS_IGNORED_AND_HONOURED) expect(found[ignored]).toEqual(found[honoured]);
    }
  },
);
