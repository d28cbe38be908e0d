import { sameJson } from '../../meta/equal.ts';
import { type FieldError, invalid, notSupported, required, tooLong } from '../../meta/fielderrors.ts';
import { compileLabelSelector, validateLabelSelector } from '../../meta/labels.ts';
import { dnsLabel, dnsSubdomain } from '../../meta/names.ts';
import { immutable, nonNegative, oneOfOptional } from '../check/check.ts';
import { validatePodTemplate } from '../core/pod/pod-validation.ts';
import type { Job, JobSpec } from './job.ts';
import { generatedLabels } from './job-defaults.ts';
import { validateFailurePolicy, validateSuccessPolicy } from './pod-policy-validation.ts';

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
const MANY_COMPLETIONS = 100_000;
const LIMIT_OF_MANY = 10_000;
const MAX_MANAGER = 63;
const PREFIX = 'batch.kubernetes.io/';

function validateIndexes(path: string, spec: JobSpec): FieldError[] {
  const found: FieldError[] = [];
  if (spec.maxFailedIndexes !== undefined && spec.backoffLimitPerIndex === undefined) {
    found.push(required(`${path}.backoffLimitPerIndex`, 'when maxFailedIndexes is specified'));
  }
  if (spec.completionMode === 'Indexed') {
    if (spec.completions === undefined) found.push(required(`${path}.completions`, 'when completion mode is Indexed'));
    if ((spec.parallelism ?? 0) > MAX_INDEXED_PARALLELISM) {
      const why = `must be less than or equal to ${MAX_INDEXED_PARALLELISM} when completion mode is Indexed`;
      found.push(invalid(`${path}.parallelism`, spec.parallelism, why));
    }
    if (spec.completions !== undefined && (spec.maxFailedIndexes ?? 0) > spec.completions) {
      const why = 'must be less than or equal to completions';
      found.push(invalid(`${path}.maxFailedIndexes`, spec.maxFailedIndexes, why));
    }
    return [...found, ...validateMany(path, spec)];
  }
  for (const k of ['backoffLimitPerIndex', 'maxFailedIndexes'] as const) {
    if (spec[k] !== undefined) found.push(invalid(`${path}.${k}`, spec[k], 'requires indexed completion mode'));
  }
  return found;
}

/** Failed indexes are listed in the status, which may not grow too large. */
function validateMany(path: string, spec: JobSpec): FieldError[] {
  const { completions = 0, backoffLimitPerIndex } = spec;
  if (completions <= MANY_COMPLETIONS || backoffLimitPerIndex === undefined) return [];
  const found: FieldError[] = [];
  if (spec.maxFailedIndexes === undefined) {
    const why = `must be specified when completions is above ${MANY_COMPLETIONS}`;
    found.push(required(`${path}.maxFailedIndexes`, why));
  }
  for (const k of ['parallelism', 'maxFailedIndexes'] as const) {
    if ((spec[k] ?? 0) <= LIMIT_OF_MANY) continue;
    const when = `when completions are above ${MANY_COMPLETIONS} and used with backoff limit per index`;
    found.push(invalid(`${path}.${k}`, spec[k], `must be less than or equal to ${LIMIT_OF_MANY} ${when}`));
  }
  return found;
}

/** With a pod failure policy a pod is replaced when it is known how it ended. */
const validateReplacement = (path: string, { podReplacementPolicy, podFailurePolicy }: JobSpec): FieldError[] =>
  oneOfOptional(path, podReplacementPolicy, podFailurePolicy ? ['Failed'] : ['Failed', 'TerminatingOrFailed']);

function validateManager(path: string, name: string | undefined): FieldError[] {
  if (name === undefined) return [];
  const [domain = '', ...rest] = name.split('/');
  const found =
    dnsSubdomain(domain).length === 0 && rest.join('/') !== ''
      ? []
      : [invalid(path, name, 'must be a domain-prefixed path (such as "acme.io/foo")')];
  return name.length > MAX_MANAGER ? [...found, tooLong(path, MAX_MANAGER)] : found;
}

function validateRestart(path: string, spec: JobSpec): FieldError[] {
  const at = `${path}.template.spec.restartPolicy`;
  const policy = spec.template?.spec?.restartPolicy;
  // "Always" is what the default makes of none, so the user may not know the field at all.
  if (policy === undefined || policy === 'Always') return [required(at, 'valid values: "OnFailure", "Never"')];
  if (policy !== 'OnFailure' && policy !== 'Never') return [notSupported(at, policy, ['OnFailure', 'Never'])];
  if (policy === 'Never') return [];
  return (['podFailurePolicy', 'backoffLimitPerIndex'] as const).flatMap((k) =>
    spec[k] === undefined ? [] : [invalid(at, policy, `only "Never" is supported when ${k} is specified`)],
  );
}

/** A job's spec, of a job or in a cron job's template, less its selector. */
export function validateJobSpec(path: string, spec: JobSpec | undefined): FieldError[] {
  if (!spec) return [required(`${path}.template`)];
  return [
    ...COUNTS.flatMap((k) => nonNegative(`${path}.${k}`, spec[k])),
    ...oneOfOptional(`${path}.completionMode`, spec.completionMode, ['Indexed', 'NonIndexed']),
    ...validateIndexes(path, spec),
    ...validateFailurePolicy(path, spec),
    ...validateSuccessPolicy(path, spec),
    ...validateReplacement(`${path}.podReplacementPolicy`, spec),
    ...validateManager(`${path}.managedBy`, spec.managedBy),
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

/** Pods of a job that has no selector of the user's must be told apart from those of any other. */
function validateGenerated(o: Job, old: Job | undefined): FieldError[] {
  const { selector, manualSelector, template } = o.spec ?? {};
  if (manualSelector || !selector) return [];
  const labels: Readonly<Record<string, string>> = template?.metadata?.labels ?? {};
  const before: Readonly<Record<string, string>> | undefined = old && (old.spec?.template?.metadata?.labels ?? {});
  const wanted = generatedLabels(o);
  const newer = Object.keys(wanted).filter((k) => k.startsWith(PREFIX));
  // Jobs of before these labels came up go on without.
  const isAsked = (k: string): boolean => !before || !newer.includes(k) || newer.every((n) => n in before);
  const expected = Object.entries(wanted).filter(([k]) => isAsked(k));
  const found = expected.flatMap(([k, v]) => {
    const at = `spec.template.metadata.labels[${k}]`;
    if (labels[k] === undefined) return [required(at, `must be '${v}'`)];
    return labels[k] === v ? [] : [invalid(at, labels, `must be '${v}'`)];
  });
  if (validateLabelSelector(selector, 'spec.selector').length > 0) return found;
  if (compileLabelSelector(selector).matches(Object.fromEntries(expected))) return found;
  return [...found, invalid('spec.selector', selector, '`selector` not auto-generated')];
}

/** An indexed job may grow or shrink when all its indexes run at a time ("Elastic Indexed Jobs"). */
function validateCompletions(now: JobSpec, before: JobSpec): FieldError[] {
  const { completions } = now;
  if (now.completionMode !== 'Indexed') return immutable('spec.completions', completions, before.completions);
  if (completions === undefined || completions === before.completions || completions === now.parallelism) return [];
  return [invalid('spec.completions', completions, 'can only be modified in tandem with spec.parallelism')];
}

/** The pods of an indexed job have host names that end with their indexes. */
function validateIndexedName({ metadata, spec }: Job): FieldError[] {
  const { completionMode, completions = 0 } = spec ?? {};
  if (completionMode !== 'Indexed' || completions <= 0) return [];
  const name = metadata?.name ?? '';
  const longest = `${name}-${completions - 1}`;
  return dnsLabel(longest).length === 0
    ? []
    : [invalid('metadata.name', name, `will not able to create pod with invalid DNS label: ${longest}`)];
}

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
  found.push(...validateCompletions(now, before));
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
  ...validateGenerated(o, old),
  ...validateSelector(o.spec),
  ...(old ? [] : validateIndexedName(o)),
  ...(old && o.spec ? validateUpdate(o.spec, old) : []),
];
