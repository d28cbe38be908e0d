import { sameJson } from '../../../meta/equal.ts';
import { type FieldError, invalid } from '../../../meta/fielderrors.ts';
import type { NodeSelectorTerm } from '../selectors.ts';
import type { PodSpec } from './spec.ts';

const REQUIRED = 'requiredDuringSchedulingIgnoredDuringExecution';
const ONLY_ADDITIONS = 'only additions are allowed (no mutations or deletions)';

const includesAll = (now: readonly unknown[] = [], before: readonly unknown[] = []): boolean =>
  before.every((b) => now.some((n) => sameJson(n, b)));

/** A term may become narrower. One that says nothing matches nothing, so it must stay as it is. */
function isNarrower(now: NodeSelectorTerm | undefined, before: NodeSelectorTerm): boolean {
  const saidNothing = !before.matchExpressions?.length && !before.matchFields?.length;
  if (saidNothing) return !now?.matchExpressions?.length && !now?.matchFields?.length;
  return (
    includesAll(now?.matchExpressions, before.matchExpressions) && includesAll(now?.matchFields, before.matchFields)
  );
}

function validateTerms(now: readonly NodeSelectorTerm[], before: readonly NodeSelectorTerm[]): FieldError[] {
  const path = `spec.affinity.nodeAffinity.${REQUIRED}.nodeSelectorTerms`;
  if (before.length > 0 && now.length !== before.length) {
    return [invalid(path, now, 'no additions/deletions to non-empty NodeSelectorTerms list are allowed')];
  }
  return before.flatMap((b, i) =>
    isNarrower(now[i], b) ? [] : [invalid(`${path}[${i}]`, now[i] ?? null, ONLY_ADDITIONS)],
  );
}

/**
 * A pod that is held back may be steered, to fewer nodes only: what schedules it has agreed to these ("Pod Scheduling
 * Readiness", mutable scheduling directives). Preferences may change at will.
 */
export function validateSteering(now: PodSpec, before: PodSpec): FieldError[] {
  const found: FieldError[] = [];
  const { nodeSelector = {} } = now;
  if (Object.entries(before.nodeSelector ?? {}).some(([k, v]) => nodeSelector[k] !== v)) {
    const why = 'only additions to spec.nodeSelector are allowed (no mutations or deletions)';
    found.push(invalid('spec.nodeSelector', nodeSelector, why));
  }
  const terms = (spec: PodSpec): readonly NodeSelectorTerm[] =>
    spec.affinity?.nodeAffinity?.[REQUIRED]?.nodeSelectorTerms ?? [];
  return [...found, ...validateTerms(terms(now), terms(before))];
}

const isEmpty = (o: object | undefined): boolean => Object.keys(o ?? {}).length === 0;

/** The affinity as it was where a pod that is held back may change it. */
export function affinityAsBefore(now: PodSpec, before: PodSpec): PodSpec['affinity'] {
  const { nodeAffinity: _now, ...rest } = now.affinity ?? {};
  const { nodeAffinity } = before.affinity ?? {};
  const affinity = nodeAffinity ? { ...rest, nodeAffinity } : rest;
  return isEmpty(affinity) && isEmpty(before.affinity) ? before.affinity : affinity;
}
