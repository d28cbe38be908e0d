import { PersistentVolumeClaims, PersistentVolumes, type Pod, Pods } from '#api/kinds/index.ts';
import { claimKeys } from '#api/scheduling/volume-match.ts';
import {
  type Controller,
  type ControllerDeps,
  keyOf,
  type Outcome,
  ownKey,
  splitKey,
  watching,
} from '../harness/controller.ts';
import { changeFinalizer, finalizerChange } from '../harness/finalizers.ts';
import { isTerminal } from '../pods/state.ts';
import { podsByClaim } from './consumers.ts';

const CLAIM_FINALIZER = 'kubernetes.io/pvc-protection';
const VOLUME_FINALIZER = 'kubernetes.io/pv-protection';
/** A pod that the cache has not heard of yet may be gone before it does: then no event brings the claim again. */
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
