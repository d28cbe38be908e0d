import type { ObjectReference, PersistentVolume, PersistentVolumeClaim } from '#api/kinds/index.ts';
import { apiTime } from '#api/meta/time.ts';
import { PROVISIONED_BY } from '#api/scheduling/local-path.ts';
import { SELECTED_NODE } from '#api/scheduling/volume-match.ts';
import type { Claim, Volume } from './match.ts';

/** The claim has been bound completely: from then on a missing volume is a loss. */
const BOUND = 'pv.kubernetes.io/bind-completed';
/** This controller, and not the user, chose the other side: it may take that back. */
const BY_US = 'pv.kubernetes.io/bound-by-controller';
const YES = 'yes';

export const isBindingComplete = (claim: PersistentVolumeClaim): boolean =>
  claim.metadata?.annotations?.[BOUND] !== undefined;
export const isChosenByUs = (o: PersistentVolume | PersistentVolumeClaim): boolean =>
  o.metadata?.annotations?.[BY_US] !== undefined;
export const provisionerOf = (v: PersistentVolume): string | undefined => v.metadata?.annotations?.[PROVISIONED_BY];

const refTo = ({ metadata: { namespace, name, uid, resourceVersion } }: Claim): ObjectReference => ({
  ...{ kind: 'PersistentVolumeClaim', apiVersion: 'v1' },
  ...{ namespace, name, uid, resourceVersion },
});

/** Pure: the volume as it is once it names the claim. */
export function boundVolume(volume: Volume, claim: Claim): Volume {
  const { claimRef } = volume.spec ?? {};
  if (claimRef?.uid === claim.metadata.uid) return volume;
  const annotations = claimRef ? volume.metadata.annotations : { ...volume.metadata.annotations, [BY_US]: YES };
  const metadata = annotations ? { ...volume.metadata, annotations } : volume.metadata;
  return { ...volume, metadata, spec: { ...volume.spec, claimRef: { ...claimRef, ...refTo(claim) } } } as Volume;
}

/** Pure: the volume without the claim; one that the user meant for a claim of that name stays so. */
export function freedVolume(volume: Volume): Volume {
  const { [BY_US]: ours, ...annotations } = volume.metadata.annotations ?? {};
  const { claimRef, ...spec } = volume.spec ?? {};
  const { uid: _, resourceVersion: __, ...named } = claimRef ?? {};
  const next = ours === undefined && claimRef ? { ...spec, claimRef: named } : spec;
  return { ...volume, metadata: { ...volume.metadata, annotations }, spec: next } as Volume;
}

/** Pure: the claim as it is once it names the volume. */
export function boundClaim(claim: Claim, volume: Volume): Claim {
  const chosen = !claim.spec?.volumeName;
  const annotations = { ...claim.metadata.annotations, ...(chosen ? { [BY_US]: YES } : {}), [BOUND]: YES };
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

type VolumePhase = NonNullable<NonNullable<PersistentVolume['status']>['phase']>;

/** Pure: the status of a volume in a phase; the time moves with it. */
export function inPhase(volume: Volume, phase: VolumePhase, now: number, message?: string): Volume['status'] {
  if (volume.status?.phase === phase && volume.status.message === message) return volume.status;
  const at = volume.status?.phase === phase ? volume.status.lastPhaseTransitionTime : apiTime(now);
  return { phase, ...(message ? { message } : {}), ...(at ? { lastPhaseTransitionTime: at } : {}) };
}
