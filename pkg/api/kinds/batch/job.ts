import { defineKind, topLevel } from '../../kind.ts';
import { LabelSelector } from '../../meta/labelselector.ts';
import {
  arr,
  bool,
  f,
  int32,
  int64,
  mapList,
  objectsIn,
  oneOf,
  req,
  str,
  type TypeOf,
  time,
} from '../../schema/schema.ts';
import { validateNumbers } from '../check/status-validation.ts';
import { preparingPods } from '../core/pod/disabled-fields.ts';
import { PodTemplateSpec } from '../core/pod/spec.ts';
import { templateWarnings } from '../core/pod/warnings.ts';
import { ConditionStatus } from '../core/values.ts';
import { ageColumn, column, nameColumn } from '../print/columns.ts';
import { humanDuration } from '../print/duration.ts';
import { selectorColumn, selectorText, templateColumns } from '../print/workload.ts';
import { defaultJob, labelLikePods, prepareJob } from './job-defaults.ts';
import { validateJob } from './job-validation.ts';
import { PodFailurePolicy, SuccessPolicy } from './pod-failure.ts';

const PKG = 'io.k8s.api.batch.v1';
const obj = objectsIn(PKG);

export const JobSpec = obj('JobSpec', 'What a job shall run.', {
  parallelism: f(1, int32, 'Pods that may run at a time.', { ptr: true }),
  completions: f(2, int32, 'Pods that must succeed.', { ptr: true }),
  activeDeadlineSeconds: f(3, int64, 'Seconds after which the job is failed.', { ptr: true }),
  podFailurePolicy: f(11, PodFailurePolicy, 'What is done about failed pods.'),
  successPolicy: f(16, SuccessPolicy, 'When the job has succeeded early.'),
  backoffLimit: f(7, int32, 'Failed pods after which the job is failed.', { ptr: true }),
  backoffLimitPerIndex: f(12, int32, 'Failed pods of one index after which the index is failed.', { ptr: true }),
  maxFailedIndexes: f(13, int32, 'Failed indexes after which the job is failed.', { ptr: true }),
  selector: f(4, LabelSelector, 'Which pods are its own; made by the server.'),
  manualSelector: f(5, bool, 'The selector is given by the user.', { ptr: true }),
  template: req(6, PodTemplateSpec, 'The pods to make.', { default: {} }),
  ttlSecondsAfterFinished: f(8, int32, 'Seconds after the end when the job is deleted.', { ptr: true }),
  completionMode: f(9, oneOf('Indexed', 'NonIndexed'), 'Whether pods are numbered.', { ptr: true }),
  suspend: f(10, bool, 'No pods are made while true.', { ptr: true }),
  podReplacementPolicy: f(14, oneOf('Failed', 'TerminatingOrFailed'), 'When a pod that ends is replaced.', {
    ptr: true,
  }),
  managedBy: f(15, str, 'Controller that runs the job.', { ptr: true }),
});
export type JobSpec = TypeOf<typeof JobSpec>;

export const JobCondition = obj('JobCondition', "One aspect of a job's state.", {
  type: req(1, str, 'The aspect, e.g. Complete or Failed.'),
  status: req(2, ConditionStatus, 'True, False or Unknown.'),
  lastProbeTime: f(3, time, 'When it was last checked.'),
  lastTransitionTime: f(4, time, 'When the status last changed.'),
  reason: f(5, str, 'Short reason, in CamelCase.'),
  message: f(6, str, 'Explanation for people.'),
});
export type JobCondition = TypeOf<typeof JobCondition>;

export const UncountedTerminatedPods = obj('UncountedTerminatedPods', 'Ended pods not yet in the counts.', {
  succeeded: f(1, arr(str, { listType: 'set' }), 'UIDs of pods that succeeded.'),
  failed: f(2, arr(str, { listType: 'set' }), 'UIDs of pods that failed.'),
});
export type UncountedTerminatedPods = TypeOf<typeof UncountedTerminatedPods>;

export const JobStatus = obj('JobStatus', 'What was last observed of a job.', {
  conditions: f(1, mapList(JobCondition, 'type'), 'Aspects of its state.'),
  startTime: f(2, time, 'When it was started.'),
  completionTime: f(3, time, 'When it was completed.'),
  active: f(4, int32, 'Pods that run or wait.'),
  succeeded: f(5, int32, 'Pods that succeeded.'),
  failed: f(6, int32, 'Pods that failed.'),
  terminating: f(11, int32, 'Pods that are being ended.', { ptr: true }),
  completedIndexes: f(7, str, 'Indexes that succeeded, e.g. "1,3-5".'),
  failedIndexes: f(10, str, 'Indexes that failed.', { ptr: true }),
  uncountedTerminatedPods: f(8, UncountedTerminatedPods, 'Ended pods not yet in the counts.'),
  ready: f(9, int32, 'Pods that are ready.', { ptr: true }),
});
export type JobStatus = TypeOf<typeof JobStatus>;

export const JobSchema = topLevel(PKG, 'Job', 'Runs pods until enough of them have succeeded.', {
  spec: f(2, JobSpec, 'What it shall run.', { default: {} }),
  status: f(3, JobStatus, 'What was last observed.'),
});
export type Job = TypeOf<typeof JobSchema>;

const has = (o: Job, type: string): boolean =>
  o.status?.conditions?.some((c) => c.type === type && c.status === 'True') ?? false;

function statusText(o: Job): string {
  if (has(o, 'Complete')) return 'Complete';
  if (has(o, 'Failed')) return 'Failed';
  if (o.metadata?.deletionTimestamp) return 'Terminating';
  return ['Suspended', 'FailureTarget', 'SuccessCriteriaMet'].find((t) => has(o, t)) ?? 'Running';
}

function completionsText(o: Job): string {
  const done = o.status?.succeeded ?? 0;
  const { completions, parallelism = 0 } = o.spec ?? {};
  if (completions !== undefined) return `${done}/${completions}`;
  return parallelism > 1 ? `${done}/1 of ${parallelism}` : `${done}/1`;
}

function durationText(o: Job, now: number): string {
  const { startTime, completionTime } = o.status ?? {};
  if (!startTime) return '';
  return humanDuration((completionTime ? Date.parse(completionTime) : now) - Date.parse(startTime));
}

export const Jobs = defineKind<Job>({
  group: 'batch',
  version: 'v1',
  kind: 'Job',
  plural: 'jobs',
  categories: ['all'],
  hasStatus: true,
  schema: JobSchema,
  defaults: defaultJob,
  ...preparingPods((o: Job) => o.spec?.template?.spec, {
    prepareCreate: prepareJob,
    prepareUpdate: labelLikePods,
  }),
  validate: validateJob,
  validateStatus: (o) => validateNumbers(o.status, ['active', 'succeeded', 'failed', 'ready', 'terminating']),
  warnings: templateWarnings('spec.template', (o) => o.spec?.template),
  fields: { 'status.successful': (o) => String(o.status?.succeeded ?? 0) },
  columns: [
    nameColumn,
    column('Status', 'How far it is.', statusText),
    column('Completions', 'Pods that succeeded, of those needed.', completionsText),
    column('Duration', 'How long it ran.', durationText),
    ageColumn,
    ...templateColumns<Job>((o) => o.spec?.template),
    selectorColumn((o) => selectorText(o.spec?.selector)),
  ],
});
