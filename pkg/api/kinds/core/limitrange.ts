import { randomUUID } from 'node:crypto';
import { defineKind, topLevel } from '../../kind.ts';
import { duplicate, type FieldError, forbidden, invalid, required } from '../../meta/fielderrors.ts';
import { qualifiedName } from '../../meta/names.ts';
import { compareQuantities, milliValue } from '../../meta/quantity.ts';
import { arr, f, objectsIn, req, str, type TypeOf } from '../../schema/schema.ts';
import { invalidFor } from '../check/check.ts';
import { createdColumn, nameColumn } from '../print/columns.ts';
import { isOvercommitable, validateResourceName } from './pod/resource-validation.ts';
import { ResourceList } from './values.ts';

const PKG = 'io.k8s.api.core.v1';
const obj = objectsIn(PKG);

export const LimitRangeItem = obj('LimitRangeItem', 'Bounds for one type of object.', {
  type: req(1, str, 'Container, Pod or PersistentVolumeClaim.'),
  max: f(2, ResourceList, 'Upper bound of each resource.'),
  min: f(3, ResourceList, 'Lower bound of each resource.'),
  default: f(4, ResourceList, 'Limits of containers that name none.'),
  defaultRequest: f(5, ResourceList, 'Requests of containers that name none.'),
  maxLimitRequestRatio: f(6, ResourceList, 'Highest ratio of limit to request.'),
});
export type LimitRangeItem = TypeOf<typeof LimitRangeItem>;

export const LimitRangeSpec = obj('LimitRangeSpec', 'Bounds of objects in a namespace.', {
  limits: req(1, arr(LimitRangeItem), 'The bounds.'),
});
export type LimitRangeSpec = TypeOf<typeof LimitRangeSpec>;

export const LimitRangeSchema = topLevel(PKG, 'LimitRange', 'Bounds and defaults of resources in a namespace.', {
  spec: f(2, LimitRangeSpec, 'The bounds.'),
});
export type LimitRange = TypeOf<typeof LimitRangeSchema>;

/** What containers get that name nothing: from max, default and min, in this order of preference. */
function defaultLimits(o: LimitRange): void {
  for (const item of o.spec?.limits ?? []) {
    if (item.type !== 'Container') continue;
    item.default = { ...item.max, ...item.default };
    item.defaultRequest = { ...item.min, ...item.default, ...item.defaultRequest };
    for (const k of ['default', 'defaultRequest'] as const) if (Object.keys(item[k] ?? {}).length === 0) delete item[k];
  }
}

type Bound = 'max' | 'min' | 'default' | 'defaultRequest';

/** Pairs that must be in order: the first may not be above the second. The last two: which of them is at fault, and which is told. */
const ORDER: readonly [low: Bound, high: Bound, lowName: string, highName: string, at: Bound, told: Bound][] = [
  ['min', 'max', 'min', 'max', 'min', 'min'],
  ['min', 'defaultRequest', 'min', 'default request', 'defaultRequest', 'defaultRequest'],
  ['defaultRequest', 'max', 'default request', 'max', 'defaultRequest', 'defaultRequest'],
  ['defaultRequest', 'default', 'default request', 'default limit', 'defaultRequest', 'defaultRequest'],
  ['min', 'default', 'min', 'default', 'default', 'min'],
  ['default', 'max', 'default', 'max', 'default', 'max'],
];

function validateOrder(path: string, item: LimitRangeItem, name: string): FieldError[] {
  return ORDER.flatMap(([low, high, lowName, highName, at, told]) => {
    const a = item[low]?.[name];
    const b = item[high]?.[name];
    if (a === undefined || b === undefined || compareQuantities(a, b) <= 0) return [];
    const why = `${lowName} value ${a} is greater than ${highName} value ${b}`;
    return [invalid(`${path}.${at}[${name}]`, item[told]?.[name], why)];
  });
}

/** How far limits may be above requests: at least as far as nowhere, at most from the lower bound to the upper one. */
function validateRatio(path: string, item: LimitRangeItem, name: string): FieldError[] {
  const ratio = item.maxLimitRequestRatio?.[name];
  if (ratio === undefined) return [];
  const at = `${path}.maxLimitRequestRatio[${name}]`;
  const found = compareQuantities(ratio, '1') < 0 ? [invalid(at, ratio, `ratio ${ratio} is less than 1`)] : [];
  const { min, max } = { min: item.min?.[name], max: item.max?.[name] };
  if (min === undefined || max === undefined) return found;
  const widest = milliValue(max) / milliValue(min);
  // Bounds of nothing say nothing of ratios.
  if (!(milliValue(ratio) / 1000 > widest)) return found;
  return [...found, invalid(at, ratio, `ratio ${ratio} is greater than max/min = ${widest.toFixed(6)}`)];
}

/** What cannot be promised to more than one has the same limit and request. */
function validateFixed(path: string, item: LimitRangeItem, name: string): FieldError[] {
  const limit = item.default?.[name];
  const request = item.defaultRequest?.[name];
  if (limit === undefined || request === undefined || isOvercommitable(name)) return [];
  if (compareQuantities(limit, request) === 0) return [];
  const why = `default value ${limit} must equal to defaultRequest value ${request} in ${name}`;
  return [invalid(`${path}.defaultRequest[${name}]`, request, why)];
}

/** Kinds of limits that need no domain in front. */
const STANDARD_TYPES = ['Container', 'PersistentVolumeClaim', 'Pod'];

function validateType(path: string, type: string): FieldError[] {
  const found = invalidFor(path, type, qualifiedName(type));
  if (found.length > 0 || type.includes('/') || STANDARD_TYPES.includes(type)) return found;
  return [invalid(path, type, 'must be a standard limit type or fully qualified')];
}

function validateItem(path: string, item: LimitRangeItem): FieldError[] {
  const found: FieldError[] = [];
  const others = item.type === 'Pod' || item.type === 'Container' ? [] : ['storage'];
  const names = new Set<string>();
  for (const k of ['max', 'min', 'default', 'defaultRequest', 'maxLimitRequestRatio'] as const) {
    for (const name of Object.keys(item[k] ?? {})) {
      const wrong = validateResourceName(`${path}.${k}[${name}]`, name, others);
      if (wrong.length === 0) names.add(name);
      found.push(...wrong);
    }
  }
  for (const name of names) {
    for (const check of [validateOrder, validateRatio, validateFixed]) found.push(...check(path, item, name));
  }
  if (item.type === 'Pod') {
    for (const k of ['default', 'defaultRequest'] as const) {
      if (Object.keys(item[k] ?? {}).length > 0)
        found.push(forbidden(`${path}.${k}`, "may not be specified when `type` is 'Pod'"));
    }
  }
  if (item.type === 'PersistentVolumeClaim' && !item.min?.storage && !item.max?.storage) {
    found.push(
      required(`${path}.limits`, 'either minimum or maximum storage value is required, but neither was provided'),
    );
  }
  return found;
}

function validateLimitRange(o: LimitRange): FieldError[] {
  const types = new Set<string>();
  return (o.spec?.limits ?? []).flatMap((item, i) => {
    const path = `spec.limits[${i}]`;
    const found = validateType(`${path}.type`, item.type ?? '');
    if (types.has(item.type)) found.push(duplicate(`${path}.type`, item.type));
    types.add(item.type);
    return [...found, ...validateItem(path, item)];
  });
}

export const LimitRanges = defineKind<LimitRange>({
  group: '',
  version: 'v1',
  kind: 'LimitRange',
  plural: 'limitranges',
  shortNames: ['limits'],
  createOnUpdate: true,
  schema: LimitRangeSchema,
  defaults: defaultLimits,
  // Those who set limits seldom care what they are called.
  prepareCreate: (o) => {
    if (!o.metadata?.name) o.metadata = { ...o.metadata, name: randomUUID() };
  },
  validate: validateLimitRange,
  columns: [nameColumn, createdColumn],
});
