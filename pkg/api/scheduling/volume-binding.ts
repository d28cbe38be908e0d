import type { ObjectReference } from '../kinds/core/references.ts';
import type { PersistentVolumeClaim } from '../kinds/core/volume/claim.ts';
import type { PersistentVolume } from '../kinds/core/volume/volume.ts';
import type { Stored } from '../meta/objectmeta.ts';

/** Annotation of a claim that has been bound completely: from then on a missing volume is a loss. */
export const BIND_COMPLETED = 'pv.kubernetes.io/bind-completed';
/** Annotation: the cluster, and not the user, chose the other side. It may take that back. */
export const BOUND_BY_CONTROLLER = 'pv.kubernetes.io/bound-by-controller';
export const YES = 'yes';

const refTo = ({
  metadata: { namespace, name, uid, resourceVersion },
}: Stored<PersistentVolumeClaim>): ObjectReference => ({
  ...{ kind: 'PersistentVolumeClaim', apiVersion: 'v1' },
  ...{ namespace, name, uid, resourceVersion },
});

/** Pure: the volume as it is once it names the claim; the same object if it does already. */
export function boundVolume(
  volume: Stored<PersistentVolume>,
  claim: Stored<PersistentVolumeClaim>,
): Stored<PersistentVolume> {
  const { claimRef } = volume.spec ?? {};
  if (claimRef?.uid === claim.metadata.uid) return volume;
  const annotations = claimRef
    ? volume.metadata.annotations
    : { ...volume.metadata.annotations, [BOUND_BY_CONTROLLER]: YES };
  const metadata = annotations ? { ...volume.metadata, annotations } : volume.metadata;
  const spec = { ...volume.spec, claimRef: { ...claimRef, ...refTo(claim) } };
  return { ...volume, metadata, spec } as Stored<PersistentVolume>;
}
