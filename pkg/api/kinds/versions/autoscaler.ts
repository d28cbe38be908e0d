import { defineKind, topLevel } from '../../kind.ts';
import type { KubeObject } from '../../meta/objectmeta.ts';
import { f, int32, int64, objectsIn, req, type TypeOf, time } from '../../schema/schema.ts';
import { type HorizontalPodAutoscaler, HorizontalPodAutoscalers } from '../autoscaling/horizontalpodautoscaler.ts';
import { CrossVersionObjectReference, type MetricSpec, type MetricStatus } from '../autoscaling/metrics.ts';
import { metricFromV1, metricToV1 } from './autoscaler-metrics.ts';
import { viaStored } from './renamed.ts';

const PKG = 'io.k8s.api.autoscaling.v1';
const obj = objectsIn(PKG);

const Spec = obj('HorizontalPodAutoscalerSpec', 'What to scale, and by which use of the processor.', {
  scaleTargetRef: req(1, CrossVersionObjectReference, 'The object to scale.'),
  minReplicas: f(2, int32, 'Fewest replicas.', { ptr: true, default: 1 }),
  maxReplicas: req(3, int32, 'Most replicas.'),
  targetCPUUtilizationPercentage: f(4, int32, 'Use of the processor wanted, in percent of the request.', { ptr: true }),
});
const Status = obj('HorizontalPodAutoscalerStatus', 'What was last observed of an autoscaler.', {
  observedGeneration: f(1, int64, 'Generation this status was computed for.', { ptr: true }),
  lastScaleTime: f(2, time, 'When it last scaled.'),
  currentReplicas: req(3, int32, 'Replicas there are.'),
  desiredReplicas: req(4, int32, 'Replicas wanted.'),
  currentCPUUtilizationPercentage: f(5, int32, 'Use of the processor, in percent of the request.', { ptr: true }),
});
const Schema = topLevel(PKG, 'HorizontalPodAutoscaler', 'Sets the number of replicas by the use of the processor.', {
  spec: f(2, Spec, 'What to scale.'),
  status: f(3, Status, 'What was last observed.'),
});
export type HorizontalPodAutoscalerV1 = TypeOf<typeof Schema>;

/** What this version has no fields for travels in annotations, as JSON. */
const PREFIX = 'autoscaling.alpha.kubernetes.io/';
const METRICS = `${PREFIX}metrics`;
const CURRENT = `${PREFIX}current-metrics`;
const CONDITIONS = `${PREFIX}conditions`;
const BEHAVIOR = `${PREFIX}behavior`;

const isCpu = (m: MetricSpec): boolean =>
  m.type === 'Resource' && m.resource?.name === 'cpu' && m.resource.target.averageUtilization !== undefined;
const isCpuNow = (m: MetricStatus): boolean =>
  m.type === 'Resource' && m.resource?.name === 'cpu' && m.resource.current.averageUtilization !== undefined;

const annotation = (key: string, value: readonly unknown[] | object | undefined): Record<string, string> =>
  value === undefined || (Array.isArray(value) && value.length === 0) ? {} : { [key]: JSON.stringify(value) };

/** An annotation anybody can write: what does not parse is as good as absent. */
function parsed<T>(text: string | undefined): T | undefined {
  try {
    return text === undefined ? undefined : (JSON.parse(text) as T);
  } catch {
    return undefined;
  }
}

/** v2 → v1. */
function fromStored(o: HorizontalPodAutoscaler): HorizontalPodAutoscalerV1 {
  const { metrics = [], behavior, ...spec } = o.spec ?? { scaleTargetRef: { kind: '', name: '' }, maxReplicas: 0 };
  const {
    currentMetrics,
    conditions,
    currentReplicas = 0,
    ...status
  } = o.status ?? { desiredReplicas: 0, currentMetrics: [] };
  const cpu = metrics.find(isCpu)?.resource?.target.averageUtilization;
  const now = currentMetrics?.find(isCpuNow)?.resource?.current.averageUtilization;
  const firstCpu = metrics.findIndex(isCpu);
  const annotations = {
    ...o.metadata?.annotations,
    ...annotation(METRICS, metrics.filter((_, i) => i !== firstCpu).map(metricToV1)),
    ...annotation(CURRENT, currentMetrics?.map(metricToV1)),
    ...annotation(CONDITIONS, conditions),
    ...annotation(BEHAVIOR, behavior),
  };
  return {
    ...o,
    metadata: { ...o.metadata, ...(Object.keys(annotations).length > 0 ? { annotations } : {}) },
    spec: { ...spec, ...(cpu === undefined ? {} : { targetCPUUtilizationPercentage: cpu }) },
    status: { ...status, currentReplicas, ...(now === undefined ? {} : { currentCPUUtilizationPercentage: now }) },
  };
}

/** v1 → v2. */
function toStored(o: HorizontalPodAutoscalerV1): HorizontalPodAutoscaler {
  const given = o.metadata?.annotations ?? {};
  const kept = Object.entries(given).filter(([k]) => ![METRICS, CURRENT, CONDITIONS, BEHAVIOR].includes(k));
  const { annotations: _a, ...meta } = o.metadata ?? {};
  const metadata = kept.length > 0 ? { ...meta, annotations: Object.fromEntries(kept) } : meta;
  const { targetCPUUtilizationPercentage: cpu, ...spec } = o.spec ?? {
    scaleTargetRef: { kind: '', name: '' },
    maxReplicas: 0,
  };
  const cpuMetric: MetricSpec[] =
    cpu === undefined
      ? []
      : [{ type: 'Resource', resource: { name: 'cpu', target: { type: 'Utilization', averageUtilization: cpu } } }];
  const others = (parsed<unknown[]>(given[METRICS]) ?? []).flatMap((m) => metricFromV1(m, 'target') ?? []);
  const metrics = [...cpuMetric, ...(others as MetricSpec[])];
  const behavior = parsed<NonNullable<HorizontalPodAutoscaler['spec']>['behavior']>(given[BEHAVIOR]);
  const { currentCPUUtilizationPercentage: now, ...status } = o.status ?? { currentReplicas: 0, desiredReplicas: 0 };
  const current = (parsed<unknown[]>(given[CURRENT]) ?? []).flatMap((m) => metricFromV1(m, 'current') ?? []);
  const nowMetric: MetricStatus[] =
    now === undefined || (current as MetricStatus[]).some(isCpuNow)
      ? []
      : [{ type: 'Resource', resource: { name: 'cpu', current: { averageUtilization: now } } }];
  const conditions = parsed<NonNullable<HorizontalPodAutoscaler['status']>['conditions']>(given[CONDITIONS]);
  return {
    ...o,
    metadata,
    spec: { ...spec, ...(metrics.length > 0 ? { metrics } : {}), ...(behavior ? { behavior } : {}) },
    status: {
      ...status,
      currentMetrics: [...nowMetric, ...(current as MetricStatus[])],
      ...(conditions ? { conditions } : {}),
    },
  };
}

export const HorizontalPodAutoscalersV1 = defineKind<HorizontalPodAutoscalerV1>({
  group: 'autoscaling',
  version: 'v1',
  kind: 'HorizontalPodAutoscaler',
  plural: 'horizontalpodautoscalers',
  shortNames: ['hpa'],
  categories: ['all'],
  hasStatus: true,
  hasGeneration: false,
  schema: Schema,
  storedAs: {
    kind: HorizontalPodAutoscalers as never,
    toStored,
    fromStored: fromStored as (o: KubeObject) => HorizontalPodAutoscalerV1,
  },
  columns: viaStored(HorizontalPodAutoscalers.columns, toStored),
});
