import type { Node, PersistentVolume, PersistentVolumeClaim } from '#api/kinds/index.ts';
import type { Stored } from '#api/meta/objectmeta.ts';
import { compareQuantities } from '#api/meta/quantity.ts';
import { couldServe, isMeantFor, isReachable, storageOf } from '#api/scheduling/volume-match.ts';

export type Volume = Stored<PersistentVolume>;
export type Claim = Stored<PersistentVolumeClaim>;

/**
 * Pure: the volume for a claim: one that is meant for it, or of those that are free and fit the smallest.
 * @param node where the claim's pod will run, if that is known: the volume must be reachable from there
 */
export function bestVolume(claim: Claim, volumes: Iterable<Volume>, node: Node | undefined): Volume | undefined {
  let best: Volume | undefined;
  for (const v of volumes) {
    if (!couldServe(v, claim)) continue;
    if (isMeantFor(v, claim)) return v;
    if (node && !isReachable(v, node)) continue;
    const smaller = best ? compareQuantities(storageOf(v.spec?.capacity), storageOf(best.spec?.capacity)) : -1;
    if (smaller < 0 || (smaller === 0 && best && v.metadata.name < best.metadata.name)) best = v;
  }
  return best;
}
