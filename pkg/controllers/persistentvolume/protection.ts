import {
  type PersistentVolume,
  type PersistentVolumeClaim,
  PersistentVolumeClaims,
  PersistentVolumes,
  type Pod,
  Pods,
  VolumeAttributesClasses,
} from '#api/kinds/index.ts';
import type { KubeObject } from '#api/meta/objectmeta.ts';
import { claimKeys } from '#api/scheduling/volume-match.ts';
import {
  type Controller,
  type ControllerDeps,
  keyOf,
  type Outcome,
  ownKey,
  splitKey,
  type ToKeys,
  watching,
} from '../harness/controller.ts';
import { changeFinalizer, finalizerChange } from '../harness/finalizers.ts';
import { isTerminal } from '../pods/state.ts';
import { podsByClaim } from './consumers.ts';

const CLAIM_FINALIZER = 'kubernetes.io/pvc-protection';
const VOLUME_FINALIZER = 'kubernetes.io/pv-protection';
const CLASS_FINALIZER = 'kubernetes.io/vac-protection';
/** A user that the cache has not heard of yet may be gone before it does: then no event brings what it used again. */
const LOOK_AGAIN_MS = 5000;

/** Keeps claims that pods use from going away under them ("Storage Object in Use Protection"). */
export function claimProtection(deps: ControllerDeps): Controller {
  const claims = deps.informers.informer(PersistentVolumeClaims);
  const podsOf = podsByClaim(deps.informers.informer(Pods));
  const uses = (p: Pod): boolean => Boolean(p.spec?.nodeName) && !isTerminal(p);

  /** The cache may not know a pod yet that was bound just now. */
  async function isUsedLive(key: string, namespace: string): Promise<boolean> {
    const { items } = await deps.client.list(Pods, { namespace });
    return items.some((p) => uses(p) && claimKeys(p).includes(key));
  }

  async function reconcile(key: string): Promise<Outcome> {
    const { namespace = '', name } = splitKey(key);
    const o = claims.lister.get(name, namespace);
    const what = o && finalizerChange(o, CLAIM_FINALIZER, () => podsOf(o).some(uses));
    if (!what) return undefined;
    if (what === 'drop' && (await isUsedLive(key, namespace))) return { afterMs: LOOK_AGAIN_MS };
    await changeFinalizer(deps.client, PersistentVolumeClaims, { o, finalizer: CLAIM_FINALIZER, what });
    return undefined;
  }

  return {
    name: 'pvc-protection',
    watches: [
      watching(PersistentVolumeClaims, (c, _old, gone) => (gone ? [] : ownKey(c))),
      watching(Pods, (pod, _old, gone) => (gone || isTerminal(pod) ? claimKeys(pod) : [])),
    ],
    reconcile,
  };
}

/** Keeps volumes that are bound to a claim from going away under it. */
export function volumeProtection(deps: ControllerDeps): Controller {
  const volumes = deps.informers.informer(PersistentVolumes);

  async function reconcile(name: string): Promise<Outcome> {
    const o = volumes.lister.get(name);
    const what = o && finalizerChange(o, VOLUME_FINALIZER, () => o.status?.phase === 'Bound');
    if (what) await changeFinalizer(deps.client, PersistentVolumes, { o, finalizer: VOLUME_FINALIZER, what });
    return undefined;
  }

  return {
    name: 'pv-protection',
    watches: [watching(PersistentVolumes, (v, _old, gone) => (gone ? [] : [keyOf(v)]))],
    reconcile,
  };
}

const BY_CLASS = 'by-attributes-class';

/** Names of the classes that a claim asks for, has, or changes to. */
const classesOfClaim = ({ spec, status }: PersistentVolumeClaim): string[] =>
  [
    spec?.volumeAttributesClassName,
    status?.currentVolumeAttributesClassName,
    status?.modifyVolumeStatus?.targetVolumeAttributesClassName,
  ].filter((name) => name !== undefined);
const classesOfVolume = ({ spec }: PersistentVolume): string[] =>
  spec?.volumeAttributesClassName ? [spec.volumeAttributesClassName] : [];

/** Keeps VolumeAttributesClasses that claims or volumes name ("Volume Attributes Classes"). */
export function attributesClassProtection(deps: ControllerDeps): Controller {
  const classes = deps.informers.informer(VolumeAttributesClasses);
  const claims = deps.informers.informer(PersistentVolumeClaims);
  const volumes = deps.informers.informer(PersistentVolumes);
  claims.addIndex(BY_CLASS, classesOfClaim);
  volumes.addIndex(BY_CLASS, classesOfVolume);
  const isUsed = (name: string): boolean =>
    [claims, volumes].some(({ lister }) => lister.byIndex(BY_CLASS, name).length > 0);
  /** Classes that wait for their users, of which this one was one. */
  const left =
    <T extends KubeObject>(classesOf: (o: T) => string[]): ToKeys<T> =>
    (o, old, gone) => {
      const now = gone ? [] : classesOf(o);
      const isWaiting = (name: string): boolean => classes.lister.get(name)?.metadata.deletionTimestamp !== undefined;
      return classesOf(gone || !old ? o : old).filter((name) => !now.includes(name) && isWaiting(name));
    };

  /** The cache may not know a user yet that came just now. */
  async function isUsedLive(name: string): Promise<boolean> {
    const [{ items: named }, { items: made }] = await Promise.all([
      deps.client.list(PersistentVolumeClaims),
      deps.client.list(PersistentVolumes),
    ]);
    return named.some((c) => classesOfClaim(c).includes(name)) || made.some((v) => classesOfVolume(v).includes(name));
  }

  async function reconcile(name: string): Promise<Outcome> {
    const o = classes.lister.get(name);
    const what = o && finalizerChange(o, CLASS_FINALIZER, () => isUsed(name));
    if (!what) return undefined;
    if (what === 'drop' && (await isUsedLive(name))) return { afterMs: LOOK_AGAIN_MS };
    await changeFinalizer(deps.client, VolumeAttributesClasses, { o, finalizer: CLASS_FINALIZER, what });
    return undefined;
  }

  return {
    name: 'volumeattributesclass-protection',
    watches: [
      watching(VolumeAttributesClasses, (c, _old, gone) => (gone ? [] : [keyOf(c)])),
      watching(PersistentVolumeClaims, left(classesOfClaim)),
      watching(PersistentVolumes, left(classesOfVolume)),
    ],
    reconcile,
  };
}
