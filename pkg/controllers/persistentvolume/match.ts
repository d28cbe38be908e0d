import type { Node, PersistentVolume, PersistentVolumeClaim } from '#api/kinds/index.ts';
import type { Stored } from '#api/meta/objectmeta.ts';
import { isMeantFor, isReachable, volumesFor } from '#api/scheduling/volume-match.ts';

export type Volume = Stored<PersistentVolume>;
export type Claim = Stored<PersistentVolumeClaim>;

/**
 * Pure: the volume for a claim: one that is meant for it, or of those that are free and fit the smallest.
 * @param node where the claim's pod will run, if that is known: the volume must be reachable from there
 */
export function bestVolume(claim: Claim, volumes: Iterable<Volume>, node: Node | undefined): Volume | undefined {
  return volumesFor(claim, volumes).find((v) => !node || isMeantFor(v, claim) || isReachable(v, node));
}
