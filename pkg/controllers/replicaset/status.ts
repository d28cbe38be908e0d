import type { Pod, ReplicaSet, ReplicationController } from '#api/kinds/index.ts';
import type { Stored } from '#api/meta/objectmeta.ts';
import { isReady } from '#api/meta/readiness.ts';
import { apiTime } from '#api/meta/time.ts';
import type { Failure } from '../pods/pod-control.ts';
import { availableIn } from '../pods/state.ts';

export type ReplicaSetStatus = NonNullable<ReplicaSet['status']>;

export interface Observed {
  readonly active: readonly Stored<Pod>[];
  /** Why replicas could not be managed in this round. */
  readonly failure: Failure | undefined;
  readonly now: number;
}

/** The status of `rs`, and in how many milliseconds time alone will change it (minReadySeconds). */
export function statusOf(
  rs: Stored<ReplicaSet | ReplicationController>,
  seen: Observed,
): { status: ReplicaSetStatus; changesIn?: number } {
  const templateLabels = Object.entries(rs.spec?.template?.metadata?.labels ?? {});
  let labeled = 0;
  let ready = 0;
  let available = 0;
  let changesIn: number | undefined;
  for (const pod of seen.active) {
    if (templateLabels.every(([k, v]) => pod.metadata.labels?.[k] === v)) labeled++;
    if (isReady(pod)) ready++;
    const wait = availableIn(pod, rs.spec?.minReadySeconds ?? 0, seen.now);
    if (wait === 0) available++;
    else if (wait !== undefined) changesIn = Math.min(changesIn ?? wait, wait);
  }
  const status: ReplicaSetStatus = {
    replicas: seen.active.length,
    ...(labeled ? { fullyLabeledReplicas: labeled } : {}),
    ...(ready ? { readyReplicas: ready } : {}),
    ...(available ? { availableReplicas: available } : {}),
    observedGeneration: Math.max(rs.metadata.generation ?? 0, rs.status?.observedGeneration ?? 0),
  };
  const conditions = conditionsOf(rs, seen);
  if (conditions.length > 0) status.conditions = conditions;
  return changesIn === undefined ? { status } : { status, changesIn };
}

type Conditions = NonNullable<ReplicaSetStatus['conditions']>;

function conditionsOf(rs: Stored<ReplicaSet | ReplicationController>, seen: Observed): Conditions {
  const others = (rs.status?.conditions ?? []).filter((c) => c.type !== 'ReplicaFailure');
  if (!seen.failure) return others;
  const old = rs.status?.conditions?.find((c) => c.type === 'ReplicaFailure');
  // The first message stays: the next ones differ in nothing but the generated name of the pod that was refused, and a
  // status that changed would bring this controller back at once, again and again.
  if (old?.status === 'True' && old.reason === seen.failure.reason) return [...others, old];
  return [
    ...others,
    {
      type: 'ReplicaFailure',
      status: 'True',
      lastTransitionTime: apiTime(seen.now),
      reason: seen.failure.reason,
      message: seen.failure.message,
    },
  ];
}
