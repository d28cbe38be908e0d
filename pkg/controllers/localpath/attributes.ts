import type { PersistentVolumeClaimStatus, VolumeAttributesClass } from '#api/kinds/index.ts';
import { LOCAL_PATH } from '#api/scheduling/local-path.ts';
import type { Claim, Volume } from '../persistentvolume/match.ts';

type Find = (name: string) => VolumeAttributesClass | undefined;

/** Why a volume of ours cannot be of the claim's VolumeAttributesClass; undefined when it can, or none is asked for. Pure. */
export function attributesObstacle({ spec }: Claim, find: Find): string | undefined {
  const name = spec?.volumeAttributesClassName;
  if (!name) return undefined;
  const found = find(name);
  if (!found) return `volumeattributesclass.storage.k8s.io "${name}" not found`;
  return found.driverName === LOCAL_PATH
    ? undefined
    : `VolumeAttributesClass "${name}" is for volumes of ${found.driverName}, not of ${LOCAL_PATH}`;
}

/** What becomes of a bound claim and its volume whose class of attributes is changed. */
export interface AttributesChange {
  /** The class that the volume is of from now on; absent when it cannot be. */
  readonly volume?: string;
  /** Merged into the status of the claim. */
  readonly status: { readonly [K in keyof PersistentVolumeClaimStatus]?: PersistentVolumeClaimStatus[K] | null };
  readonly problem?: string;
}

/** What is to be done for a claim that names another class than it has ("Volume Attributes Classes"); undefined: nothing. Pure. */
export function attributesChange(claim: Claim, volume: Volume, find: Find): AttributesChange | undefined {
  const target = claim.spec?.volumeAttributesClassName;
  const { currentVolumeAttributesClassName: current, modifyVolumeStatus: before } = claim.status ?? {};
  if (claim.status?.phase !== 'Bound' || !target) return undefined;
  const problem = attributesObstacle(claim, find);
  if (problem && current !== target) {
    const isKnown = find(target) !== undefined;
    const status = isKnown ? 'Infeasible' : 'Pending';
    const isTold = before?.targetVolumeAttributesClassName === target && before.status === status;
    const modifyVolumeStatus = { targetVolumeAttributesClassName: target, status } as const;
    return isTold
      ? undefined
      : { status: { modifyVolumeStatus }, problem: isKnown ? problem : `VAC ${target} does not exist.` };
  }
  if (current === target && !before && volume.spec?.volumeAttributesClassName === target) return undefined;
  // A folder has no attributes: the volume changes by saying so.
  return { volume: target, status: { currentVolumeAttributesClassName: target, modifyVolumeStatus: null } };
}
