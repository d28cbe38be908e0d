import { type FieldError, forbidden, invalid, notSupported, required } from '../../meta/fielderrors.ts';
import { validateLabelSelector } from '../../meta/labels.ts';
import { pathSegment } from '../../meta/names.ts';
import { compareQuantities } from '../../meta/quantity.ts';
import { invalidFor, oneOfOptional } from '../check/check.ts';
import type {
  HorizontalPodAutoscaler,
  HorizontalPodAutoscalerSpec,
  HPAScalingRules,
} from './horizontalpodautoscaler.ts';
import type { CrossVersionObjectReference, MetricSpec, MetricTarget } from './metrics.ts';

/** The field that holds a metric of each type. */
const FIELD_OF = {
  ContainerResource: 'containerResource',
  External: 'external',
  Object: 'object',
  Pods: 'pods',
  Resource: 'resource',
} as const;

type Field = (typeof FIELD_OF)[keyof typeof FIELD_OF];

/** Which values a target of a metric can go by: one must be given; those of a pair exclude each other. */
interface Choice {
  readonly of: readonly (keyof MetricTarget)[];
  /** The field that is missing, and what is said of it. */
  readonly missing: readonly [keyof MetricTarget, string];
  /** The field that is one too many. */
  readonly extra?: readonly [keyof MetricTarget, string];
}

const OF_RESOURCE: Choice = {
  of: ['averageUtilization', 'averageValue'],
  missing: ['averageUtilization', 'must set either a target raw value or a target utilization'],
  extra: ['averageValue', 'may not set both a target raw value and a target utilization'],
};
const CHOICES: Readonly<Record<Field, Choice>> = {
  resource: OF_RESOURCE,
  containerResource: OF_RESOURCE,
  pods: { of: ['averageValue'], missing: ['averageValue', 'must specify a positive target averageValue'] },
  object: {
    of: ['value', 'averageValue'],
    missing: ['averageValue', 'must set either a target value or averageValue'],
  },
  external: {
    of: ['value', 'averageValue'],
    missing: ['averageValue', 'must set either a target value for metric or a per-pod target'],
    extra: ['value', 'may not set both a target value for metric and a per-pod target'],
  },
};
const TARGETS = ['AverageValue', 'Utilization', 'Value'];

function validateTarget(path: string, t: MetricTarget | undefined, choice: Choice): FieldError[] {
  const found: FieldError[] = [];
  const { type, averageUtilization } = t ?? {};
  if (!type) found.push(required(`${path}.type`, 'must specify a metric target type'));
  if (!type || !TARGETS.includes(type)) {
    found.push(invalid(`${path}.type`, type ?? '', 'must be either Utilization, Value, or AverageValue'));
  }
  for (const k of ['value', 'averageValue'] as const) {
    const amount = t?.[k];
    if (amount !== undefined && compareQuantities(amount, '0') <= 0) {
      found.push(invalid(`${path}.${k}`, amount, 'must be positive'));
    }
  }
  if (averageUtilization !== undefined && averageUtilization < 1) {
    found.push(invalid(`${path}.averageUtilization`, averageUtilization, 'must be greater than 0'));
  }
  const given = choice.of.filter((k) => t?.[k] !== undefined).length;
  if (given === 0) found.push(required(`${path}.${choice.missing[0]}`, choice.missing[1]));
  if (given > 1 && choice.extra) found.push(forbidden(`${path}.${choice.extra[0]}`, choice.extra[1]));
  return found;
}

function validateMetric(path: string, m: MetricSpec): FieldError[] {
  const missing = m.type ? [] : [required(`${path}.type`, 'must specify a metric source type')];
  const field = Object.hasOwn(FIELD_OF, m.type ?? '') ? FIELD_OF[m.type] : undefined;
  if (!field) return [...missing, notSupported(`${path}.type`, m.type ?? '', Object.keys(FIELD_OF))];
  const found: FieldError[] = [];
  if (!m[field]) found.push(required(`${path}.${field}`, 'must populate information for the given metric source'));
  for (const other of Object.values(FIELD_OF)) {
    if (other !== field && m[other]) {
      found.push(forbidden(`${path}.${other}`, 'must populate the given metric source only'));
    }
  }
  const source = m[field];
  return source ? [...found, ...validateSource(`${path}.${field}`, source, field)] : found;
}

/** What sources have, whichever it is. */
type AnySource = NonNullable<MetricSpec['object']> & NonNullable<MetricSpec['containerResource']>;

function validateSource(path: string, source: Partial<AnySource>, field: Field): FieldError[] {
  const found = validateTarget(`${path}.target`, source.target, CHOICES[field]);
  if (field === 'pods' || field === 'object' || field === 'external') {
    const { name, selector } = source.metric ?? {};
    if (!name) found.push(required(`${path}.metric.name`, 'must specify a metric name'));
    else found.push(...invalidFor(`${path}.metric.name`, name, pathSegment(name)));
    found.push(...validateLabelSelector(selector, `${path}.metric.selector`));
  } else if (!source.name) found.push(required(`${path}.name`, 'must specify a resource name'));
  if (field === 'object') found.push(...validateReference(`${path}.describedObject`, source.describedObject));
  if (field === 'containerResource' && !source.container) {
    found.push(required(`${path}.container`, 'must specify a container'));
  }
  return found;
}

const validateReference = (path: string, ref: CrossVersionObjectReference | undefined): FieldError[] =>
  (['kind', 'name'] as const).flatMap((k) => {
    const text = ref?.[k];
    return text ? invalidFor(`${path}.${k}`, text, pathSegment(text)) : [required(`${path}.${k}`)];
  });

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
  found.push(...oneOfOptional(`${path}.selectPolicy`, r.selectPolicy, ['Disabled', 'Max', 'Min']));
  if (!r.policies?.length) return [...found, required(`${path}.policies`, 'must specify at least one Policy')];
  for (const [i, p] of r.policies.entries()) {
    const here = `${path}.policies[${i}]`;
    found.push(...oneOfOptional(`${here}.type`, p.type ?? '', ['Percent', 'Pods']));
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

/** Without pods, only what is measured elsewhere can ask for some. */
function validateIdle({ minReplicas, metrics }: Partial<HorizontalPodAutoscalerSpec>): FieldError[] {
  if (minReplicas !== 0 || metrics?.some((m) => m.type === 'Object' || m.type === 'External')) return [];
  const why = 'must specify at least one Object or External metric to support scaling to zero replicas';
  return [forbidden('spec.metrics', why)];
}

export function validateAutoscaler(o: HorizontalPodAutoscaler): FieldError[] {
  const spec: Partial<HorizontalPodAutoscalerSpec> = o.spec ?? {};
  const found: FieldError[] = [];
  const { minReplicas: min, maxReplicas: max = 0 } = spec;
  if (min !== undefined && min < 1) {
    found.push(invalid('spec.minReplicas', min, 'must be greater than or equal to 1'));
  }
  if (!(max >= 1)) found.push(invalid('spec.maxReplicas', max, 'must be greater than 0'));
  if (min !== undefined && max < min) {
    found.push(invalid('spec.maxReplicas', max, 'must be greater than or equal to `minReplicas`'));
  }
  return [
    ...found,
    ...validateReference('spec.scaleTargetRef', spec.scaleTargetRef),
    ...validateIdle(spec),
    ...(spec.metrics ?? []).flatMap((m, i) => validateMetric(`spec.metrics[${i}]`, m)),
    ...validateRules('spec.behavior.scaleUp', spec.behavior?.scaleUp),
    ...validateRules('spec.behavior.scaleDown', spec.behavior?.scaleDown),
  ];
}
