import { defineKind, topLevel } from '../../kind.ts';
import { arr, f, objectsIn, req, str, type TypeOf } from '../../schema/schema.ts';
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

export const LimitRanges = defineKind<LimitRange>({
  group: '',
  version: 'v1',
  kind: 'LimitRange',
  plural: 'limitranges',
  shortNames: ['limits'],
  schema: LimitRangeSchema,
});
