import { claimKeys, isReachable } from '#api/scheduling/volume-match.ts';
import { ifOwnClaim } from '../framework/events.ts';
import type { Plugin, Prepared, Reason } from '../framework/plugin.ts';
import type { Storage } from '../snapshot/storage.ts';
import { type Claims, choose, claimsOf, type Lack } from '../volumes/choice.ts';

const CONFLICT: readonly Reason[] = [{ text: 'node(s) had volume node affinity conflict', unresolvable: true }];
const LACKING: Readonly<Record<Lack, readonly Reason[]>> = {
  volume: [{ text: "node(s) didn't find available persistent volumes to bind", unresolvable: true }],
  space: [{ text: 'node(s) did not have enough free storage', unresolvable: true }],
};

function filterFor({ bound, open }: Claims, storage: Storage): NonNullable<Prepared['filter']> {
  return ({ node }) => {
    if (!bound.every((v) => isReachable(v, node))) return CONFLICT;
    const choice = choose(open, node, storage);
    return typeof choice === 'string' ? LACKING[choice] : null;
  };
}

/**
 * A node must reach the volumes of the pod; claims that wait for their first pod get theirs by its node. What they get is
 * chosen again, written and given back by `Volumes`.
 */
export const volumeBinding: Plugin = {
  name: 'VolumeBinding',
  weight: 0,
  wakesOn: {
    claim: ifOwnClaim,
    volume: true,
    'storage-class': true,
    'storage-capacity': true,
    'node-added': true,
    'node-labels': true,
  },
  prepare(pod, state) {
    if (claimKeys(pod).length === 0) return null;
    const claims = claimsOf(pod, state.storage, (name) => state.node(name) !== undefined);
    return typeof claims === 'string' ? { reject: claims } : { filter: filterFor(claims, state.storage) };
  },
};
