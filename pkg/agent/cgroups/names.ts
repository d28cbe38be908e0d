import { qosClass } from '#api/kinds/core/pod/pod-qos.ts';
import type { Pod } from '#api/kinds/index.ts';
import type { Stored } from '#api/meta/objectmeta.ts';

/** Names of a pod's cgroup, from the top: kubepods, burstable, pod<uid>, say. Guaranteed pods have no class above them. */
export function namesOf(pod: Stored<Pod>): string[] {
  const qos = pod.status?.qosClass ?? (pod.spec ? qosClass(pod.spec) : 'BestEffort');
  return ['kubepods', ...(qos === 'Guaranteed' ? [] : [qos.toLowerCase()]), `pod${pod.metadata.uid}`];
}
