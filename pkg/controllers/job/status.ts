import type { Job, JobCondition, JobStatus, Pod } from '#api/kinds/index.ts';
import type { Stored } from '#api/meta/objectmeta.ts';
import { apiTime } from '#api/meta/time.ts';
import type { Note } from '../harness/note.ts';
import { formatIndexes, hasIndex } from './indexes.ts';
import { countsPerIndex, hasFailed, indexOf, isIndexed, isTracked } from './pods.ts';
import { failureVerdict } from './policies.ts';
import type { Scene, Tally } from './tally.ts';
import type { Verdict } from './verdict.ts';

/** Most pods on their way into the counts at a time: their UIDs are listed in the status. */
const MAX_UNCOUNTED = 500;

type Draft = Pick<JobCondition, 'type' | 'status'> & { readonly reason: string; readonly message: string };

/** The conditions with `draft` in place, in order of their first appearance. */
export function withCondition(conditions: readonly JobCondition[], draft: Draft, now: number): JobCondition[] {
  const at = apiTime(now);
  const old = conditions.findIndex((c) => c.type === draft.type);
  const next: JobCondition = { ...draft, lastProbeTime: at, lastTransitionTime: at };
  if (old < 0) return [...conditions, next];
  return conditions[old]?.status === draft.status ? [...conditions] : conditions.with(old, next);
}

/** Pure: start, and the Suspended condition. @returns what is to be told as an event, if anything. */
export function startStatus({ job, now }: Scene): { status: JobStatus; told?: 'Suspended' | 'Resumed' } {
  const before = job.status ?? {};
  const status: JobStatus = { ...before, conditions: [...(before.conditions ?? [])] };
  const was = status.conditions?.find((c) => c.type === 'Suspended')?.status === 'True';
  if (job.spec?.suspend) {
    delete status.startTime;
    if (was) return { status };
    const draft: Draft = { type: 'Suspended', status: 'True', reason: 'JobSuspended', message: 'Job suspended' };
    return { status: { ...status, conditions: withCondition(status.conditions ?? [], draft, now) }, told: 'Suspended' };
  }
  status.startTime ??= apiTime(now);
  if (!was) return { status };
  const draft: Draft = { type: 'Suspended', status: 'False', reason: 'JobResumed', message: 'Job resumed' };
  const conditions = withCondition(status.conditions ?? [], draft, now);
  return { status: { ...status, startTime: apiTime(now), conditions }, told: 'Resumed' };
}

/**
 * Pure: ended pods that can go now, because the status is about to know them. The pod that failed last of an index
 * stays until its successor carries the count of failures, or the index is done.
 */
export function leaving(s: Scene, t: Tally, verdict: Verdict | undefined): Stored<Pod>[] {
  const { job } = s;
  const busy = new Set(countsPerIndex(job) ? t.active.map((p) => indexOf(job, p)) : []);
  const mayLeave = (p: Stored<Pod>): boolean => {
    if (verdict || p.status?.phase === 'Succeeded') return true;
    if (!hasFailed(job, p)) return false;
    const index = countsPerIndex(job) ? indexOf(job, p) : undefined;
    if (index === undefined || busy.has(index)) return true;
    return hasIndex(t.failedIndexes, index) || t.failures.get(index)?.last !== p;
  };
  return s.pods.filter((p) => isTracked(p) && mayLeave(p)).slice(0, MAX_UNCOUNTED);
}

/** Whether an unfinished pod of a job that fails is one of its failures. */
function isCounted({ job }: Scene, p: Stored<Pod>, verdict: Verdict | undefined): boolean {
  if (isIndexed(job) && indexOf(job, p) === undefined) return false;
  if (!hasFailed(job, p)) return verdict?.type === 'FailureTarget';
  return failureVerdict(job, p).action !== 'Ignore';
}

/** Pure: the status that knows the pods that are leaving, by index or by UID; they are in no count yet. */
export function trackingStatus(
  s: Scene,
  t: Tally,
  going: { pods: readonly Stored<Pod>[]; verdict: Verdict | undefined },
) {
  const { job, now } = s;
  const before = job.status ?? {};
  const uncounted = before.uncountedTerminatedPods ?? {};
  const succeeded = [...(uncounted.succeeded ?? [])];
  const failed = [...(uncounted.failed ?? [])];
  for (const p of going.pods) {
    const { uid } = p.metadata;
    if (succeeded.includes(uid) || failed.includes(uid)) continue;
    if (p.status?.phase === 'Succeeded') {
      if (!isIndexed(job)) succeeded.push(uid);
    } else if (isCounted(s, p, going.verdict)) failed.push(uid);
  }
  const status: JobStatus = { ...before, uncountedTerminatedPods: uncountedOf(succeeded, failed) };
  Object.assign(status, countsOf(t));
  if (isIndexed(job)) {
    status.succeeded = t.succeeded;
    status.completedIndexes = formatIndexes(t.succeededIndexes);
    if (countsPerIndex(job)) status.failedIndexes = formatIndexes(t.failedIndexes);
  }
  if (going.verdict) {
    const draft: Draft = { ...going.verdict, status: 'True' };
    status.conditions = withCondition(status.conditions ?? [], draft, now);
  }
  return tidy(status);
}

export const countsOf = (t: Pick<Tally, 'active' | 'ready' | 'terminating'>): JobStatus => ({
  active: t.active.length,
  ready: t.ready,
  terminating: t.terminating.length,
});

const uncountedOf = (succeeded: string[], failed: string[]): NonNullable<JobStatus['uncountedTerminatedPods']> => ({
  ...(succeeded.length > 0 ? { succeeded } : {}),
  ...(failed.length > 0 ? { failed } : {}),
});

/** Pure: the uncounted pods, of which nothing is left to see, move into the counts. */
export function settledStatus(status: JobStatus): JobStatus {
  const { succeeded = [], failed = [] } = status.uncountedTerminatedPods ?? {};
  return tidy({
    ...status,
    succeeded: (status.succeeded ?? 0) + succeeded.length,
    failed: (status.failed ?? 0) + failed.length,
    uncountedTerminatedPods: {},
  });
}

/** Pure: `Complete` or `Failed`, once no pod runs and all are counted; undefined before that. */
export function finalStatus(status: JobStatus, verdict: Verdict, now: number): JobStatus | undefined {
  const { succeeded = [], failed = [] } = status.uncountedTerminatedPods ?? {};
  if (succeeded.length + failed.length > 0) return undefined;
  if ((status.active ?? 0) + (status.terminating ?? 0) > 0) return undefined;
  const { reason, message } = verdict;
  const type = verdict.type === 'FailureTarget' ? 'Failed' : 'Complete';
  const conditions = withCondition(status.conditions ?? [], { type, status: 'True', reason, message }, now);
  return { ...status, conditions, ...(type === 'Complete' ? { completionTime: apiTime(now) } : {}) };
}

/** What is told once a job has its last condition. @param status its last one */
export function endNotes({ spec }: Job, { succeeded = 0 }: JobStatus, { type, reason, message }: Verdict): Note[] {
  if (type === 'FailureTarget') return [['Warning', reason, message]];
  const completed: Note = ['Normal', 'Completed', 'Job completed'];
  if (spec?.completions === undefined || succeeded <= spec.completions) return [completed];
  // Pods that it did not make may have been adopted.
  const surplus = 'Too many succeeded pods running after completion count reached';
  return [['Warning', 'TooManySucceededPods', surplus], completed];
}

/** Counts of zero that the API leaves out, and an empty list of conditions. */
function tidy(status: JobStatus): JobStatus {
  const { active, succeeded, failed, conditions, completedIndexes, ...rest } = status;
  return {
    ...rest,
    ...(active ? { active } : {}),
    ...(succeeded ? { succeeded } : {}),
    ...(failed ? { failed } : {}),
    ...(completedIndexes ? { completedIndexes } : {}),
    ...(conditions?.length ? { conditions } : {}),
  };
}
