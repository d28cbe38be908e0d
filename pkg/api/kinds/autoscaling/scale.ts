import { defineKind, topLevel } from '../../kind.ts';
import { f, int32, objectsIn, req, str, type TypeOf } from '../../schema/schema.ts';
import { nonNegative } from '../check/check.ts';
import { ageColumn, nameColumn, numberColumn } from '../print/columns.ts';

const PKG = 'io.k8s.api.autoscaling.v1';
const obj = objectsIn(PKG);

export const ScaleSpec = obj('ScaleSpec', 'How many replicas are wanted.', {
  replicas: f(1, int32, 'The number.'),
});
export type ScaleSpec = TypeOf<typeof ScaleSpec>;

export const ScaleStatus = obj('ScaleStatus', 'How many replicas there are.', {
  replicas: req(1, int32, 'The number.'),
  selector: f(2, str, 'Which pods are counted.'),
});
export type ScaleStatus = TypeOf<typeof ScaleStatus>;

export const ScaleSchema = topLevel(PKG, 'Scale', 'How many replicas an object has; its scale subresource.', {
  spec: f(2, ScaleSpec, 'How many are wanted.'),
  status: f(3, ScaleStatus, 'How many there are.'),
});
export type Scale = TypeOf<typeof ScaleSchema>;

/** Spoken by the scale subresource of other kinds only; not a resource of its own. */
export const Scales = defineKind<Scale>({
  group: 'autoscaling',
  version: 'v1',
  kind: 'Scale',
  plural: 'scales',
  verbs: ['get', 'patch', 'update'],
  schema: ScaleSchema,
  validate: (o) => nonNegative('spec.replicas', o.spec?.replicas),
  columns: [
    nameColumn,
    numberColumn('Desired', 'Replicas wanted.', (o) => o.spec?.replicas ?? 0),
    numberColumn('Available', 'Replicas there are.', (o) => o.status?.replicas ?? 0),
    ageColumn,
  ],
});
