import type { NodeAffinity } from '#api/kinds/index.ts';

/** How much a resource counts in a score. */
export interface ResourceWeight {
  readonly name: string;
  readonly weight: number;
}

/** A point of a function of utilization (percent) with values from 0 to 10. */
export interface ShapePoint {
  readonly utilization: number;
  readonly score: number;
}

export type ScoringStrategy =
  | { readonly type: 'LeastAllocated' | 'MostAllocated'; readonly resources: readonly ResourceWeight[] }
  | {
      readonly type: 'RequestedToCapacityRatio';
      readonly resources: readonly ResourceWeight[];
      /** By rising utilization. */
      readonly shape: readonly ShapePoint[];
    };

export interface FitArgs {
  /** Extended resources that are somebody else's business. */
  readonly ignoredResources: ReadonlySet<string>;
  /** Prefixes (before the slash) of such. */
  readonly ignoredGroups: ReadonlySet<string>;
  readonly strategy: ScoringStrategy;
}

export interface DefaultConstraint {
  readonly topologyKey: string;
  readonly maxSkew: number;
  readonly whenUnsatisfiable: 'DoNotSchedule' | 'ScheduleAnyway';
  readonly minDomains?: number | undefined;
  readonly honorAffinity: boolean;
  readonly honorTaints: boolean;
}

export interface SpreadArgs {
  /** System: hosts and zones, softly, whether nodes have the labels or not. */
  readonly defaultingType: 'System' | 'List';
  readonly constraints: readonly DefaultConstraint[];
}

export interface PreemptionArgs {
  /** Of this share of the nodes (percent), and this many at least, the best is chosen. */
  readonly minCandidateNodesPercentage: number;
  readonly minCandidateNodesAbsolute: number;
}

/** Arguments of the plugins that take some, by the plugin's name. */
export interface PluginArgs {
  readonly NodeResourcesFit: FitArgs;
  readonly NodeResourcesBalancedAllocation: { readonly resources: readonly string[] };
  readonly PodTopologySpread: SpreadArgs;
  readonly InterPodAffinity: {
    /** What a placed pod's need for the new one is worth. */
    readonly hardPodAffinityWeight: number;
    readonly ignorePreferredTermsOfExistingPods: boolean;
  };
  /** In addition to what pods ask for. */
  readonly NodeAffinity: { readonly addedAffinity: NodeAffinity | undefined };
  readonly DefaultPreemption: PreemptionArgs;
  readonly VolumeBinding: { readonly bindTimeoutMs: number };
}

/** What plugins get that nobody configures. */
export const DEFAULT_ARGS: PluginArgs = {
  NodeResourcesFit: {
    ignoredResources: new Set(),
    ignoredGroups: new Set(),
    strategy: {
      type: 'LeastAllocated',
      resources: [
        { name: 'cpu', weight: 1 },
        { name: 'memory', weight: 1 },
      ],
    },
  },
  NodeResourcesBalancedAllocation: { resources: ['cpu', 'memory'] },
  PodTopologySpread: {
    defaultingType: 'System',
    constraints: [
      { topologyKey: 'kubernetes.io/hostname', maxSkew: 3 },
      { topologyKey: 'topology.kubernetes.io/zone', maxSkew: 5 },
    ].map((c) => ({ ...c, whenUnsatisfiable: 'ScheduleAnyway', honorAffinity: true, honorTaints: false })),
  },
  InterPodAffinity: { hardPodAffinityWeight: 1, ignorePreferredTermsOfExistingPods: false },
  NodeAffinity: { addedAffinity: undefined },
  DefaultPreemption: { minCandidateNodesPercentage: 10, minCandidateNodesAbsolute: 100 },
  VolumeBinding: { bindTimeoutMs: 600_000 },
};
