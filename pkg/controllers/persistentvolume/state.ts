import type { PersistentVolume, PersistentVolumeClaim } from '#api/kinds/index.ts';
import { compareQuantities } from '#api/meta/quantity.ts';
import { apiTime } from '#api/meta/time.ts';
import { PROVISIONED_BY } from '#api/scheduling/local-path.ts';
import { BIND_COMPLETED, BOUND_BY_CONTROLLER, YES } from '#api/scheduling/volume-binding.ts';
import { SELECTED_NODE, storageOf } from '#api/scheduling/volume-match.ts';
import type { Claim, Volume } from './match.ts';

export const isBindingComplete = (claim: PersistentVolumeClaim): boolean =>
  claim.metadata?.annotations?.[BIND_COMPLETED] !== undefined;
export const isChosenByUs = (o: PersistentVolume | PersistentVolumeClaim): boolean =>
  o.metadata?.annotations?.[BOUND_BY_CONTROLLER] !== undefined;
export const provisionerOf = (v: PersistentVolume): string | undefined => v.metadata?.annotations?.[PROVISIONED_BY];

/** Pure: the volume without the claim; one that the user meant for a claim of that name stays so. */
export function freedVolume(volume: Volume): Volume {
  const { [BOUND_BY_CONTROLLER]: ours, ...annotations } = volume.metadata.annotations ?? {};
  const { claimRef, ...spec } = volume.spec ?? {};
  const { uid: _, resourceVersion: __, ...named } = claimRef ?? {};
  const next = ours === undefined && claimRef ? { ...spec, claimRef: named } : spec;
  return { ...volume, metadata: { ...volume.metadata, annotations }, spec: next } as Volume;
}

/** Pure: the claim as it is once it names the volume. */
export function boundClaim(claim: Claim, volume: Volume): Claim {
  const chosen = !claim.spec?.volumeName;
  const annotations = {
    ...claim.metadata.annotations,
    ...(chosen ? { [BOUND_BY_CONTROLLER]: YES } : {}),
    [BIND_COMPLETED]: YES,
  };
  const spec = { ...claim.spec, volumeName: volume.metadata.name };
  return { ...claim, metadata: { ...claim.metadata, annotations }, spec } as Claim;
}

/** Pure: the claim without the scheduler's note of a node. */
export function withoutNode(claim: Claim): Claim {
  const { [SELECTED_NODE]: node, ...annotations } = claim.metadata.annotations ?? {};
  return node === undefined ? claim : { ...claim, metadata: { ...claim.metadata, annotations } };
}

/** Pure: the status of a claim that has its volume. What it offers is taken over once: a resize changes it later. */
export function boundStatus(claim: Claim, volume: Volume): Claim['status'] {
  if (claim.status?.phase === 'Bound' && claim.status.capacity) return claim.status;
  const { accessModes, capacity, volumeAttributesClassName: attributes } = volume.spec ?? {};
  return {
    ...claim.status,
    phase: 'Bound',
    ...(accessModes ? { accessModes } : {}),
    ...(capacity ? { capacity } : {}),
    ...(attributes ? { currentVolumeAttributesClassName: attributes } : {}),
  };
}

/** Pure: whether the claim asks for more than it has of a volume that only its driver can make larger. */
export function awaitsExpansion({ spec, status }: Claim, volume: Volume): boolean {
  const has = status?.capacity?.storage;
  if (!volume.spec?.csi || status?.phase !== 'Bound' || has === undefined) return false;
  return compareQuantities(storageOf(spec?.resources?.requests), has) > 0;
}

type VolumePhase = NonNullable<NonNullable<PersistentVolume['status']>['phase']>;

/** Pure: the status of a volume in a phase; the time moves with it. */
export function inPhase(volume: Volume, phase: VolumePhase, now: number, message?: string): Volume['status'] {
  if (volume.status?.phase === phase && volume.status.message === message) return volume.status;
  const at = volume.status?.phase === phase ? volume.status.lastPhaseTransitionTime : apiTime(now);
  return { phase, ...(message ? { message } : {}), ...(at ? { lastPhaseTransitionTime: at } : {}) };
}
