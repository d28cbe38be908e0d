import type { Node, PersistentVolume, PersistentVolumeClaim, Pod, StorageClass } from '#api/kinds/index.ts';
import type { Stored } from '#api/meta/objectmeta.ts';
import { claimKeys, couldServe, foreignClaim, isReachable, storageClassOf } from '#api/scheduling/volume-match.ts';
import { ifOwnClaim } from '../framework/events.ts';
import type { Plugin, Prepared, Reason } from '../framework/plugin.ts';
import { isClaimBound, type Storage, waitsForConsumer } from '../snapshot/storage.ts';

const CONFLICT: readonly Reason[] = [{ text: 'node(s) had volume node affinity conflict', unresolvable: true }];
const NO_VOLUMES: readonly Reason[] = [
  { text: "node(s) didn't find available persistent volumes to bind", unresolvable: true },
];
const UNBOUND = 'pod has unbound immediate PersistentVolumeClaims';
const NO_PROVISIONER = 'kubernetes.io/no-provisioner';

type Claim = Stored<PersistentVolumeClaim>;

interface Claims {
  /** Volumes of claims that are bound. */
  readonly bound: readonly PersistentVolume[];
  /** Claims whose volume depends on the node. */
  readonly open: readonly { readonly claim: Claim; readonly storageClass: StorageClass | undefined }[];
}

/** The claims of a pod, or why it cannot be placed anywhere. */
function look(pod: Stored<Pod>, storage: Storage): Claims | string {
  const bound: PersistentVolume[] = [];
  const open: Claims['open'][number][] = [];
  let immediate = false;
  for (const key of claimKeys(pod)) {
    const claim = storage.claim(key);
    const name = key.slice(key.indexOf('/') + 1);
    if (!claim) return `persistentvolumeclaim "${name}" not found`;
    const foreign = foreignClaim(pod, claim);
    if (foreign) return foreign;
    if (claim.metadata.deletionTimestamp) return `persistentvolumeclaim "${name}" is being deleted`;
    if (isClaimBound(claim)) {
      const volume = storage.volume(claim.spec?.volumeName ?? '');
      if (!volume) {
        return `persistentvolumeclaim "${name}" bound to non-existent persistentvolume "${claim.spec?.volumeName}"`;
      }
      bound.push(volume);
      continue;
    }
    const storageClass = storage.storageClass(storageClassOf(claim));
    if (waitsForConsumer(storageClass) && !claim.spec?.volumeName) open.push({ claim, storageClass });
    else immediate = true;
  }
  return immediate ? UNBOUND : { bound, open };
}

/** Whether volumes of the class can be made for the node. */
function canProvision(storageClass: StorageClass | undefined, node: Node): boolean {
  if (!storageClass || storageClass.provisioner === NO_PROVISIONER) return false;
  const terms = storageClass.allowedTopologies ?? [];
  const labels = node.metadata?.labels ?? {};
  return (
    terms.length === 0 ||
    terms.some((t) => (t.matchLabelExpressions ?? []).every((e) => e.values.includes(labels[e.key] ?? '')))
  );
}

function filterFor({ bound, open }: Claims, storage: Storage): NonNullable<Prepared['filter']> {
  const candidates = open.map(({ claim, storageClass }) => ({
    claim,
    storageClass,
    volumes: storage.volumesOf(storageClassOf(claim)).filter((v) => couldServe(v, claim)),
  }));
  return ({ node }) => {
    if (!bound.every((v) => isReachable(v, node))) return CONFLICT;
    const taken = new Set<PersistentVolume>();
    for (const { volumes, storageClass } of candidates) {
      const volume = volumes.find((v) => !taken.has(v) && isReachable(v, node));
      if (volume) taken.add(volume);
      else if (!canProvision(storageClass, node)) return NO_VOLUMES;
    }
    return null;
  };
}

/** A node must reach the volumes of the pod; claims that wait for their first pod get theirs by its node. */
export const volumeBinding: Plugin = {
  name: 'VolumeBinding',
  weight: 0,
  wakesOn: { claim: ifOwnClaim, volume: true, 'storage-class': true, 'node-added': true, 'node-labels': true },
  prepare(pod, state) {
    if (claimKeys(pod).length === 0) return null;
    const claims = look(pod, state.storage);
    return typeof claims === 'string' ? { reject: claims } : { filter: filterFor(claims, state.storage) };
  },
};
