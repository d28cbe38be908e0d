import type { Pod } from './pod.ts';
import type { PodSpec } from './spec.ts';

/**
 * Fields of features that v1.33 has switched off unless told otherwise ("Feature Gates"), and that nothing here acts on:
 * they are taken off what clients send, as Kubernetes does, rather than kept as if they meant something. A spec that has
 * them already keeps them, for it could not be changed at all otherwise.
 */

type Drop = (spec: PodSpec) => void;

/** A feature: whether a spec uses it, and how that is taken off. */
interface Feature {
  readonly isUsed: (spec: PodSpec) => boolean;
  readonly drop: Drop;
}

type SomeContainer = NonNullable<PodSpec['containers'] | PodSpec['ephemeralContainers']>[number];

const containersOf = (spec: PodSpec): SomeContainer[] => [
  ...(spec.initContainers ?? []),
  ...(spec.containers ?? []),
  ...(spec.ephemeralContainers ?? []),
];

const bundlesOf = (spec: PodSpec) =>
  (spec.volumes ?? []).flatMap((v) => v.projected?.sources ?? []).filter((s) => s.clusterTrustBundle !== undefined);

function dropImages(spec: PodSpec): void {
  const names = new Set(spec.volumes?.filter((v) => v.image).map((v) => v.name));
  spec.volumes = spec.volumes?.filter((v) => !v.image);
  for (const c of containersOf(spec)) {
    if (c.volumeMounts) c.volumeMounts = c.volumeMounts.filter((m) => !names.has(m.name));
  }
}

function dropClaims(spec: PodSpec): void {
  delete spec.resourceClaims;
  for (const c of containersOf(spec)) delete c.resources?.claims;
}

function dropStopSignals(spec: PodSpec): void {
  for (const c of containersOf(spec)) {
    delete c.lifecycle?.stopSignal;
    if (c.lifecycle && Object.keys(c.lifecycle).length === 0) delete c.lifecycle;
  }
}

const FEATURES: Readonly<Record<string, Feature>> = {
  ClusterTrustBundleProjection: {
    isUsed: (spec) => bundlesOf(spec).length > 0,
    drop: (spec) => {
      for (const source of bundlesOf(spec)) delete source.clusterTrustBundle;
    },
  },
  ContainerStopSignals: {
    isUsed: (spec) => containersOf(spec).some((c) => c.lifecycle?.stopSignal !== undefined),
    drop: dropStopSignals,
  },
  DynamicResourceAllocation: {
    isUsed: (spec) => (spec.resourceClaims?.length ?? 0) > 0 || containersOf(spec).some((c) => c.resources?.claims),
    drop: dropClaims,
  },
  ImageVolume: { isUsed: (spec) => spec.volumes?.some((v) => v.image) ?? false, drop: dropImages },
  PodLevelResources: {
    isUsed: (spec) => spec.resources !== undefined,
    drop: (spec) => {
      delete spec.resources;
    },
  },
};

/** Takes off a new spec what belongs to features that are off, unless the old one has it. */
export function dropDisabled(spec: PodSpec | undefined, old?: PodSpec): void {
  if (!spec) return;
  for (const { isUsed, drop } of Object.values(FEATURES)) if (isUsed(spec) && !(old && isUsed(old))) drop(spec);
}

/**
 * The same for what is known of a pod: claims made for it (DynamicResourceAllocation), and how devices are
 * (ResourceHealthStatus), which Kubernetes does not even keep.
 */
export function dropDisabledStatus(pod: Pod, { spec: old }: Pod): void {
  if (pod.status?.resourceClaimStatuses && !old?.resourceClaims?.length) {
    const { resourceClaimStatuses: _, ...status } = pod.status;
    pod.status = status;
  }
  for (const k of ['containerStatuses', 'initContainerStatuses', 'ephemeralContainerStatuses'] as const) {
    const list = pod.status?.[k];
    if (!list?.some((c) => c.allocatedResourcesStatus)) continue;
    pod.status = { ...pod.status, [k]: list.map(({ allocatedResourcesStatus: _, ...c }) => c) };
  }
}

interface Prepared<T> {
  readonly prepareCreate?: (o: T) => void;
  readonly prepareUpdate?: (o: T, old: T) => void;
}

/** The hooks of a kind that holds a pod spec, which do the same before all else. */
export const preparingPods = <T>(
  specOf: (o: T) => PodSpec | undefined,
  { prepareCreate, prepareUpdate }: Prepared<T> = {},
): Required<Prepared<T>> => ({
  prepareCreate: (o) => {
    dropDisabled(specOf(o));
    prepareCreate?.(o);
  },
  prepareUpdate: (o, old) => {
    dropDisabled(specOf(o), specOf(old));
    prepareUpdate?.(o, old);
  },
});
