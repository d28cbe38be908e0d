import { sameJson } from '../../meta/equal.ts';
import { type FieldError, invalid, notSupported, required } from '../../meta/fielderrors.ts';
import { compileLabelSelector, validateLabelSelector } from '../../meta/labels.ts';
import { immutable, nonNegative, oneOfOptional, oneOfRequired } from '../check/check.ts';
import { validatePodTemplate } from '../core/pod/pod-validation.ts';
import type { Job, JobSpec } from './job.ts';
import type { PodFailurePolicy } from './pod-failure.ts';

const COUNTS = [
  'parallelism',
  'completions',
  'activeDeadlineSeconds',
  'backoffLimit',
  'ttlSecondsAfterFinished',
  'backoffLimitPerIndex',
  'maxFailedIndexes',
] as const;
const MAX_INDEXED_PARALLELISM = 100_000;

function validateIndexes(path: string, spec: JobSpec): FieldError[] {
  const found: FieldError[] = [];
  if (spec.completionMode === 'Indexed') {
    if (spec.completions === undefined) found.push(required(`${path}.completions`, 'when completion mode is Indexed'));
    if ((spec.parallelism ?? 0) > MAX_INDEXED_PARALLELISM) {
      const why = `must be less than or equal to ${MAX_INDEXED_PARALLELISM} when completion mode is Indexed`;
      found.push(invalid(`${path}.parallelism`, spec.parallelism, why));
    }
    return found;
  }
  for (const k of ['backoffLimitPerIndex', 'maxFailedIndexes'] as const) {
    if (spec[k] !== undefined) found.push(invalid(`${path}.${k}`, spec[k], 'requires indexed completion mode'));
  }
  return found;
}

function validateFailurePolicy(path: string, policy: PodFailurePolicy | undefined): FieldError[] {
  return (policy?.rules ?? []).flatMap((r, i) => {
    const at = `${path}.rules[${i}]`;
    const found = oneOfRequired(`${at}.action`, r.action, ['Count', 'FailIndex', 'FailJob', 'Ignore']);
    if (r.onExitCodes) {
      found.push(...oneOfRequired(`${at}.onExitCodes.operator`, r.onExitCodes.operator, ['In', 'NotIn']));
      if (!r.onExitCodes.values?.length) {
        found.push(invalid(`${at}.onExitCodes.values`, r.onExitCodes.values ?? [], 'at least one value is required'));
      }
    }
    const conditions = r.onPodConditions?.length ?? 0;
    if (r.onExitCodes && conditions > 0) {
      found.push(invalid(at, r, 'specifying both OnExitCodes and OnPodConditions is not supported'));
    }
    if (!r.onExitCodes && conditions === 0) {
      found.push(invalid(at, r, 'specifying one of OnExitCodes and OnPodConditions is required'));
    }
    return found;
  });
}

function validateRestart(path: string, spec: JobSpec): FieldError[] {
  const at = `${path}.template.spec.restartPolicy`;
  const policy = spec.template?.spec?.restartPolicy;
  // "Always" is what the default makes of none, so the user may not know the field at all.
  if (policy === undefined || policy === 'Always') return [required(at, 'valid values: "OnFailure", "Never"')];
  if (policy !== 'OnFailure' && policy !== 'Never') return [notSupported(at, policy, ['OnFailure', 'Never'])];
  if (spec.podFailurePolicy && policy !== 'Never') {
    return [invalid(at, policy, 'only "Never" is supported when podFailurePolicy is specified')];
  }
  return [];
}

/** A job's spec, of a job or in a cron job's template, less its selector. */
export function validateJobSpec(path: string, spec: JobSpec | undefined): FieldError[] {
  if (!spec) return [required(`${path}.template`)];
  return [
    ...COUNTS.flatMap((k) => nonNegative(`${path}.${k}`, spec[k])),
    ...oneOfOptional(`${path}.completionMode`, spec.completionMode, ['Indexed', 'NonIndexed']),
    ...validateIndexes(path, spec),
    ...validateFailurePolicy(`${path}.podFailurePolicy`, spec.podFailurePolicy),
    ...oneOfOptional(`${path}.podReplacementPolicy`, spec.podReplacementPolicy, ['Failed', 'TerminatingOrFailed']),
    ...validatePodTemplate(`${path}.template`, spec.template),
    ...validateRestart(path, spec),
  ];
}

function validateSelector(spec: JobSpec | undefined): FieldError[] {
  if (!spec?.selector) return [required('spec.selector')];
  const found = validateLabelSelector(spec.selector, 'spec.selector');
  if (found.length > 0) return found;
  const labels = spec.template?.metadata?.labels ?? {};
  return compileLabelSelector(spec.selector).matches(labels)
    ? []
    : [invalid('spec.template.metadata.labels', labels, '`selector` does not match template `labels`')];
}

/** An indexed job may grow or shrink when all its indexes run at a time. */
const mayResize = (spec: JobSpec): boolean =>
  spec.completionMode === 'Indexed' && spec.completions !== undefined && spec.completions === spec.parallelism;

/** Where pods run may still be changed while none has been started. */
function templateAsBefore(now: JobSpec, before: JobSpec, startable: boolean): JobSpec['template'] {
  if (!startable || !now.template?.spec || !before.template?.spec) return now.template;
  const { nodeSelector, affinity, tolerations, schedulingGates } = before.template.spec;
  const spec = { ...now.template.spec, nodeSelector, affinity, tolerations, schedulingGates };
  const { labels, annotations } = before.template.metadata ?? {};
  return { ...now.template, metadata: { ...now.template.metadata, labels, annotations }, spec };
}

function validateUpdate(now: JobSpec, old: Job): FieldError[] {
  const before = old.spec;
  if (!before) return [];
  const found: FieldError[] = [];
  if (!mayResize(now)) found.push(...immutable('spec.completions', now.completions, before.completions));
  found.push(...immutable('spec.selector', now.selector, before.selector));
  const startable = (before.suspend ?? false) && old.status?.startTime === undefined;
  if (!sameJson(templateAsBefore(now, before, startable), before.template)) {
    found.push(invalid('spec.template', now.template, 'field is immutable'));
  }
  for (const k of [
    'completionMode',
    'podFailurePolicy',
    'backoffLimitPerIndex',
    'managedBy',
    'successPolicy',
  ] as const) {
    found.push(...immutable(`spec.${k}`, now[k], before[k]));
  }
  return found;
}

export const validateJob = (o: Job, old?: Job): FieldError[] => [
  ...validateJobSpec('spec', o.spec),
  ...validateSelector(o.spec),
  ...(old && o.spec ? validateUpdate(o.spec, old) : []),
];
