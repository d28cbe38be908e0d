import { defineKind, topLevel } from '../../kind.ts';
import { LabelSelector } from '../../meta/labelselector.ts';
import {
  arr,
  f,
  int32,
  int64,
  intOrString,
  mapList,
  objectsIn,
  oneOf,
  req,
  str,
  type TypeOf,
  time,
} from '../../schema/schema.ts';
import { PodTemplateSpec } from '../core/pod/spec.ts';
import { ConditionStatus } from '../core/values.ts';
import { PersistentVolumeClaimSchema } from '../core/volume/claim.ts';

const PKG = 'io.k8s.api.apps.v1';
const obj = objectsIn(PKG);

export const RollingUpdateStatefulSetStrategy = obj('RollingUpdateStatefulSetStrategy', 'Bounds of a rolling update.', {
  partition: f(1, int32, 'Pods with a lower ordinal keep the old revision.', { ptr: true }),
  maxUnavailable: f(2, intOrString, 'Pods that may be missing meanwhile: a number or a percentage.'),
});
export type RollingUpdateStatefulSetStrategy = TypeOf<typeof RollingUpdateStatefulSetStrategy>;

export const StatefulSetUpdateStrategy = obj('StatefulSetUpdateStrategy', 'How old pods are replaced.', {
  type: f(1, oneOf('OnDelete', 'RollingUpdate'), 'RollingUpdate or OnDelete.', { default: 'RollingUpdate' }),
  rollingUpdate: f(2, RollingUpdateStatefulSetStrategy, 'Bounds of a rolling update.'),
});
export type StatefulSetUpdateStrategy = TypeOf<typeof StatefulSetUpdateStrategy>;

export const StatefulSetPersistentVolumeClaimRetentionPolicy = obj(
  'StatefulSetPersistentVolumeClaimRetentionPolicy',
  'What becomes of the claims made from templates.',
  {
    whenDeleted: f(1, oneOf('Delete', 'Retain'), 'When the stateful set is deleted.', { default: 'Retain' }),
    whenScaled: f(2, oneOf('Delete', 'Retain'), 'When it is scaled down.', { default: 'Retain' }),
  },
);
export type StatefulSetPersistentVolumeClaimRetentionPolicy = TypeOf<
  typeof StatefulSetPersistentVolumeClaimRetentionPolicy
>;

export const StatefulSetOrdinals = obj('StatefulSetOrdinals', 'Numbering of the pods.', {
  start: req(1, int32, 'Ordinal of the first pod.'),
});
export type StatefulSetOrdinals = TypeOf<typeof StatefulSetOrdinals>;

export const StatefulSetSpec = obj('StatefulSetSpec', 'What a stateful set shall run, and how it changes.', {
  replicas: f(1, int32, 'How many pods are wanted.', { ptr: true, default: 1 }),
  selector: req(2, LabelSelector, "Which pods are its own; must match the template's labels and cannot be changed."),
  template: req(3, PodTemplateSpec, 'The pods to make.'),
  volumeClaimTemplates: f(4, arr(PersistentVolumeClaimSchema), 'Claims made for each pod.'),
  serviceName: req(5, str, 'Headless service that gives the pods their names.'),
  podManagementPolicy: f(6, oneOf('OrderedReady', 'Parallel'), 'Whether pods start one after the other.', {
    default: 'OrderedReady',
  }),
  updateStrategy: f(7, StatefulSetUpdateStrategy, 'How old pods are replaced.', { default: {} }),
  revisionHistoryLimit: f(8, int32, 'Old revisions kept for a rollback.', { ptr: true, default: 10 }),
  minReadySeconds: f(9, int32, 'Seconds a pod must be ready to count as available.'),
  persistentVolumeClaimRetentionPolicy: f(
    10,
    StatefulSetPersistentVolumeClaimRetentionPolicy,
    'What becomes of the claims made from templates.',
    { default: {} },
  ),
  ordinals: f(11, StatefulSetOrdinals, 'Numbering of the pods.'),
});
export type StatefulSetSpec = TypeOf<typeof StatefulSetSpec>;

export const StatefulSetCondition = obj('StatefulSetCondition', "One aspect of a stateful set's state.", {
  type: req(1, str, 'Which aspect.'),
  status: req(2, ConditionStatus, 'True, False or Unknown.'),
  lastTransitionTime: f(3, time, 'When the status last changed.'),
  reason: f(4, str, 'Short reason, in CamelCase.'),
  message: f(5, str, 'Explanation for people.'),
});
export type StatefulSetCondition = TypeOf<typeof StatefulSetCondition>;

export const StatefulSetStatus = obj('StatefulSetStatus', 'What was last observed of a stateful set.', {
  observedGeneration: f(1, int64, 'Generation this status was computed for.'),
  replicas: req(2, int32, 'Pods there are.'),
  readyReplicas: f(3, int32, 'Pods that are ready.'),
  currentReplicas: f(4, int32, 'Pods of the current revision.'),
  updatedReplicas: f(5, int32, 'Pods of the update revision.'),
  currentRevision: f(6, str, 'Revision pods are updated from.'),
  updateRevision: f(7, str, 'Revision pods are updated to.'),
  collisionCount: f(9, int32, 'Counts hash collisions of revision names.', { ptr: true }),
  conditions: f(10, mapList(StatefulSetCondition, 'type'), 'Aspects of its state.'),
  availableReplicas: req(11, int32, 'Pods available for minReadySeconds.'),
});
export type StatefulSetStatus = TypeOf<typeof StatefulSetStatus>;

export const StatefulSetSchema = topLevel(PKG, 'StatefulSet', 'Runs pods with stable names and storage.', {
  spec: f(2, StatefulSetSpec, 'What it shall run.'),
  status: f(3, StatefulSetStatus, 'What was last observed.'),
});
export type StatefulSet = TypeOf<typeof StatefulSetSchema>;

export const StatefulSets = defineKind<StatefulSet>({
  group: 'apps',
  version: 'v1',
  kind: 'StatefulSet',
  plural: 'statefulsets',
  shortNames: ['sts'],
  categories: ['all'],
  hasStatus: true,
  schema: StatefulSetSchema,
});
