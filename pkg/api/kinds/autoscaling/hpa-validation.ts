import { type FieldError, forbidden, invalid, notSupported, required } from '../../meta/fielderrors.ts';
import { oneOfRequired } from '../check/check.ts';
import type { HorizontalPodAutoscaler, HPAScalingRules } from './horizontalpodautoscaler.ts';
import type { MetricSpec, MetricTarget } from './metrics.ts';

/** The field that holds a metric of each type. */
const FIELD_OF = {
  ContainerResource: 'containerResource',
  External: 'external',
  Object: 'object',
  Pods: 'pods',
  Resource: 'resource',
} as const;

function validateTarget(path: string, t: MetricTarget | undefined): FieldError[] {
  if (!t?.type) return [required(`${path}.type`, 'must specify a metric target type')];
  const found = oneOfRequired(`${path}.type`, t.type, ['AverageValue', 'Utilization', 'Value']);
  if (t.averageUtilization !== undefined && t.averageUtilization < 1) {
    found.push(invalid(`${path}.averageUtilization`, t.averageUtilization, 'must be greater than 0'));
  }
  if (t.type === 'Utilization' && t.averageUtilization === undefined) {
    found.push(required(`${path}.averageUtilization`, 'must specify a positive target averageUtilization'));
  }
  return found;
}

function validateMetric(path: string, m: MetricSpec): FieldError[] {
  if (!m.type) return [required(`${path}.type`, 'must specify a metric source type')];
  const field = Object.hasOwn(FIELD_OF, m.type) ? FIELD_OF[m.type] : undefined;
  if (!field) return [notSupported(`${path}.type`, m.type, Object.keys(FIELD_OF))];
  const found: FieldError[] = [];
  if (!m[field]) found.push(required(`${path}.${field}`, 'must populate information for the given metric source'));
  for (const other of Object.values(FIELD_OF)) {
    if (other !== field && m[other]) {
      found.push(forbidden(`${path}.${other}`, 'must populate the given metric source only'));
    }
  }
  const source = m[field];
  if (source) {
    found.push(...validateTarget(`${path}.${field}.target`, source.target));
    if ('name' in source && !source.name) found.push(required(`${path}.${field}.name`, 'must specify a resource name'));
    if ('container' in source && !source.container) found.push(required(`${path}.${field}.container`));
  }
  return found;
}

const MAX_WINDOW_SECONDS = 3600;
const MAX_PERIOD_SECONDS = 1800;

function validateRules(path: string, r: HPAScalingRules | undefined): FieldError[] {
  if (!r) return [];
  const found: FieldError[] = [];
  const window = r.stabilizationWindowSeconds;
  const at = `${path}.stabilizationWindowSeconds`;
  if (window !== undefined && window < 0) found.push(invalid(at, window, 'must be greater than or equal to zero'));
  if (window !== undefined && window > MAX_WINDOW_SECONDS) {
    found.push(invalid(at, window, `must be less than or equal to ${MAX_WINDOW_SECONDS}`));
  }
  if (!r.policies?.length) return [...found, required(`${path}.policies`, 'must specify at least one Policy')];
  for (const [i, p] of r.policies.entries()) {
    const here = `${path}.policies[${i}]`;
    found.push(...oneOfRequired(`${here}.type`, p.type, ['Percent', 'Pods']));
    if (p.value <= 0) found.push(invalid(`${here}.value`, p.value, 'must be greater than zero'));
    if (p.periodSeconds <= 0)
      found.push(invalid(`${here}.periodSeconds`, p.periodSeconds, 'must be greater than zero'));
    if (p.periodSeconds > MAX_PERIOD_SECONDS) {
      found.push(
        invalid(`${here}.periodSeconds`, p.periodSeconds, `must be less than or equal to ${MAX_PERIOD_SECONDS}`),
      );
    }
  }
  return found;
}

export function validateAutoscaler(o: HorizontalPodAutoscaler): FieldError[] {
  const { spec } = o;
  if (!spec) return [required('spec.scaleTargetRef.kind')];
  const found: FieldError[] = [];
  const { minReplicas: min, maxReplicas: max } = spec;
  if (min !== undefined && min < 1) {
    found.push(invalid('spec.minReplicas', min, 'must be greater than or equal to 1'));
  }
  if (!(max >= 1)) found.push(invalid('spec.maxReplicas', max ?? 0, 'must be greater than 0'));
  if (min !== undefined && max < min) {
    found.push(invalid('spec.maxReplicas', max, 'must be greater than or equal to `minReplicas`'));
  }
  for (const k of ['kind', 'name'] as const) {
    if (!spec.scaleTargetRef?.[k]) found.push(required(`spec.scaleTargetRef.${k}`));
  }
  return [
    ...found,
    ...(spec.metrics ?? []).flatMap((m, i) => validateMetric(`spec.metrics[${i}]`, m)),
    ...validateRules('spec.behavior.scaleUp', spec.behavior?.scaleUp),
    ...validateRules('spec.behavior.scaleDown', spec.behavior?.scaleDown),
  ];
}
