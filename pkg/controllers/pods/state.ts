import { isFinal } from '#api/kinds/core/pod/phase.ts';
import type { Pod } from '#api/kinds/index.ts';
import type { Stored } from '#api/meta/objectmeta.ts';
import { isReady } from '#api/meta/readiness.ts';

/** When the pod became ready, epoch milliseconds; undefined while it is not. */
export function readySince(pod: Pod): number | undefined {
  const c = pod.status?.conditions?.find((x) => x.type === 'Ready');
  return c?.status === 'True' && c.lastTransitionTime ? Date.parse(c.lastTransitionTime) : undefined;
}

/** Succeeded or Failed: its containers never run again. */
export const isTerminal = (pod: Pod): boolean => isFinal(pod.status?.phase);

/** Counts towards the replicas of its controller: neither finished nor being deleted. */
export const isActive = (pod: Stored<Pod>): boolean => !isTerminal(pod) && !pod.metadata.deletionTimestamp;

/** Milliseconds until the pod has been ready for `minReadySeconds`; 0 = available, undefined = not ready at all. */
export function availableIn(pod: Pod, minReadySeconds: number, now: number): number | undefined {
  if (!isReady(pod)) return undefined;
  if (minReadySeconds <= 0) return 0;
  const since = readySince(pod);
  return since === undefined ? undefined : Math.max(0, since + minReadySeconds * 1000 - now);
}
