import { type CronJob, type CronJobStatus, CronJobs, type Job, Jobs, parseSchedule } from '#api/kinds/index.ts';
import type { Stored } from '#api/meta/objectmeta.ts';
import { apiTime } from '#api/meta/time.ts';
import type { Note } from '../harness/note.ts';
import { holds, isFinished } from '../job/verdict.ts';
import { controllerRefTo } from '../ownership/controller-ref.ts';
import { dueAt, zonedTime } from './times.ts';

export interface Review {
  readonly status: CronJobStatus;
  readonly notes: readonly Note[];
  /** References to jobs that the cache does not show: they may be gone. */
  readonly unseen: readonly string[];
}

const SCHEDULED = 'batch.kubernetes.io/cronjob-scheduled-timestamp';

type ActiveRef = NonNullable<CronJobStatus['active']>[number];

export const refTo = (job: Stored<Job>): ActiveRef => ({
  kind: 'Job',
  apiVersion: `${Jobs.group}/${Jobs.version}`,
  namespace: job.metadata.namespace,
  name: job.metadata.name,
  uid: job.metadata.uid,
  resourceVersion: job.metadata.resourceVersion,
});

/** When the job was due, if a schedule started it and no one by hand; epoch milliseconds. */
function dueTimeOf(job: Job): number | undefined {
  const at = job.metadata?.annotations?.[SCHEDULED];
  return at === undefined ? undefined : Date.parse(at);
}

/** Started by a predecessor that could not write it down any more: its start must not be forgotten, nor that it runs. */
function forgotten(jobs: readonly Stored<Job>[], listed: ReadonlySet<string | undefined>): Stored<Job>[] {
  return jobs.filter(
    (j) =>
      !isFinished(j) && !j.metadata.deletionTimestamp && !listed.has(j.metadata.uid) && Number.isFinite(dueTimeOf(j)),
  );
}

/**
 * Pure: takes finished jobs off the list of active ones, puts on it those that a start of ours is not in the status of,
 * and notes the last success.
 */
export function review(cj: CronJob, jobs: readonly Stored<Job>[]): Review {
  const before = cj.status ?? {};
  const byUid = new Map(jobs.map((j) => [j.metadata.uid, j]));
  const listed = new Set((before.active ?? []).map((r) => r.uid));
  const lost = forgotten(jobs, listed);
  const notes: Note[] = [];
  let lastSuccessfulTime = before.lastSuccessfulTime;
  for (const job of jobs) {
    const { uid, name } = job.metadata;
    const finished = isFinished(job);
    if (!finished && !listed.has(uid) && !lost.includes(job))
      notes.push(['Warning', 'UnexpectedJob', `Saw a job that the controller did not create or forgot: ${name}`]);
    if (finished && listed.has(uid)) {
      const how = holds(job, 'Complete') ? 'Complete' : 'Failed';
      notes.push(['Normal', 'SawCompletedJob', `Saw completed job: ${name}, condition: ${how}`]);
    }
    const { completionTime: end } = job.status ?? {};
    if (end && holds(job, 'Complete') && !(lastSuccessfulTime && lastSuccessfulTime >= end)) lastSuccessfulTime = end;
  }
  const active = (before.active ?? []).filter((r) => {
    const job = byUid.get(r.uid ?? '');
    return !job || !isFinished(job);
  });
  const unseen = active.filter((r) => !byUid.has(r.uid ?? '')).map((r) => r.uid ?? '');
  const last = Math.max(...lost.map((j) => dueTimeOf(j) ?? 0), Date.parse(before.lastScheduleTime ?? '') || 0);
  const status = {
    ...before,
    active: [...active, ...lost.map(refTo)],
    ...(last > 0 ? { lastScheduleTime: apiTime(last) } : {}),
    ...(lastSuccessfulTime ? { lastSuccessfulTime } : {}),
  };
  return { status, notes, unseen };
}

export interface Start {
  /** Start a job for this time, epoch milliseconds. */
  readonly at?: number;
  /** End the jobs that still run first. */
  readonly replace?: boolean;
  readonly notes: readonly Note[];
  /** When to look again, epoch milliseconds. */
  readonly next?: number | undefined;
}

/** The zone of this process, as for every cron job without one. */
const LOCAL = Intl.DateTimeFormat().resolvedOptions().timeZone;

const zoneOf = ({ spec }: CronJob): string => spec?.timeZone ?? LOCAL;

const FORBIDDEN = 'Not starting job because prior execution is running and concurrency policy is Forbid';
const TOO_MANY = 'too many missed start times. Set or decrease .spec.startingDeadlineSeconds or check clock skew';

/** Pure: whether a job is to be started now. `active` counts the jobs that still run. */
export function planStart(cj: Stored<CronJob>, active: number, now: number): Start {
  const { spec, status } = cj;
  if (!spec || spec.suspend || cj.metadata.deletionTimestamp) return { notes: [] };
  const zone = zoneOf(cj);
  const deadlineMs = (spec.startingDeadlineSeconds ?? Number.POSITIVE_INFINITY) * 1000;
  const since = Date.parse(status?.lastScheduleTime ?? cj.metadata.creationTimestamp);
  let due: ReturnType<typeof dueAt>;
  try {
    const schedule = parseSchedule(spec.schedule ?? '');
    const earliest = Math.max(since, now - deadlineMs);
    // The starts of an interval stay where they are, however late one may be.
    const skipped = 'everyMs' in schedule ? (earliest - since) % schedule.everyMs : 0;
    due = dueAt(schedule, zone, { earliest: earliest - skipped, now });
  } catch (e) {
    const why = (e as Error).message;
    const bad = /time ?zone/i.test(why);
    const message = bad ? `invalid timeZone: "${zone}": ${why}` : `unparseable schedule: "${spec.schedule}" : ${why}`;
    return { notes: [['Warning', bad ? 'UnknownTimeZone' : 'UnparseableSchedule', message]] };
  }
  const { at, next } = due;
  const notes: Note[] = due.tooManyMissed ? [['Warning', 'TooManyMissedTimes', TOO_MANY]] : [];
  if (at === undefined) return { notes, next };
  if (active > 0 && spec.concurrencyPolicy === 'Forbid')
    return { notes: [...notes, ['Normal', 'JobAlreadyActive', FORBIDDEN]], next };
  return { at, replace: spec.concurrencyPolicy === 'Replace', notes, next };
}

/** Its name holds the minute it was due in, so that no start happens twice. */
export function jobFor(cj: Stored<CronJob>, at: number): Job {
  const { metadata: template, spec } = structuredClone(cj.spec?.jobTemplate ?? {});
  return {
    metadata: {
      name: `${cj.metadata.name}-${Math.floor(at / 60_000)}`,
      namespace: cj.metadata.namespace,
      labels: template?.labels,
      annotations: { ...template?.annotations, [SCHEDULED]: zonedTime(at, zoneOf(cj)) },
      ownerReferences: [controllerRefTo(CronJobs, cj)],
    },
    spec,
  } as Job;
}

/** Pure: finished jobs beyond the history limits, oldest first. */
export function surplusHistory(cj: CronJob, jobs: readonly Stored<Job>[]): Stored<Job>[] {
  const started = (j: Stored<Job>): string => j.status?.startTime ?? j.metadata.creationTimestamp;
  const beyond = (type: string, limit: number | undefined): Stored<Job>[] => {
    const done = jobs.filter((j) => holds(j, type)).sort((a, b) => (started(a) < started(b) ? -1 : 1));
    return limit === undefined ? [] : done.slice(0, Math.max(0, done.length - limit));
  };
  return [
    ...beyond('Complete', cj.spec?.successfulJobsHistoryLimit),
    ...beyond('Failed', cj.spec?.failedJobsHistoryLimit),
  ];
}
