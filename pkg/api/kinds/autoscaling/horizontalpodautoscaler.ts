import { defineKind, topLevel } from '../../kind.ts';
import {
  arr,
  f,
  int32,
  int64,
  mapList,
  objectsIn,
  oneOf,
  quantity,
  req,
  str,
  type TypeOf,
  time,
} from '../../schema/schema.ts';
import { validateNumbers } from '../check/status-validation.ts';
import { ConditionStatus } from '../core/values.ts';
import { dropDisabledFields } from '../disabled-fields.ts';
import { ageColumn, column, nameColumn, numberColumn, UNSET } from '../print/columns.ts';
import { defaultAutoscaler } from './hpa-defaults.ts';
import { targetsText } from './hpa-table.ts';
import { validateAutoscaler } from './hpa-validation.ts';
import { CrossVersionObjectReference, MetricSpec, MetricStatus } from './metrics.ts';

const PKG = 'io.k8s.api.autoscaling.v2';
const obj = objectsIn(PKG);

export const HPAScalingPolicy = obj('HPAScalingPolicy', 'One bound of the speed of change.', {
  type: req(1, oneOf('Percent', 'Pods'), 'Pods or Percent.'),
  value: req(2, int32, 'The bound.'),
  periodSeconds: req(3, int32, 'Seconds over which it holds.'),
});
export type HPAScalingPolicy = TypeOf<typeof HPAScalingPolicy>;

export const HPAScalingRules = obj('HPAScalingRules', 'How fast to scale in one direction.', {
  stabilizationWindowSeconds: f(3, int32, 'Seconds of past advice to heed.', { ptr: true }),
  selectPolicy: f(1, oneOf('Disabled', 'Max', 'Min'), 'Which policy wins.', { ptr: true }),
  policies: f(2, arr(HPAScalingPolicy), 'Bounds of the speed.', { keepEmpty: true }),
  tolerance: f(4, quantity, 'Deviation that is ignored.', { ptr: true }),
});
export type HPAScalingRules = TypeOf<typeof HPAScalingRules>;

export const HorizontalPodAutoscalerBehavior = obj('HorizontalPodAutoscalerBehavior', 'How fast to scale.', {
  scaleUp: f(1, HPAScalingRules, 'Upwards.'),
  scaleDown: f(2, HPAScalingRules, 'Downwards.'),
});
export type HorizontalPodAutoscalerBehavior = TypeOf<typeof HorizontalPodAutoscalerBehavior>;

export const HorizontalPodAutoscalerSpec = obj('HorizontalPodAutoscalerSpec', 'What to scale, and by what.', {
  scaleTargetRef: req(1, CrossVersionObjectReference, 'The object to scale.'),
  minReplicas: f(2, int32, 'Fewest replicas.', { ptr: true, default: 1 }),
  maxReplicas: req(3, int32, 'Most replicas.'),
  metrics: f(4, arr(MetricSpec), 'Metrics to go by.'),
  behavior: f(5, HorizontalPodAutoscalerBehavior, 'How fast to scale.'),
});
export type HorizontalPodAutoscalerSpec = TypeOf<typeof HorizontalPodAutoscalerSpec>;

export const HorizontalPodAutoscalerCondition = obj(
  'HorizontalPodAutoscalerCondition',
  "One aspect of an autoscaler's state.",
  {
    type: req(1, str, 'Which aspect.'),
    status: req(2, ConditionStatus, 'True, False or Unknown.'),
    lastTransitionTime: f(3, time, 'When the status last changed.'),
    reason: f(4, str, 'Short reason, in CamelCase.'),
    message: f(5, str, 'Explanation for people.'),
  },
);
export type HorizontalPodAutoscalerCondition = TypeOf<typeof HorizontalPodAutoscalerCondition>;

export const HorizontalPodAutoscalerStatus = obj(
  'HorizontalPodAutoscalerStatus',
  'What was last observed of an autoscaler.',
  {
    observedGeneration: f(1, int64, 'Generation this status was computed for.', { ptr: true }),
    lastScaleTime: f(2, time, 'When it last scaled.'),
    currentReplicas: f(3, int32, 'Replicas there are.'),
    desiredReplicas: req(4, int32, 'Replicas wanted.'),
    currentMetrics: req(5, arr(MetricStatus), 'Metrics as last read.'),
    conditions: f(6, mapList(HorizontalPodAutoscalerCondition, 'type'), 'Aspects of its state.'),
  },
);
export type HorizontalPodAutoscalerStatus = TypeOf<typeof HorizontalPodAutoscalerStatus>;

export const HorizontalPodAutoscalerSchema = topLevel(
  PKG,
  'HorizontalPodAutoscaler',
  'Sets the number of replicas by metrics.',
  {
    spec: f(2, HorizontalPodAutoscalerSpec, 'What to scale, and by what.'),
    status: f(3, HorizontalPodAutoscalerStatus, 'What was last observed.'),
  },
);
export type HorizontalPodAutoscaler = TypeOf<typeof HorizontalPodAutoscalerSchema>;

/** A tolerance of its own (HPAConfigurableTolerance) is off in v1.33. */
function dropTolerance({ spec }: HorizontalPodAutoscaler, old?: HorizontalPodAutoscaler): void {
  const before = old?.spec?.behavior;
  for (const k of ['scaleUp', 'scaleDown'] as const) {
    dropDisabledFields(spec?.behavior?.[k], before?.[k], ['tolerance']);
  }
}

export const HorizontalPodAutoscalers = defineKind<HorizontalPodAutoscaler>({
  group: 'autoscaling',
  version: 'v2',
  kind: 'HorizontalPodAutoscaler',
  plural: 'horizontalpodautoscalers',
  shortNames: ['hpa'],
  categories: ['all'],
  hasStatus: true,
  hasGeneration: false,
  schema: HorizontalPodAutoscalerSchema,
  defaults: defaultAutoscaler,
  prepareCreate: (o) => {
    dropTolerance(o);
    o.status = { currentMetrics: [], desiredReplicas: 0 };
  },
  prepareUpdate: dropTolerance,
  validate: validateAutoscaler,
  validateStatus: (o) => validateNumbers(o.status, ['currentReplicas', 'desiredReplicas']),
  columns: [
    nameColumn,
    column(
      'Reference',
      'The object it scales.',
      (o) => `${o.spec?.scaleTargetRef?.kind ?? ''}/${o.spec?.scaleTargetRef?.name ?? ''}`,
    ),
    column('Targets', 'Metrics, as they are and as they should be.', targetsText),
    column('MinPods', 'Fewest replicas.', (o) => String(o.spec?.minReplicas ?? UNSET)),
    numberColumn('MaxPods', 'Most replicas.', (o) => o.spec?.maxReplicas ?? 0),
    numberColumn('Replicas', 'Replicas there are.', (o) => o.status?.currentReplicas ?? 0),
    ageColumn,
  ],
});
