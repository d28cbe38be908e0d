import { defineKind, topLevel } from '../../kind.ts';
import { Condition } from '../../meta/condition.ts';
import { type FieldError, invalid } from '../../meta/fielderrors.ts';
import { validateLabelSelector } from '../../meta/labels.ts';
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
import { countOrPercent, notAboveHundredPercent, oneOfOptional } from '../check/check.ts';
import { ageColumn, column, nameColumn, numberColumn } from '../print/columns.ts';

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
    spec: f(2, PodDisruptionBudgetSpec, 'How many must stay.', { default: {} }),
    status: f(3, PodDisruptionBudgetStatus, 'What was last observed.'),
  },
);
export type PodDisruptionBudget = TypeOf<typeof PodDisruptionBudgetSchema>;

function validateBudget(o: PodDisruptionBudget): FieldError[] {
  const spec = o.spec ?? {};
  const { minAvailable: min, maxUnavailable: max } = spec;
  const found: FieldError[] = [];
  if (min !== undefined && max !== undefined) {
    found.push(invalid('spec', spec, 'minAvailable and maxUnavailable cannot be both set'));
  }
  for (const [k, v] of [
    ['minAvailable', min],
    ['maxUnavailable', max],
  ] as const) {
    if (v === undefined) continue;
    found.push(...countOrPercent(`spec.${k}`, v), ...notAboveHundredPercent(`spec.${k}`, v));
  }
  return [
    ...found,
    ...validateLabelSelector(spec.selector, 'spec.selector'),
    ...oneOfOptional('spec.unhealthyPodEvictionPolicy', spec.unhealthyPodEvictionPolicy, [
      'AlwaysAllow',
      'IfHealthyBudget',
    ]),
  ];
}

export const PodDisruptionBudgets = defineKind<PodDisruptionBudget>({
  group: 'policy',
  version: 'v1',
  kind: 'PodDisruptionBudget',
  plural: 'poddisruptionbudgets',
  needsVersion: true,
  shortNames: ['pdb'],
  // Kubernetes looks no closer at its name.
  nameRule: 'pathSegment',
  hasStatus: true,
  schema: PodDisruptionBudgetSchema,
  prepareCreate: (o) => {
    o.status = { disruptionsAllowed: 0, currentHealthy: 0, desiredHealthy: 0, expectedPods: 0 };
  },
  validate: validateBudget,
  columns: [
    nameColumn,
    column('Min Available', 'Pods that must stay.', (o) => String(o.spec?.minAvailable ?? 'N/A')),
    column('Max Unavailable', 'Pods that may be missing.', (o) => String(o.spec?.maxUnavailable ?? 'N/A')),
    numberColumn('Allowed Disruptions', 'Pods that may be evicted now.', (o) => o.status?.disruptionsAllowed ?? 0),
    ageColumn,
  ],
});
