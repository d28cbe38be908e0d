import { defineKind, topLevel } from '../../kind.ts';
import { duplicate, type FieldError, forbidden, invalid, required } from '../../meta/fielderrors.ts';
import { qualifiedName } from '../../meta/names.ts';
import { compareQuantities } from '../../meta/quantity.ts';
import { arr, f, objectsIn, req, str, type TypeOf } from '../../schema/schema.ts';
import { invalidFor } from '../check/check.ts';
import { createdColumn, nameColumn } from '../print/columns.ts';
import { validateResourceName } from './pod/resource-validation.ts';
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

/** Pairs that must be in order: the first may not be above the second. */
const ORDER: readonly [Bound, Bound, string, string][] = [
  ['min', 'max', 'min', 'max'],
  ['min', 'defaultRequest', 'min', 'default request'],
  ['defaultRequest', 'max', 'default request', 'max'],
  ['defaultRequest', 'default', 'default request', 'default limit'],
  ['default', 'max', 'default', 'max'],
];

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
    for (const [low, high, lowName, highName] of ORDER) {
      const a = item[low]?.[name];
      const b = item[high]?.[name];
      if (a === undefined || b === undefined || compareQuantities(a, b) <= 0) continue;
      const why = `${lowName} value ${a} is greater than ${highName} value ${b}`;
      found.push(invalid(`${path}.${low}[${name}]`, a, why));
    }
  }
  if (item.type === 'Pod') {
    for (const k of ['default', 'defaultRequest'] as const) {
      if (item[k]) found.push(forbidden(`${path}.${k}`, "may not be specified when `type` is 'Pod'"));
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
    const found = item.type
      ? invalidFor(`${path}.type`, item.type, qualifiedName(item.type))
      : [required(`${path}.type`)];
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
  validate: validateLimitRange,
  columns: [nameColumn, createdColumn],
});
