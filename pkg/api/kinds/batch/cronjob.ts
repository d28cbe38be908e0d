import { defineKind, topLevel } from '../../kind.ts';
import { type FieldError, invalid, notSupported } from '../../meta/fielderrors.ts';
import { ObjectMeta } from '../../meta/objectmeta.ts';
import { arr, bool, f, int32, int64, objectsIn, oneOf, req, str, type TypeOf, time } from '../../schema/schema.ts';
import { nonNegative, oneOfRequired } from '../check/check.ts';
import { preparingPods } from '../core/pod/disabled-fields.ts';
import { defaultPodSpec } from '../core/pod/pod-defaults.ts';
import { templateWarnings } from '../core/pod/warnings.ts';
import { ObjectReference } from '../core/references.ts';
import { ageColumn, column, NONE, nameColumn, numberColumn, UNSET } from '../print/columns.ts';
import { ageSince } from '../print/duration.ts';
import { selectorColumn, selectorText, templateColumns } from '../print/workload.ts';
import { JobSpec } from './job.ts';
import { validateJobSpec } from './job-validation.ts';
import { validateSchedule, validateTimeZone } from './schedule-validation.ts';

const PKG = 'io.k8s.api.batch.v1';
const obj = objectsIn(PKG);

export const JobTemplateSpec = obj('JobTemplateSpec', 'What jobs made from a template look like.', {
  metadata: f(1, ObjectMeta, 'Labels and annotations of the jobs.'),
  spec: f(2, JobSpec, 'Specification of the jobs.', { default: {} }),
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
  jobTemplate: req(5, JobTemplateSpec, 'The jobs to make.', { default: {} }),
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
  spec: f(2, CronJobSpec, 'When, and which.', { default: {} }),
  status: f(3, CronJobStatus, 'What was last observed.'),
});
export type CronJob = TypeOf<typeof CronJobSchema>;

/** The jobs' names are longer by eleven characters. */
const MAX_NAME = 52;

function validateCronJob(o: CronJob, old?: CronJob): FieldError[] {
  const { spec } = o;
  const found: FieldError[] = [];
  const name = o.metadata?.name ?? '';
  if (!old && name.length > MAX_NAME) {
    found.push(invalid('metadata.name', name, `must be no more than ${MAX_NAME} characters`));
  }
  const manual = spec?.jobTemplate?.spec?.manualSelector;
  found.push(
    ...validateSchedule('spec.schedule', spec?.schedule),
    ...validateTimeZone('spec.timeZone', spec?.timeZone),
    ...nonNegative('spec.startingDeadlineSeconds', spec?.startingDeadlineSeconds),
    ...oneOfRequired('spec.concurrencyPolicy', spec?.concurrencyPolicy, ['Allow', 'Forbid', 'Replace']),
    ...nonNegative('spec.successfulJobsHistoryLimit', spec?.successfulJobsHistoryLimit),
    ...nonNegative('spec.failedJobsHistoryLimit', spec?.failedJobsHistoryLimit),
    ...validateJobSpec('spec.jobTemplate.spec', spec?.jobTemplate?.spec),
  );
  if (manual) found.push(notSupported('spec.jobTemplate.spec.manualSelector', manual, ['nil', 'false']));
  return found;
}

const boolText = (b: boolean | undefined): string => (b === undefined ? UNSET : b ? 'True' : 'False');

export const CronJobs = defineKind<CronJob>({
  group: 'batch',
  version: 'v1',
  kind: 'CronJob',
  plural: 'cronjobs',
  shortNames: ['cj'],
  categories: ['all'],
  hasStatus: true,
  schema: CronJobSchema,
  defaults: (o) => defaultPodSpec(o.spec?.jobTemplate?.spec?.template?.spec),
  ...preparingPods((o: CronJob) => o.spec?.jobTemplate?.spec?.template?.spec, {
    prepareCreate: (o) => {
      o.status = {};
    },
  }),
  validate: validateCronJob,
  warnings: templateWarnings('spec.jobTemplate.spec.template', (o) => o.spec?.jobTemplate?.spec?.template),
  columns: [
    nameColumn,
    column('Schedule', 'When jobs are started.', (o) => o.spec?.schedule ?? ''),
    column('Timezone', 'Time zone of the schedule.', (o) => o.spec?.timeZone ?? NONE),
    column('Suspend', 'Whether it is held back.', (o) => boolText(o.spec?.suspend)),
    numberColumn('Active', 'Jobs that run.', (o) => o.status?.active?.length ?? 0),
    column('Last Schedule', 'Time since a job was last due.', (o, now) =>
      o.status?.lastScheduleTime ? ageSince(o.status.lastScheduleTime, now) : NONE,
    ),
    ageColumn,
    ...templateColumns<CronJob>((o) => o.spec?.jobTemplate?.spec?.template),
    selectorColumn((o) => selectorText(o.spec?.jobTemplate?.spec?.selector)),
  ],
});
