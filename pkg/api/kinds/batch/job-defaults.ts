import { defaultPodSpec } from '../core/pod/pod-defaults.ts';
import type { Job, JobSpec } from './job.ts';

const BACKOFF_LIMIT = 6;
const MAX_INT32 = 2 ** 31 - 1;
const NAME_LABELS = ['batch.kubernetes.io/job-name', 'job-name'];
const UID_LABELS = ['batch.kubernetes.io/controller-uid', 'controller-uid'];

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

/** Unless the user does it, the server makes a selector that no other job can have: by the job's UID. */
export function prepareJob(o: Job): void {
  o.status = {};
  if (!o.spec || o.spec.manualSelector) return;
  const { name = '', uid = '' } = o.metadata ?? {};
  const template = o.spec.template ?? {};
  const labels = { ...template.metadata?.labels };
  for (const k of NAME_LABELS) labels[k] = name;
  for (const k of UID_LABELS) labels[k] = uid;
  o.spec.template = { ...template, metadata: { ...template.metadata, labels } };
  o.spec.selector = {
    ...o.spec.selector,
    matchLabels: { ...o.spec.selector?.matchLabels, [UID_LABELS[0] as string]: uid },
  };
}
