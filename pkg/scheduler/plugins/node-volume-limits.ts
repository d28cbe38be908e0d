import type { Pod } from '#api/kinds/index.ts';
import type { Stored } from '#api/meta/objectmeta.ts';
import { claimKeys, storageClassOf } from '#api/scheduling/volume-match.ts';
import { ifOwnClaim, ifPod } from '../framework/events.ts';
import type { Plugin, Reason } from '../framework/plugin.ts';
import type { NodeInfo } from '../snapshot/node-info.ts';
import type { Storage } from '../snapshot/storage.ts';

const TOO_MANY: readonly Reason[] = [{ text: 'node(s) exceed max volume count' }];

/** Driver and identity of the CSI volume behind a claim; a claim without volume will get one of its class's driver. */
function csiVolume(key: string, storage: Storage): { driver: string; id: string } | undefined {
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

/** Driver → identities of the volumes behind the claims. */
function byDriver(keys: Iterable<string>, storage: Storage): Map<string, Set<string>> {
  const found = new Map<string, Set<string>>();
  for (const key of keys) {
    const volume = csiVolume(key, storage);
    if (volume) found.set(volume.driver, (found.get(volume.driver) ?? new Set<string>()).add(volume.id));
  }
  return found;
}

/** What the node holds of each driver: volumes of its pods, and those that are still attached after theirs. */
function held(node: NodeInfo, storage: Storage): Map<string, Set<string>> {
  const found = byDriver([...node.claims.values()].flat(), storage);
  for (const { spec } of storage.attachmentsOf(node.name)) {
    const csi = storage.volume(spec?.source?.persistentVolumeName ?? '')?.spec?.csi;
    if (!csi || !spec) continue;
    found.set(spec.attacher, (found.get(spec.attacher) ?? new Set<string>()).add(csi.volumeHandle));
  }
  return found;
}

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
    const wanted = byDriver(keys, storage);
    if (wanted.size === 0) return null;
    return {
      filter(node) {
        let there: Map<string, Set<string>> | undefined;
        for (const { name, allocatable } of storage.csiNode(node.name)?.spec?.drivers ?? []) {
          const mine = wanted.get(name);
          if (!mine || allocatable?.count === undefined) continue;
          there ??= held(node, storage);
          // A volume that is attached already takes no further place.
          if (new Set([...(there.get(name) ?? []), ...mine]).size > allocatable.count) return TOO_MANY;
        }
        return null;
      },
    };
  },
};
