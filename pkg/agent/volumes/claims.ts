import type { Pod, Volume } from '#api/kinds/index.ts';
import { LOCAL_PATH, PROVISIONED_BY } from '#api/scheduling/local-path.ts';
import { ephemeralClaimName, foreignClaim } from '#api/scheduling/volume-match.ts';
import { VolumeError } from './errors.ts';
import { hostPath } from './host-path.ts';
import type { NodeRoot } from './node-root.ts';
import type { PodObjects } from './objects.ts';

/** Name of the claim behind a volume: an existing one, or the one made for a generic ephemeral volume. */
export const claimNameOf = (pod: Pod, v: Volume): string | undefined =>
  v.persistentVolumeClaim?.claimName ?? (v.ephemeral ? ephemeralClaimName(pod, v) : undefined);

export interface Claimed {
  readonly path: string;
  /** Whether the fsGroup of pods is to own it: what a hostPath volume shows belongs to the node. */
  readonly grouped: boolean;
}

/** The volume that is bound to a claim; volumes on this node's disks are what there is. @throws VolumeError */
export async function claimedPath(
  { objects, node }: { objects: PodObjects; node: NodeRoot },
  pod: Pod,
  name: string,
): Promise<Claimed> {
  const namespace = pod.metadata?.namespace ?? '';
  const claim = await objects.claim(namespace, name);
  if (!claim) throw new VolumeError(`persistentvolumeclaim "${name}" not found`);
  const foreign = foreignClaim(pod, claim);
  if (foreign) throw new VolumeError(foreign);
  const volumeName = claim.spec?.volumeName;
  if (!volumeName || claim.status?.phase !== 'Bound')
    throw new VolumeError(
      `PVC ${namespace}/${name} has a non-bound phase (${claim.status?.phase || 'Pending'}) or empty pvc.Spec.VolumeName`,
    );
  const volume = await objects.volume(volumeName);
  if (!volume) throw new VolumeError(`persistentvolume "${volumeName}" not found`);
  if (volume.spec?.claimRef?.uid !== claim.metadata.uid)
    throw new VolumeError(`persistentvolume "${volumeName}" is bound to another claim than ${namespace}/${name}`);
  // One that was made for this claim is for whoever its pods run as.
  const mode = volume.metadata.annotations?.[PROVISIONED_BY] === LOCAL_PATH ? 0o777 : undefined;
  const { hostPath: shown, local } = volume.spec;
  if (shown) return { path: await hostPath(node, shown.path, shown.type ?? '', mode), grouped: false };
  if (local) return { path: await hostPath(node, local.path, 'Directory'), grouped: true };
  throw new VolumeError(`persistentvolume "${volumeName}": this kind of volume is not supported on this node`);
}
