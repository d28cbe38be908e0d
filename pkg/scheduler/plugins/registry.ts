import type { Plugin } from '../framework/plugin.ts';
import type { Point } from '../framework/points.ts';
import type { PluginArgs } from './args.ts';
import { balancing } from './balanced-allocation.ts';
import { imageLocality } from './image-locality.ts';
import { interPodAffinityWith } from './inter-pod-affinity.ts';
import { nodeAffinityWith } from './node-affinity.ts';
import { nodeName } from './node-name.ts';
import { nodePorts } from './node-ports.ts';
import { fitting } from './node-resources-fit.ts';
import { nodeUnschedulable } from './node-unschedulable.ts';
import { nodeVolumeLimits } from './node-volume-limits.ts';
import { spreading } from './pod-topology-spread.ts';
import { schedulingGates } from './scheduling-gates.ts';
import { taintToleration } from './taint-toleration.ts';
import { volumeBinding } from './volume-binding.ts';
import { volumeRestrictions } from './volume-restrictions.ts';
import { volumeZone } from './volume-zone.ts';

/** A plugin by name: where it comes in, and how it is made. Those without `make` are part of the scheduler itself. */
export interface Registered {
  readonly points: readonly Point[];
  /** Of its score in the default profile. */
  readonly weight: number;
  make?(args: PluginArgs): Plugin;
}

const FILTER = ['preFilter', 'filter'] as const;
const SCORE = ['preScore', 'score'] as const;
const BOTH = [...FILTER, ...SCORE] as const;

/** All plugins, in the order of the default profile. Filters run in it: the cheapest and most telling first. */
export const PLUGINS: Readonly<Record<string, Registered>> = {
  SchedulingGates: { points: ['preEnqueue'], weight: 0, make: () => schedulingGates },
  PrioritySort: { points: ['queueSort'], weight: 0 },
  NodeUnschedulable: { points: ['filter'], weight: 0, make: () => nodeUnschedulable },
  NodeName: { points: ['filter'], weight: 0, make: () => nodeName },
  TaintToleration: { points: ['filter', ...SCORE], weight: 3, make: () => taintToleration },
  NodeAffinity: { points: BOTH, weight: 2, make: (a) => nodeAffinityWith(a.NodeAffinity) },
  NodePorts: { points: FILTER, weight: 0, make: () => nodePorts },
  NodeResourcesFit: { points: BOTH, weight: 1, make: (a) => fitting(a.NodeResourcesFit) },
  VolumeRestrictions: { points: FILTER, weight: 0, make: () => volumeRestrictions },
  NodeVolumeLimits: { points: FILTER, weight: 0, make: () => nodeVolumeLimits },
  VolumeBinding: { points: [...FILTER, 'reserve', 'preBind'], weight: 0, make: () => volumeBinding },
  VolumeZone: { points: FILTER, weight: 0, make: () => volumeZone },
  PodTopologySpread: { points: BOTH, weight: 2, make: (a) => spreading(a.PodTopologySpread) },
  InterPodAffinity: { points: BOTH, weight: 2, make: (a) => interPodAffinityWith(a.InterPodAffinity) },
  DefaultPreemption: { points: ['postFilter'], weight: 0 },
  NodeResourcesBalancedAllocation: {
    points: SCORE,
    weight: 1,
    make: (a) => balancing(a.NodeResourcesBalancedAllocation),
  },
  ImageLocality: { points: ['score'], weight: 1, make: () => imageLocality },
  DefaultBinder: { points: ['bind'], weight: 0 },
};
