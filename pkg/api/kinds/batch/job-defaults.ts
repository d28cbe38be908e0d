import { defaultPodSpec } from '../core/pod/pod-defaults.ts';
import type { Job, JobSpec } from './job.ts';

const BACKOFF_LIMIT = 6;
const MAX_INT32 = 2 ** 31 - 1;
const NAME_LABELS = ['job-name', 'batch.kubernetes.io/job-name'] as const;
const UID_LABELS = ['controller-uid', 'batch.kubernetes.io/controller-uid'] as const;
const [, SELECTED] = UID_LABELS;

function defaultJobSpec(spec: JobSpec): void {
  if (spec.parallelism === undefined && spec.completions === undefined) spec.completions = 1;
  spec.parallelism ??= 1;
  spec.backoffLimit ??= spec.backoffLimitPerIndex === undefined ? BACKOFF_LIMIT : MAX_INT32;
  spec.completionMode ??= 'NonIndexed';
  spec.suspend ??= false;
  spec.manualSelector ??= false;
  spec.podReplacementPolicy ??= spec.podFailurePolicy ? 'Failed' : 'TerminatingOrFailed';
  defaultPodSpec(spec.template?.spec);
}

/** Of jobs; the template of a CronJob has the defaults of its pods only, and the job made of it these. */
export function defaultJob(o: Job): void {
  if (o.spec) defaultJobSpec(o.spec);
}

/** A job without labels of its own has those of its pods. */
export function labelLikePods(o: Job): void {
  const labels = o.spec?.template?.metadata?.labels;
  if (labels && Object.keys(o.metadata?.labels ?? {}).length === 0) {
    o.metadata = { ...o.metadata, labels: { ...labels } };
  }
}

/** The labels of a job's pods that no other job's have; the newer of each kind may be missing of old jobs. */
export function generatedLabels({ metadata }: Job): Readonly<Record<string, string>> {
  const { name = '', uid = '' } = metadata ?? {};
  const pairs = [...UID_LABELS.map((k) => [k, uid]), ...NAME_LABELS.map((k) => [k, name])];
  return Object.fromEntries(pairs) as Record<string, string>;
}

/**
 * Unless the user does it, the server makes a selector that no other job can have: by the job's UID. What the user has said
 * differently, as in the copy of another job, stays, and is refused by validation.
 */
export function prepareJob(o: Job): void {
  o.status = {};
  if (o.spec && !o.spec.manualSelector) selectByUid(o, o.spec);
  labelLikePods(o);
}

function selectByUid(o: Job, spec: JobSpec): void {
  const template = spec.template ?? {};
  const labels = { ...generatedLabels(o), ...template.metadata?.labels };
  spec.template = { ...template, metadata: { ...template.metadata, labels } };
  const matchLabels = { [SELECTED]: o.metadata?.uid ?? '', ...spec.selector?.matchLabels };
  spec.selector = { ...spec.selector, matchLabels };
}
