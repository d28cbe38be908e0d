import type { Job, Pod, PodTemplateSpec } from '#api/kinds/index.ts';
import { Jobs } from '#api/kinds/index.ts';
import type { Stored } from '#api/meta/objectmeta.ts';
import { controllerRefTo } from '../ownership/controller-ref.ts';
import { podFromTemplate } from '../pods/from-template.ts';
import { isTerminal } from '../pods/state.ts';

/** Holds an ended pod until its outcome is in the job's status. */
export const TRACKING = 'batch.kubernetes.io/job-tracking';
export const JOB_NAME = 'batch.kubernetes.io/job-name';
const INDEX = 'batch.kubernetes.io/job-completion-index';
const FAILURES = 'batch.kubernetes.io/job-index-failure-count';
const IGNORED = 'batch.kubernetes.io/job-index-ignored-failure-count';

export const isIndexed = (job: Job): boolean => job.spec?.completionMode === 'Indexed';
export const countsPerIndex = (job: Job): boolean => isIndexed(job) && job.spec?.backoffLimitPerIndex !== undefined;
export const isTracked = (pod: Pod): boolean => pod.metadata?.finalizers?.includes(TRACKING) ?? false;

function countIn(pod: Pod, annotation: string): number | undefined {
  const text = pod.metadata?.annotations?.[annotation];
  return text !== undefined && /^\d{1,10}$/.test(text) ? Number(text) : undefined;
}

/** The completion index of an indexed job's pod, if it has a valid one. */
export function indexOf(job: Job, pod: Pod): number | undefined {
  const index = countIn(pod, INDEX);
  return index !== undefined && index < (job.spec?.completions ?? 0) ? index : undefined;
}

/** Failures of the index before this pod: those that count, and those the failure policy ignored. */
export const earlierFailures = (pod: Pod): { counted: number; ignored: number } => ({
  counted: countIn(pod, FAILURES) ?? 0,
  ignored: countIn(pod, IGNORED) ?? 0,
});

/** Only a pod that has ended for good is replaced; otherwise one that is being ended counts as failed at once. */
export const waitsForEnd = (job: Job): boolean =>
  job.spec?.podReplacementPolicy === 'Failed' || job.spec?.podFailurePolicy !== undefined;

export const hasFailed = (job: Job, pod: Stored<Pod>): boolean =>
  pod.status?.phase === 'Failed' ||
  (!waitsForEnd(job) && pod.metadata.deletionTimestamp !== undefined && pod.status?.phase !== 'Succeeded');

/** It still has containers to end. */
export const isTerminating = (pod: Stored<Pod>): boolean =>
  pod.metadata.deletionTimestamp !== undefined && !isTerminal(pod);

/** When its last container ended, epoch milliseconds; as near as its status tells. */
export function endedAt(pod: Stored<Pod>): number {
  const ends = (pod.status?.containerStatuses ?? []).map((c) => Date.parse(c.state?.terminated?.finishedAt ?? ''));
  const last = Math.max(...ends.filter((t) => !Number.isNaN(t)));
  if (Number.isFinite(last)) return last;
  const ready = pod.status?.conditions?.find((c) => c.type === 'Ready')?.lastTransitionTime;
  return Date.parse(ready ?? pod.metadata.deletionTimestamp ?? pod.metadata.creationTimestamp);
}

/** A pod to make: without an index, or with one and the failures it has had. */
export interface Slot {
  readonly index?: number;
  readonly counted?: number;
  readonly ignored?: number;
}

const INDEX_VARIABLE = {
  name: 'JOB_COMPLETION_INDEX',
  valueFrom: { fieldRef: { apiVersion: 'v1', fieldPath: `metadata.labels['${INDEX}']` } },
};

type Containers = NonNullable<PodTemplateSpec['spec']>['containers'];
const numbered = (containers: Containers): Containers =>
  containers?.map((c) =>
    c.env?.some((e) => e.name === INDEX_VARIABLE.name) ? c : { ...c, env: [...(c.env ?? []), INDEX_VARIABLE] },
  );

/** The pod of a slot: tracked, and with its index as label, annotation, variable, host name and part of its name. */
export function podFor(job: Stored<Job>, slot: Slot): Pod {
  const pod = podFromTemplate(job, job.spec?.template ?? {}, controllerRefTo(Jobs, job));
  const metadata = { ...pod.metadata, finalizers: [...(pod.metadata?.finalizers ?? []), TRACKING] };
  const { index } = slot;
  if (index === undefined || !pod.spec) return { ...pod, metadata };
  const perIndex = countsPerIndex(job);
  metadata.generateName = `${job.metadata.name.slice(0, 230)}-${index}-`;
  metadata.labels = { ...metadata.labels, [INDEX]: `${index}` };
  metadata.annotations = {
    ...metadata.annotations,
    [INDEX]: `${index}`,
    ...(perIndex ? { [FAILURES]: `${slot.counted ?? 0}` } : {}),
    ...(perIndex && slot.ignored ? { [IGNORED]: `${slot.ignored}` } : {}),
  };
  const { containers, initContainers } = pod.spec;
  const spec = { ...pod.spec, hostname: `${job.metadata.name}-${index}`, containers: numbered(containers) };
  if (initContainers) spec.initContainers = numbered(initContainers);
  return { ...pod, metadata, spec };
}
