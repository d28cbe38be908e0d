import type { Job, JobCondition } from '#api/kinds/index.ts';
import { countIndexes } from './indexes.ts';
import { countsPerIndex, isIndexed } from './pods.ts';
import { failureVerdict, metSuccessRule } from './policies.ts';
import type { Scene, Tally } from './tally.ts';

/** How a job ends. Its last pods end first; then `Failed` or `Complete` follows with the same reason and message. */
export type Verdict = { readonly type: 'FailureTarget' | 'SuccessCriteriaMet' } & Required<
  Pick<JobCondition, 'reason' | 'message'>
>;

export const conditionOf = (job: Job, type: string): JobCondition | undefined =>
  job.status?.conditions?.find((c) => c.type === type);
export const holds = (job: Job, type: string): boolean => conditionOf(job, type)?.status === 'True';

/** Complete or Failed: nothing will change any more. */
export const isFinished = (job: Job): boolean => holds(job, 'Complete') || holds(job, 'Failed');

const failure = (reason: string, message: string): Verdict => ({ type: 'FailureTarget', reason, message });

/** Milliseconds until the job has been active for too long; Infinity without a deadline. */
export function deadlineIn({ job, now }: Scene): number {
  const { activeDeadlineSeconds: seconds, suspend } = job.spec ?? {};
  const since = job.status?.startTime;
  if (seconds === undefined || suspend || !since) return Number.POSITIVE_INFINITY;
  return Date.parse(since) + seconds * 1000 - now;
}

/** Containers that restart in place count instead of pods. */
function restartsExceeded({ job }: Scene, t: Tally): boolean {
  if (job.spec?.template?.spec?.restartPolicy !== 'OnFailure') return false;
  const limit = job.spec.backoffLimit ?? 0;
  let restarts = 0;
  for (const { status } of t.active) {
    if (status?.phase !== 'Running' && status?.phase !== 'Pending') continue;
    for (const c of [...(status.initContainerStatuses ?? []), ...(status.containerStatuses ?? [])])
      restarts += c.restartCount ?? 0;
  }
  return limit === 0 ? restarts > 0 : restarts >= limit;
}

function indexedVerdict(job: Job, t: Tally): Verdict | undefined {
  const failed = countIndexes(t.failedIndexes);
  const { maxFailedIndexes, completions = 0 } = job.spec ?? {};
  if (countsPerIndex(job)) {
    if (maxFailedIndexes !== undefined && failed > maxFailedIndexes)
      return failure('MaxFailedIndexesExceeded', 'Job has exceeded the specified maximal number of failed indexes');
    if (failed > 0 && failed + t.succeeded >= completions) return failure('FailedIndexes', 'Job has failed indexes');
  }
  const rule = metSuccessRule(job, t.succeededIndexes);
  if (rule === undefined) return undefined;
  return { type: 'SuccessCriteriaMet', reason: 'SuccessPolicy', message: `Matched rules at index ${rule}` };
}

/** What has been decided before stands. */
function standing(job: Job): Verdict | undefined {
  for (const type of ['FailureTarget', 'SuccessCriteriaMet'] as const) {
    if (holds(job, type)) {
      const { reason = '', message = '' } = conditionOf(job, type) ?? {};
      return { type, reason, message };
    }
  }
  return undefined;
}

/** Pure: whether the job has to end before its completions are reached, and why. */
export function verdictOf(s: Scene, t: Tally): Verdict | undefined {
  const { job } = s;
  const before = standing(job);
  if (before) return before;
  for (const pod of t.newlyFailed) {
    const { action, message = '' } = failureVerdict(job, pod);
    if (action === 'FailJob') return failure('PodFailurePolicy', message);
  }
  if (t.failed > (job.spec?.backoffLimit ?? 0) || restartsExceeded(s, t))
    return failure('BackoffLimitExceeded', 'Job has reached the specified backoff limit');
  if (deadlineIn(s) <= 0) return failure('DeadlineExceeded', 'Job was active longer than specified deadline');
  return isIndexed(job) ? indexedVerdict(job, t) : undefined;
}

/** Pure: whether enough pods have succeeded. `active` is asked after pods were made. */
export function completion(job: Job, t: Pick<Tally, 'succeeded' | 'active'>): Verdict | undefined {
  const { completions } = job.spec ?? {};
  const done = completions === undefined ? t.succeeded > 0 && t.active.length === 0 : t.succeeded >= completions;
  if (!done) return undefined;
  return {
    type: 'SuccessCriteriaMet',
    reason: 'CompletionsReached',
    message: 'Reached expected number of succeeded pods',
  };
}
