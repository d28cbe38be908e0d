import type { Pod } from '#api/kinds/index.ts';
import type { Stored } from '#api/meta/objectmeta.ts';
import { claimKeys, storageClassOf } from '#api/scheduling/volume-match.ts';
import { ifOwnClaim, ifPod } from '../framework/events.ts';
import type { Plugin, Reason } from '../framework/plugin.ts';
import type { NodeInfo } from '../snapshot/node-info.ts';
import type { Storage } from '../snapshot/storage.ts';

const TOO_MANY: readonly Reason[] = [{ text: 'node(s) exceed max volume count' }];

interface CsiVolume {
  readonly driver: string;
  readonly id: string;
}

/** Driver and identity of the CSI volume behind a claim; a claim without volume will get one of its class's driver. */
function csiVolume(key: string, storage: Storage): CsiVolume | undefined {
  const claim = storage.claim(key);
  if (!claim) return undefined;
  const volume = storage.volumeOf(claim);
  if (volume) {
    const { csi } = volume.spec ?? {};
    return csi && { driver: csi.driver, id: csi.volumeHandle };
  }
  const driver = storage.storageClass(storageClassOf(claim))?.provisioner;
  return driver ? { driver, id: `claim ${key}` } : undefined;
}

/** Driver → identities of its volumes. */
function byDriver(volumes: readonly (CsiVolume | undefined)[]): Map<string, Set<string>> {
  const found = new Map<string, Set<string>>();
  for (const v of volumes) if (v) found.set(v.driver, (found.get(v.driver) ?? new Set<string>()).add(v.id));
  return found;
}

/** What the node holds: volumes of its pods, and those that are still attached after theirs. */
const heldBy = (node: NodeInfo, storage: Storage): (CsiVolume | undefined)[] => [
  ...[...node.claims.values()].flat().map((key) => csiVolume(key, storage)),
  ...storage.attachmentsOf(node.name).map(({ spec }) => {
    const csi = storage.volume(spec?.source?.persistentVolumeName ?? '')?.spec?.csi;
    return spec && csi && { driver: spec.attacher, id: csi.volumeHandle };
  }),
];

const usesClaims = (pod: Stored<Pod>): boolean => claimKeys(pod).length > 0;

/** A CSI driver attaches no more volumes to a node than its CSINode says ("Node-specific Volume Limits"). */
export const nodeVolumeLimits: Plugin = {
  name: 'NodeVolumeLimits',
  weight: 0,
  wakesOn: {
    claim: ifOwnClaim,
    volume: true,
    'csi-node': true,
    'volume-detached': true,
    'node-added': true,
    'pod-gone': ifPod((_, pod) => usesClaims(pod)),
  },
  prepare(pod, { storage }) {
    const keys = claimKeys(pod);
    if (keys.length === 0) return null;
    const wanted = byDriver(keys.map((key) => csiVolume(key, storage)));
    if (wanted.size === 0) return null;
    return {
      filter(node) {
        let there: Map<string, Set<string>> | undefined;
        for (const { name, allocatable } of storage.csiNode(node.name)?.spec?.drivers ?? []) {
          const mine = wanted.get(name);
          if (!mine || allocatable?.count === undefined) continue;
          there ??= byDriver(heldBy(node, storage));
          // A volume that is attached already takes no further place.
          if (new Set([...(there.get(name) ?? []), ...mine]).size > allocatable.count) return TOO_MANY;
        }
        return null;
      },
    };
  },
};
