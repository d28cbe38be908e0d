import { apiVersionOf, type Kind } from '../../kind.ts';
import type { LabelSelector } from '../../meta/labelselector.ts';
import type { KubeObject } from '../../meta/objectmeta.ts';
import { HorizontalPodAutoscalers } from '../autoscaling/horizontalpodautoscaler.ts';
import { CronJobs } from '../batch/cronjob.ts';
import { type PodDisruptionBudget, PodDisruptionBudgets } from '../policy/poddisruptionbudget.ts';

const unchanged = (o: KubeObject): KubeObject => o;

/** An older version whose objects look like those of today. @param since from when on it should not be used, and until when it was */
function olderVersion<T extends KubeObject>(kind: Kind<T>, version: string, since: readonly [string, string]): Kind<T> {
  const { group, kind: name } = kind;
  const pkg = `io.k8s.api.${group}.${version}`;
  return {
    ...kind,
    version,
    deprecated: `${group}/${version} ${name} is deprecated in ${since[0]}+, unavailable in ${since[1]}+; use ${apiVersionOf(kind)} ${name}`,
    schema: { ...kind.schema, pkg },
    storedAs: { kind: kind as never, toStored: unchanged, fromStored: unchanged as (o: KubeObject) => T },
  };
}

export const CronJobsV1Beta1 = olderVersion(CronJobs, 'v1beta1', ['v1.21', 'v1.25']);

/** The second beta of autoscaling/v2 is v2 by another name. */
export const HorizontalPodAutoscalersV2Beta2 = olderVersion(HorizontalPodAutoscalers, 'v2beta2', ['v1.23', 'v1.26']);

/** Stands in v1 for the empty selector of v1beta1, which selects nothing there but everything here. */
const NOTHING = 'pdb.kubernetes.io/deprecated-v1beta1-empty-selector-match';

const isEmpty = (s: LabelSelector | undefined): boolean =>
  s !== undefined && Object.keys(s.matchLabels ?? {}).length === 0 && (s.matchExpressions ?? []).length === 0;

function toV1({ spec, ...rest }: PodDisruptionBudget): PodDisruptionBudget {
  if (!isEmpty(spec?.selector)) return spec ? { ...rest, spec } : rest;
  return { ...rest, spec: { ...spec, selector: { matchExpressions: [{ key: NOTHING, operator: 'Exists' }] } } };
}

function fromV1({ spec, ...rest }: PodDisruptionBudget): PodDisruptionBudget {
  const isNothing = spec?.selector?.matchExpressions?.some((e) => e.key === NOTHING && e.operator === 'Exists');
  if (isNothing) return { ...rest, spec: { ...spec, selector: {} } };
  return spec ? { ...rest, spec } : rest;
}

const budgets = olderVersion(PodDisruptionBudgets, 'v1beta1', ['v1.21', 'v1.25']);
export const PodDisruptionBudgetsV1Beta1: Kind<PodDisruptionBudget> = {
  ...budgets,
  storedAs: {
    kind: PodDisruptionBudgets as never,
    toStored: toV1,
    fromStored: fromV1 as (o: KubeObject) => PodDisruptionBudget,
  },
};
