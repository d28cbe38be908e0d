import { defineKind, topLevel } from '../../kind.ts';
import { Condition } from '../../meta/condition.ts';
import { LabelSelector } from '../../meta/labelselector.ts';
import {
  f,
  int32,
  int64,
  intOrString,
  map,
  mapList,
  objectsIn,
  oneOf,
  req,
  type TypeOf,
  time,
} from '../../schema/schema.ts';

const PKG = 'io.k8s.api.policy.v1';
const obj = objectsIn(PKG);

export const PodDisruptionBudgetSpec = obj('PodDisruptionBudgetSpec', 'How many pods must stay.', {
  minAvailable: f(1, intOrString, 'Pods that must stay: a number or a percentage.'),
  selector: f(2, LabelSelector, 'Which pods are guarded.', { patchStrategy: 'replace' }),
  maxUnavailable: f(3, intOrString, 'Pods that may be missing: a number or a percentage.'),
  unhealthyPodEvictionPolicy: f(
    4,
    oneOf('AlwaysAllow', 'IfHealthyBudget'),
    'When pods that are not ready may be evicted.',
    { ptr: true },
  ),
});
export type PodDisruptionBudgetSpec = TypeOf<typeof PodDisruptionBudgetSpec>;

export const PodDisruptionBudgetStatus = obj('PodDisruptionBudgetStatus', 'What was last observed of a budget.', {
  observedGeneration: f(1, int64, 'Generation this status was computed for.'),
  disruptedPods: f(2, map(time), 'Pods whose eviction was granted and not yet seen.'),
  disruptionsAllowed: req(3, int32, 'Pods that may be evicted now.'),
  currentHealthy: req(4, int32, 'Healthy pods.'),
  desiredHealthy: req(5, int32, 'Healthy pods needed.'),
  expectedPods: req(6, int32, 'Pods counted.'),
  conditions: f(7, mapList(Condition, 'type'), 'Aspects of its state.'),
});
export type PodDisruptionBudgetStatus = TypeOf<typeof PodDisruptionBudgetStatus>;

export const PodDisruptionBudgetSchema = topLevel(
  PKG,
  'PodDisruptionBudget',
  'Limits how many pods of a set are evicted at a time.',
  {
    spec: f(2, PodDisruptionBudgetSpec, 'How many must stay.'),
    status: f(3, PodDisruptionBudgetStatus, 'What was last observed.'),
  },
);
export type PodDisruptionBudget = TypeOf<typeof PodDisruptionBudgetSchema>;

export const PodDisruptionBudgets = defineKind<PodDisruptionBudget>({
  group: 'policy',
  version: 'v1',
  kind: 'PodDisruptionBudget',
  plural: 'poddisruptionbudgets',
  shortNames: ['pdb'],
  hasStatus: true,
  schema: PodDisruptionBudgetSchema,
});
