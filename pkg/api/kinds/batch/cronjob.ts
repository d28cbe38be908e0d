import { defineKind, topLevel } from '../../kind.ts';
import { ObjectMeta } from '../../meta/objectmeta.ts';
import { arr, bool, f, int32, int64, objectsIn, oneOf, req, str, type TypeOf, time } from '../../schema/schema.ts';
import { ObjectReference } from '../core/references.ts';
import { JobSpec } from './job.ts';

const PKG = 'io.k8s.api.batch.v1';
const obj = objectsIn(PKG);

export const JobTemplateSpec = obj('JobTemplateSpec', 'What jobs made from a template look like.', {
  metadata: f(1, ObjectMeta, 'Labels and annotations of the jobs.'),
  spec: f(2, JobSpec, 'Specification of the jobs.'),
});
export type JobTemplateSpec = TypeOf<typeof JobTemplateSpec>;

export const CronJobSpec = obj('CronJobSpec', 'When jobs are started, and which.', {
  schedule: req(1, str, 'The times, in cron format.'),
  timeZone: f(8, str, 'Time zone of the schedule.', { ptr: true }),
  startingDeadlineSeconds: f(2, int64, 'Seconds a job may be started late.', { ptr: true }),
  concurrencyPolicy: f(3, oneOf('Allow', 'Forbid', 'Replace'), 'What is done while the last job still runs.', {
    default: 'Allow',
  }),
  suspend: f(4, bool, 'No jobs are started while true.', { ptr: true, default: false }),
  jobTemplate: req(5, JobTemplateSpec, 'The jobs to make.'),
  successfulJobsHistoryLimit: f(6, int32, 'Completed jobs to keep.', { ptr: true, default: 3 }),
  failedJobsHistoryLimit: f(7, int32, 'Failed jobs to keep.', { ptr: true, default: 1 }),
});
export type CronJobSpec = TypeOf<typeof CronJobSpec>;

export const CronJobStatus = obj('CronJobStatus', 'What was last observed of a cron job.', {
  active: f(1, arr(ObjectReference), 'Jobs that run.'),
  lastScheduleTime: f(4, time, 'When a job was last due.'),
  lastSuccessfulTime: f(5, time, 'When a job last succeeded.'),
});
export type CronJobStatus = TypeOf<typeof CronJobStatus>;

export const CronJobSchema = topLevel(PKG, 'CronJob', 'Starts jobs at given times.', {
  spec: f(2, CronJobSpec, 'When, and which.'),
  status: f(3, CronJobStatus, 'What was last observed.'),
});
export type CronJob = TypeOf<typeof CronJobSchema>;

export const CronJobs = defineKind<CronJob>({
  group: 'batch',
  version: 'v1',
  kind: 'CronJob',
  plural: 'cronjobs',
  shortNames: ['cj'],
  categories: ['all'],
  hasStatus: true,
  schema: CronJobSchema,
});
