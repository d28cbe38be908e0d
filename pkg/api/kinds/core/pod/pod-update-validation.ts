import { sameJson } from '../../../meta/equal.ts';
import { type FieldError, forbidden, invalid } from '../../../meta/fielderrors.ts';
import { dnsSubdomain, qualifiedName } from '../../../meta/names.ts';
import { invalidFor } from '../../check/check.ts';
import type { Toleration } from './affinity.ts';
import { affinityAsBefore, validateSteering } from './gated-update-validation.ts';
import type { Pod } from './pod.ts';
import { validateAddresses } from './pod-addresses.ts';
import type { PodSpec } from './spec.ts';
import type { PodStatus } from './status.ts';

const IMMUTABLE_SPEC =
  'pod updates may not change fields other than `spec.containers[*].image`,`spec.initContainers[*].image`,' +
  '`spec.activeDeadlineSeconds`,`spec.tolerations` (only additions to existing tolerations),' +
  '`spec.terminationGracePeriodSeconds` (allow it to be set to 1 if it was previously negative)';

function validateDeadline(now: number | undefined, before: number | undefined): FieldError[] {
  const path = 'spec.activeDeadlineSeconds';
  if (now !== undefined) {
    if (now <= 0 || now > 2 ** 31 - 1) return [invalid(path, now, 'must be between 1 and 2147483647, inclusive')];
    if (before !== undefined && before < now) {
      return [invalid(path, now, 'must be less than or equal to previous value')];
    }
  } else if (before !== undefined) {
    return [invalid(path, null, 'must not update from a positive integer to nil value')];
  }
  return [];
}

const sameButSeconds = (a: Toleration, b: Toleration): boolean =>
  sameJson({ ...a, tolerationSeconds: 0 }, { ...b, tolerationSeconds: 0 });

/** Every old toleration is still there; its seconds may differ. */
const onlyAdded = (now: readonly Toleration[], before: readonly Toleration[]): boolean =>
  before.every((b) => now.some((n) => sameButSeconds(n, b)));

function validateGates(now: PodSpec, before: PodSpec): FieldError[] {
  const had = new Set((before.schedulingGates ?? []).map((g) => g.name));
  const added = (now.schedulingGates ?? []).findIndex((g) => !had.has(g.name));
  return added < 0
    ? []
    : [forbidden(`spec.schedulingGates[${added}].name`, 'only deletion is allowed, but found new scheduling gate')];
}

/** The new spec with everything that may change put back to what it was. */
function withoutAllowedChanges(now: PodSpec, before: PodSpec): PodSpec {
  const spec: PodSpec = {
    ...now,
    containers: now.containers?.map((c, i) => ({ ...c, image: before.containers[i]?.image })),
    activeDeadlineSeconds: before.activeDeadlineSeconds,
    tolerations: before.tolerations,
    schedulingGates: before.schedulingGates,
  };
  if (now.initContainers) {
    spec.initContainers = now.initContainers.map((c, i) => ({ ...c, image: before.initContainers?.[i]?.image }));
  }
  if ((before.schedulingGates ?? []).length > 0) {
    spec.nodeSelector = before.nodeSelector;
    spec.affinity = affinityAsBefore(now, before);
  }
  if ((before.terminationGracePeriodSeconds ?? 0) < 0 && now.terminationGracePeriodSeconds === 1) {
    spec.terminationGracePeriodSeconds = before.terminationGracePeriodSeconds;
  }
  return spec;
}

/** "spec.hostname: old → new" for every field that differs, so that the reader need not search. */
function differences(now: PodSpec, before: PodSpec): string {
  const keys = [...new Set([...Object.keys(before), ...Object.keys(now)])].sort() as (keyof PodSpec)[];
  const show = (v: unknown): string => JSON.stringify(v)?.slice(0, 200) ?? 'nil';
  return keys
    .filter((k) => !sameJson(now[k], before[k]))
    .map((k) => `\n- spec.${k}: ${show(before[k])}\n+ spec.${k}: ${show(now[k])}`)
    .join('');
}

/** What an update may not do to a pod: nearly all of the spec is fixed once it is made. Bindings are no updates. */
export function validatePodUpdate(pod: Pod, old: Pod): FieldError[] {
  const now = pod.spec;
  const before = old.spec;
  if (!now || !before) return [];
  const counts: FieldError[] = [];
  for (const k of ['containers', 'initContainers'] as const) {
    if ((now[k] ?? []).length !== (before[k] ?? []).length) {
      counts.push(forbidden(`spec.${k}`, 'pod updates may not add or remove containers'));
    }
  }
  if (counts.length > 0) return counts;
  const found = [
    ...validateDeadline(now.activeDeadlineSeconds, before.activeDeadlineSeconds),
    ...validateGates(now, before),
    ...((before.schedulingGates ?? []).length > 0 ? validateSteering(now, before) : []),
  ];
  if (!onlyAdded(now.tolerations ?? [], before.tolerations ?? [])) {
    const why = 'existing toleration can not be modified except its tolerationSeconds';
    found.push(forbidden('spec.tolerations', why));
  }
  if (found.length > 0) return found;
  const rest = withoutAllowedChanges(now, before);
  if (!sameJson(rest, before)) found.push(forbidden('spec', `${IMMUTABLE_SPEC}${differences(rest, before)}`));
  return found;
}

/** An ended container that its pod's restart policy does not restart stays ended. */
function validateEnded(path: string, pod: Pod, old: Pod): FieldError[] {
  const policy = old.spec?.restartPolicy;
  if (policy === 'Always') return [];
  const before = new Map((old.status?.containerStatuses ?? []).map((s) => [s.name, s]));
  return (pod.status?.containerStatuses ?? []).flatMap((s, i) => {
    const ended = before.get(s.name)?.state?.terminated;
    if (!ended || (policy === 'OnFailure' && ended.exitCode !== 0) || s.state?.terminated) return [];
    return [forbidden(`${path}[${i}].state`, 'may not be transitioned to non-terminated state')];
  });
}

/** Conditions that Kubernetes itself keeps, whose names need no check. */
const OWN_CONDITIONS: ReadonlySet<string> = new Set(['PodScheduled', 'Ready', 'Initialized']);

/** Kubernetes too says "metadata" where it means "status". */
const validateConditions = ({ conditions = [] }: PodStatus): FieldError[] =>
  conditions.flatMap(({ type }, i) =>
    OWN_CONDITIONS.has(type) ? [] : invalidFor(`metadata.conditions[${i}].Type`, type, qualifiedName(type)),
  );

function validateNominated(name: string | undefined, old: string | undefined): FieldError[] {
  return name && name !== old ? invalidFor('status.nominatedNodeName', name, dnsSubdomain(name)) : [];
}

/** What a status write may not do. */
export const validatePodStatus = (pod: Pod, old: Pod): FieldError[] => [
  ...validateConditions(pod.status ?? {}),
  ...validateNominated(pod.status?.nominatedNodeName, old.status?.nominatedNodeName),
  ...validateAddresses(pod.status ?? {}),
  ...validateEnded('status.containerStatuses', pod, old),
];
