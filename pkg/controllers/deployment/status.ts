import type { Deployment, ReplicaSet } from '#api/kinds/index.ts';
import type { Stored } from '#api/meta/objectmeta.ts';
import {
  type Condition,
  conditionOf,
  type DeploymentStatus,
  deadlineMs,
  withCondition,
  withoutCondition,
} from './conditions.ts';
import { availableOf, replicasOf, rollingLimits, sum } from './limits.ts';

/** What a reconcile found and did, as far as the status tells of it. */
export interface Rollout {
  readonly current: Stored<ReplicaSet> | undefined;
  readonly old: readonly Stored<ReplicaSet>[];
  /** Set when this reconcile made the ReplicaSet, or took an older one into service again. */
  readonly started?: 'NewReplicaSetCreated' | 'FoundNewReplicaSet';
  /** Why the new ReplicaSet could not be created. */
  readonly failure?: string;
  readonly collisionCount?: number;
  /** Recreate: pods of the old template must end first. */
  readonly waiting?: boolean;
  readonly now: number;
}

const counts = (rs: ReplicaSet) => rs.status?.replicas ?? 0;
const ready = (rs: ReplicaSet) => rs.status?.readyReplicas ?? 0;

/** The whole status of a Deployment, computed from its ReplicaSets. */
export function statusOf(d: Stored<Deployment>, r: Rollout): DeploymentStatus {
  const all = [...(r.current ? [r.current] : []), ...r.old];
  const available = sum(all, availableOf);
  const status: DeploymentStatus = { observedGeneration: d.metadata.generation ?? 0 };
  const set = (
    name: 'replicas' | 'updatedReplicas' | 'readyReplicas' | 'availableReplicas' | 'unavailableReplicas',
    n: number,
  ) => {
    if (n > 0) status[name] = n;
  };
  set('replicas', sum(all, counts));
  set('updatedReplicas', r.current ? counts(r.current) : 0);
  set('readyReplicas', sum(all, ready));
  set('availableReplicas', available);
  set('unavailableReplicas', sum(all, replicasOf) - available);
  const collisions = r.collisionCount ?? d.status?.collisionCount;
  if (collisions !== undefined) status.collisionCount = collisions;
  const conditions = conditionsOf(d, status, r);
  if (conditions.length > 0) status.conditions = conditions;
  return status;
}

function conditionsOf(d: Stored<Deployment>, status: DeploymentStatus, r: Rollout): Condition[] {
  const enough = (status.availableReplicas ?? 0) >= replicasOf(d) - rollingLimits(d).maxUnavailable;
  let conditions = withCondition(
    d.status?.conditions ?? [],
    {
      type: 'Available',
      status: enough ? 'True' : 'False',
      reason: enough ? 'MinimumReplicasAvailable' : 'MinimumReplicasUnavailable',
      message: `Deployment ${enough ? 'has' : 'does not have'} minimum availability.`,
    },
    r,
  );
  const failed = [r.current, ...r.old]
    .flatMap((rs) => rs?.status?.conditions ?? [])
    .find((c) => c.type === 'ReplicaFailure' && c.status === 'True');
  const failure = r.failure !== undefined ? { reason: 'ReplicaSetCreateError', message: r.failure } : failed;
  conditions = failure
    ? withCondition(
        conditions,
        { type: 'ReplicaFailure', status: 'True', reason: failure.reason, message: failure.message },
        r,
      )
    : withoutCondition(conditions, 'ReplicaFailure');
  return progress(d, { ...status, conditions }, r);
}

type Draft = Parameters<typeof withCondition>[1];

/** The Progressing condition: complete, progressing, stuck past the deadline, paused, or as it was. */
function progress(d: Stored<Deployment>, status: DeploymentStatus, r: Rollout): Condition[] {
  const conditions = status.conditions ?? [];
  const limit = deadlineMs(d);
  if (limit === undefined) return withoutCondition(conditions, 'Progressing');
  const old = conditionOf(d.status, 'Progressing');
  const say = (draft: Omit<Draft, 'type'>, touch = false): Condition[] =>
    withCondition(conditions, { type: 'Progressing', ...draft }, { now: r.now, touch });

  if (d.spec?.paused) {
    // A timed-out rollout stays timed out: pausing is no progress.
    if (old?.reason === 'ProgressDeadlineExceeded') return conditions;
    return say({ status: 'Unknown', reason: 'DeploymentPaused', message: 'Deployment is paused' });
  }
  if (r.failure !== undefined) {
    return say({ status: 'False', reason: 'ReplicaSetCreateError', message: r.failure }, old?.message !== r.failure);
  }
  const subject = r.current ? `ReplicaSet "${r.current.metadata.name}"` : `Deployment "${d.metadata.name}"`;
  if (isComplete(d, status)) {
    const done = {
      status: 'True' as const,
      reason: 'NewReplicaSetAvailable',
      message: `${subject} has successfully progressed.`,
    };
    return say(done, old?.message !== done.message);
  }
  const started = r.started ?? (old ? undefined : 'FoundNewReplicaSet');
  if (started) {
    const verb = started === 'NewReplicaSetCreated' ? 'Created new replica set' : 'Found new replica set';
    return say({ status: 'True', reason: started, message: `${verb} "${r.current?.metadata.name}"` }, true);
  }
  if (old?.reason === 'DeploymentPaused') {
    return say({ status: 'Unknown', reason: 'DeploymentResumed', message: 'Deployment is resumed' });
  }
  // Once complete, a lack of availability is not a stuck rollout; the condition stays until a new rollout starts.
  if (old?.reason === 'NewReplicaSetAvailable' && (status.replicas ?? 0) === (status.updatedReplicas ?? 0)) {
    return conditions;
  }
  if (hasProgressed(d, status)) {
    return say({ status: 'True', reason: 'ReplicaSetUpdated', message: `${subject} is progressing.` }, true);
  }
  if (old && old.reason !== 'NewReplicaSetAvailable' && r.now >= since(old) + limit) {
    return say({
      status: 'False',
      reason: 'ProgressDeadlineExceeded',
      message: `${subject} has timed out progressing.`,
    });
  }
  return conditions;
}

const since = (c: Condition): number => Date.parse(c.lastUpdateTime ?? c.lastTransitionTime ?? '');

/** All replicas are of the new template, available, and no old ones remain. */
export function isComplete(d: Stored<Deployment>, s: DeploymentStatus): boolean {
  const wanted = replicasOf(d);
  return (
    (s.updatedReplicas ?? 0) === wanted &&
    (s.replicas ?? 0) === wanted &&
    (s.availableReplicas ?? 0) === wanted &&
    (s.observedGeneration ?? 0) >= (d.metadata.generation ?? 0)
  );
}

function hasProgressed(d: Stored<Deployment>, s: DeploymentStatus): boolean {
  const was = d.status ?? {};
  const oldOnes = (x: DeploymentStatus) => (x.replicas ?? 0) - (x.updatedReplicas ?? 0);
  return (
    (s.updatedReplicas ?? 0) > (was.updatedReplicas ?? 0) ||
    oldOnes(s) < oldOnes(was) ||
    (s.readyReplicas ?? 0) > (was.readyReplicas ?? 0) ||
    (s.availableReplicas ?? 0) > (was.availableReplicas ?? 0)
  );
}

/** Milliseconds until a rollout that makes no progress is overdue; undefined when nothing is under way. */
export function overdueIn(d: Stored<Deployment>, status: DeploymentStatus, now: number): number | undefined {
  const limit = deadlineMs(d);
  const c = conditionOf(status, 'Progressing');
  if (limit === undefined || !c || d.spec?.paused || isComplete(d, status)) return undefined;
  if (c.reason === 'ProgressDeadlineExceeded' || c.reason === 'NewReplicaSetAvailable') return undefined;
  // Times have whole seconds: ask just after the second in which the deadline lies.
  return Math.max(1000, since(c) + limit - now + 1000);
}
