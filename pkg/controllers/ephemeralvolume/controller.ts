import { type PersistentVolumeClaim, PersistentVolumeClaims, type Pod, Pods, type Volume } from '#api/kinds/index.ts';
import { isAlreadyExists } from '#api/meta/errors.ts';
import type { Stored } from '#api/meta/objectmeta.ts';
import { ephemeralClaimName, foreignClaim } from '#api/scheduling/volume-match.ts';
import {
  type Controller,
  type ControllerDeps,
  type Outcome,
  ownKey,
  splitKey,
  watching,
} from '../harness/controller.ts';
import { controllerKeys, controllerRefTo } from '../ownership/controller-ref.ts';
import { isTerminal } from '../pods/state.ts';

const hasEphemeral = (p: Pod): boolean => p.spec?.volumes?.some((v) => v.ephemeral) ?? false;

/** Pure: the claim of a generic ephemeral volume, which the garbage collector deletes with the pod. */
export function claimFor(pod: Stored<Pod>, volume: Volume): PersistentVolumeClaim {
  const { metadata = {}, spec } = volume.ephemeral?.volumeClaimTemplate ?? {};
  const { labels, annotations } = metadata;
  return {
    metadata: {
      name: ephemeralClaimName(pod, volume),
      namespace: pod.metadata.namespace ?? '',
      ownerReferences: [controllerRefTo(Pods, pod)],
      ...(labels ? { labels } : {}),
      ...(annotations ? { annotations } : {}),
    },
    spec: structuredClone(spec),
  } as PersistentVolumeClaim;
}

/** Makes the claims of generic ephemeral volumes ("Ephemeral Volumes"). One of that name that is not the pod's is left alone. */
export function ephemeralVolumes(deps: ControllerDeps): Controller {
  const pods = deps.informers.informer(Pods);
  const claims = deps.informers.informer(PersistentVolumeClaims);
  const events = deps.events('ephemeral_volume');

  async function ensure(pod: Stored<Pod>, volume: Volume): Promise<void> {
    const { namespace } = pod.metadata;
    const name = ephemeralClaimName(pod, volume);
    const cached = claims.lister.get(name, namespace);
    const problem = cached && foreignClaim(pod, cached);
    if (problem) throw new Error(problem);
    if (cached) return;
    try {
      await deps.client.create(PersistentVolumeClaims, claimFor(pod, volume));
    } catch (e) {
      if (!isAlreadyExists(e)) throw e;
      const there = await deps.client.get(PersistentVolumeClaims, name, namespace);
      const foreign = foreignClaim(pod, there);
      if (foreign) throw new Error(foreign);
    }
  }

  async function reconcile(key: string): Promise<Outcome> {
    const { namespace, name } = splitKey(key);
    const pod = pods.lister.get(name, namespace);
    if (!pod || pod.metadata.deletionTimestamp || isTerminal(pod)) return undefined;
    for (const volume of pod.spec?.volumes ?? []) {
      if (!volume.ephemeral) continue;
      try {
        await ensure(pod, volume);
      } catch (e) {
        const message = `ephemeral volume ${volume.name}: ${(e as Error).message}`;
        events.event(pod, 'Warning', 'FailedBinding', message);
        throw e;
      }
    }
    return undefined;
  }

  return {
    name: 'ephemeral-volume',
    watches: [
      watching(Pods, (p, _old, gone) => (gone || !hasEphemeral(p) ? [] : ownKey(p))),
      // A claim that somebody has deleted is made again.
      watching(PersistentVolumeClaims, (c, _old, gone) => (gone ? controllerKeys(c, Pods) : [])),
    ],
    reconcile,
  };
}
