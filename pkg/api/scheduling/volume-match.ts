import type { ObjectMeta } from '#api/meta/objectmeta.ts';
import type { Node } from '../kinds/core/node/node.ts';
import type { PersistentVolumeClaim } from '../kinds/core/volume/claim.ts';
import type { PersistentVolume } from '../kinds/core/volume/volume.ts';
import { compileLabelSelector } from '../meta/labels.ts';
import { compareQuantities } from '../meta/quantity.ts';
import { termMatches } from './node-selector.ts';

/** The older form of `storageClassName`, which goes before it. */
const CLASS_ANNOTATION = 'volume.beta.kubernetes.io/storage-class';

/** Annotation of a claim: the node that the scheduler has chosen for its first consumer. */
export const SELECTED_NODE = 'volume.kubernetes.io/selected-node';
/** Annotation of a claim: who is asked for a volume ("Persistent Volumes", dynamic). */
export const STORAGE_PROVISIONER = 'volume.kubernetes.io/storage-provisioner';

/** Storage class of a claim or volume; empty for none. */
export const storageClassOf = (o: PersistentVolumeClaim | PersistentVolume): string =>
  o.metadata?.annotations?.[CLASS_ANNOTATION] ?? o.spec?.storageClassName ?? '';

/** Whether the volume can be used from the node. */
export function isReachable(volume: PersistentVolume, node: Node): boolean {
  const required = volume.spec?.nodeAffinity?.required;
  return !required || (required.nodeSelectorTerms ?? []).some((t) => termMatches(t, node));
}

/** True if the volume names this claim, whether the claim knows it or not. */
export function isMeantFor(volume: PersistentVolume, claim: PersistentVolumeClaim): boolean {
  const ref = volume.spec?.claimRef;
  if (!ref || ref.name !== claim.metadata?.name || ref.namespace !== claim.metadata?.namespace) return false;
  return ref.uid === undefined || ref.uid === '' || ref.uid === claim.metadata?.uid;
}

/** Bytes of storage in a list of resources, as written. */
export const storageOf = (amounts: Readonly<Record<string, string>> | undefined): string => amounts?.storage ?? '0';

/** Why a volume cannot serve a claim, or undefined if it can. Who else it may be meant for is not asked here. */
export function misfit(volume: PersistentVolume, claim: PersistentVolumeClaim): string | undefined {
  const [v, c] = [volume.spec, claim.spec];
  if (compareQuantities(storageOf(v?.capacity), storageOf(c?.resources?.requests)) < 0)
    return 'requested PV is too small';
  if (storageClassOf(volume) !== storageClassOf(claim)) return 'storageClassName does not match';
  if ((v?.volumeMode ?? 'Filesystem') !== (c?.volumeMode ?? 'Filesystem')) return 'incompatible volumeMode';
  if (!(c?.accessModes ?? []).every((m) => v?.accessModes?.includes(m))) return 'incompatible accessMode';
  if ((c?.volumeAttributesClassName ?? '') !== (v?.volumeAttributesClassName ?? ''))
    return 'volumeAttributesClassName does not match';
  return undefined;
}

/** Whether a claim may have the volume: it is meant for it, or nobody has it and it offers what the claim asks for. */
export function couldServe(volume: PersistentVolume, claim: PersistentVolumeClaim): boolean {
  if (volume.metadata?.deletionTimestamp || misfit(volume, claim)) return false;
  if (volume.spec?.claimRef) return isMeantFor(volume, claim);
  const selector = claim.spec?.selector;
  const free = (volume.status?.phase ?? 'Pending') === 'Available';
  return free && (!selector || compileLabelSelector(selector).matches(volume.metadata?.labels ?? {}));
}

/**
 * Pure: volumes that a claim may get, in the order in which they are taken: the one that is meant for it and no other, or
 * those that are free and fit, the smallest first.
 */
export function volumesFor<V extends PersistentVolume>(claim: PersistentVolumeClaim, volumes: Iterable<V>): V[] {
  const found: V[] = [];
  for (const v of volumes) {
    if (!couldServe(v, claim)) continue;
    if (isMeantFor(v, claim)) return [v];
    found.push(v);
  }
  const sizeOf = (v: V): string => storageOf(v.spec?.capacity);
  const sizes = [...new Set(found.map(sizeOf))].sort(compareQuantities);
  const rank = new Map(sizes.map((size, i) => [size, i]));
  const rankOf = (v: V): number => rank.get(sizeOf(v)) ?? 0;
  const nameOf = (v: V): string => v.metadata?.name ?? '';
  return found.sort((a, b) => rankOf(a) - rankOf(b) || (nameOf(a) < nameOf(b) ? -1 : 1));
}

interface PodWithVolumes {
  readonly metadata?: { readonly name?: string; readonly namespace?: string };
  readonly spec?: {
    readonly volumes?: readonly {
      readonly name?: string;
      readonly persistentVolumeClaim?: { readonly claimName?: string };
      readonly ephemeral?: object;
    }[];
  };
}

/** Name of the claim that is made for a generic ephemeral volume ("Ephemeral Volumes", PersistentVolumeClaim naming). */
export const ephemeralClaimName = (
  pod: { readonly metadata?: { readonly name?: string } },
  volume: { readonly name?: string },
): string => `${pod.metadata?.name}-${volume.name}`;

/** Keys (namespace/name) of the claims a pod uses, those of its ephemeral volumes included. */
export const claimKeys = (pod: PodWithVolumes): string[] =>
  (pod.spec?.volumes ?? []).flatMap((v) => {
    const name = v.persistentVolumeClaim?.claimName ?? (v.ephemeral ? ephemeralClaimName(pod, v) : undefined);
    return name ? [`${pod.metadata?.namespace}/${name}`] : [];
  });

/**
 * What is wrong with using `claim` for an ephemeral volume of the pod: it was not made for it. Undefined: nothing, or it
 * is none of its ephemeral volumes' claims.
 */
export function foreignClaim(
  pod: PodWithVolumes & { readonly metadata?: { readonly uid?: string } },
  { metadata = {} }: { readonly metadata?: ObjectMeta },
): string | undefined {
  const isIts = pod.spec?.volumes?.some((v) => v.ephemeral && ephemeralClaimName(pod, v) === metadata.name);
  if (!isIts || metadata.ownerReferences?.some((r) => r.controller && r.uid === pod.metadata?.uid)) return undefined;
  const { name, namespace } = pod.metadata ?? {};
  return `PVC ${metadata.namespace}/${metadata.name} was not created for pod ${namespace}/${name} (pod is not owner)`;
}
