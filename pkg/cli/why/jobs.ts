import type { CronJob, Job } from '#api/kinds/index.ts';
import type { Answer } from './answer.ts';

const resume = (kind: string, name: string): string => `cox patch ${kind} ${name} -p '{"spec":{"suspend":false}}'`;

/** Why a Job does not get done, as far as it says so itself; undefined when it is done or under way. */
export function whyJob({ metadata, spec, status }: Job): Answer | undefined {
  const { name = '' } = metadata ?? {};
  const holds = (type: string) => status?.conditions?.find((c) => c.type === type && c.status === 'True');
  if (holds('Complete')) return undefined;
  const failed = holds('Failed') ?? holds('FailureTarget');
  const counts = `${status?.succeeded ?? 0} of ${spec?.completions ?? 1} pods have succeeded, ${status?.failed ?? 0} failed`;
  if (failed)
    return {
      because: `it was given up: ${REASONS[failed.reason ?? ''] ?? failed.reason}`,
      evidence: [failed.message ?? '', counts],
      next: `cox logs job/${name}`,
    };
  if (spec?.suspend) return { because: 'it is suspended', evidence: [counts], next: resume('job', name) };
  return undefined;
}

/** Reasons of a Job that failed, in words. */
const REASONS: Readonly<Record<string, string>> = {
  BackoffLimitExceeded: 'its pods failed more often than its backoffLimit allows',
  DeadlineExceeded: 'it took longer than its activeDeadlineSeconds',
  PodFailurePolicy: 'a pod failed in a way that its podFailurePolicy does not forgive',
  FailedIndexes: 'some of its indexes failed for good',
};

/** The youngest Job of a CronJob. */
export function lastJob(cronJob: CronJob, jobs: readonly Job[]): Job | undefined {
  const own = jobs.filter((j) => j.metadata?.ownerReferences?.some((r) => r.uid === cronJob.metadata?.uid));
  const made = (j: Job): string => j.metadata?.creationTimestamp ?? '';
  return own.sort((a, b) => (made(a) < made(b) ? 1 : -1))[0];
}

/** Why a CronJob starts nothing; undefined when it does, or its time has not come. @param warnings events about it */
export function whyCronJob({ metadata, spec, status }: CronJob, warnings: readonly string[]): Answer | undefined {
  const { name = '' } = metadata ?? {};
  if (spec?.suspend)
    return {
      because: 'it is suspended: it starts no jobs',
      evidence: [`schedule ${spec.schedule}`],
      next: resume('cronjob', name),
    };
  if (status?.lastScheduleTime || warnings.length === 0) return undefined;
  return {
    because: 'it has started no job yet',
    evidence: [`schedule ${spec?.schedule}`, ...warnings],
    next: `cox describe cronjob ${name}`,
  };
}
