import { defaultPodSpec } from '../core/pod/pod-defaults.ts';
import type { Job, JobSpec } from './job.ts';

const BACKOFF_LIMIT = 6;
const MAX_INT32 = 2 ** 31 - 1;
const NAME_LABELS = ['job-name', 'batch.kubernetes.io/job-name'] as const;
const UID_LABELS = ['controller-uid', 'batch.kubernetes.io/controller-uid'] as const;
const [, SELECTED] = UID_LABELS;

export function defaultJobSpec(spec: JobSpec | undefined): void {
  if (!spec) return;
  if (spec.parallelism === undefined && spec.completions === undefined) spec.completions = 1;
  spec.parallelism ??= 1;
  spec.backoffLimit ??= spec.backoffLimitPerIndex === undefined ? BACKOFF_LIMIT : MAX_INT32;
  spec.podReplacementPolicy ??= spec.podFailurePolicy ? 'Failed' : 'TerminatingOrFailed';
  defaultPodSpec(spec.template?.spec);
}

export function defaultJob(o: Job): void {
  defaultJobSpec(o.spec);
  if (o.spec) o.spec.manualSelector ??= false;
  const labels = o.spec?.template?.metadata?.labels;
  if (labels && Object.keys(o.metadata?.labels ?? {}).length === 0)
    o.metadata = { ...o.metadata, labels: { ...labels } };
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
  if (!o.spec || o.spec.manualSelector) return;
  const template = o.spec.template ?? {};
  const labels = { ...generatedLabels(o), ...template.metadata?.labels };
  o.spec.template = { ...template, metadata: { ...template.metadata, labels } };
  const matchLabels = { [SELECTED]: o.metadata?.uid ?? '', ...o.spec.selector?.matchLabels };
  o.spec.selector = { ...o.spec.selector, matchLabels };
}
