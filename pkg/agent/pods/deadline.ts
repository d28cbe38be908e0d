import type { Pod } from '#api/kinds/index.ts';

/** Why a pod was ended by its node. */
export interface Failure {
  readonly reason: string;
  readonly message: string;
  /** Its containers get at most this long to end, seconds. */
  readonly graceSeconds?: number;
  /** It was ended for the sake of others: condition DisruptionTarget, with these words or those of the failure. */
  readonly disruption?: true | string;
}

export const deadlinePassed: Failure = {
  reason: 'DeadlineExceeded',
  message: 'Pod was active on the node longer than the specified deadline',
};

/** When the pod must have ended (`activeDeadlineSeconds`, counted from `startTime`), epoch milliseconds. */
export function deadlineOf(pod: Pod): number | undefined {
  const { activeDeadlineSeconds } = pod.spec ?? {};
  const { startTime } = pod.status ?? {};
  if (activeDeadlineSeconds === undefined || !startTime) return undefined;
  return Date.parse(startTime) + activeDeadlineSeconds * 1000;
}
