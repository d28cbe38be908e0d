import type { Pod } from '#api/kinds/index.ts';
import type { Stored } from '#api/meta/objectmeta.ts';
import { qosOf } from '../pods/containers.ts';

/** Names of a pod's cgroup, from the top: kubepods, burstable, pod<uid>, say. Guaranteed pods have no class above them. */
export function namesOf(pod: Stored<Pod>): string[] {
  const qos = qosOf(pod);
  return ['kubepods', ...(qos === 'Guaranteed' ? [] : [qos.toLowerCase()]), `pod${pod.metadata.uid}`];
}
