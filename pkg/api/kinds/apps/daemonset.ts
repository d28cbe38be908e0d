import { defineKind, topLevel } from '../../kind.ts';
import { LabelSelector } from '../../meta/labelselector.ts';
import {
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

const PKG = 'io.k8s.api.apps.v1';
const obj = objectsIn(PKG);

export const RollingUpdateDaemonSet = obj('RollingUpdateDaemonSet', 'Bounds of a rolling update.', {
  maxUnavailable: f(1, intOrString, 'Nodes that may be without a pod meanwhile: a number or a percentage.'),
  maxSurge: f(2, intOrString, 'Nodes that may have two pods meanwhile: a number or a percentage.'),
});
export type RollingUpdateDaemonSet = TypeOf<typeof RollingUpdateDaemonSet>;

export const DaemonSetUpdateStrategy = obj('DaemonSetUpdateStrategy', 'How old pods are replaced.', {
  type: f(1, oneOf('OnDelete', 'RollingUpdate'), 'RollingUpdate or OnDelete.'),
  rollingUpdate: f(2, RollingUpdateDaemonSet, 'Bounds of a rolling update.'),
});
export type DaemonSetUpdateStrategy = TypeOf<typeof DaemonSetUpdateStrategy>;

export const DaemonSetSpec = obj('DaemonSetSpec', 'What a daemon set shall run, and how it changes.', {
  selector: req(1, LabelSelector, "Which pods are its own; must match the template's labels and cannot be changed."),
  template: req(2, PodTemplateSpec, 'The pods to make.'),
  updateStrategy: f(3, DaemonSetUpdateStrategy, 'How old pods are replaced.'),
  minReadySeconds: f(4, int32, 'Seconds a pod must be ready to count as available.'),
  revisionHistoryLimit: f(6, int32, 'Old revisions kept for a rollback.', { ptr: true, default: 10 }),
});
export type DaemonSetSpec = TypeOf<typeof DaemonSetSpec>;

export const DaemonSetCondition = obj('DaemonSetCondition', "One aspect of a daemon set's state.", {
  type: req(1, str, 'Which aspect.'),
  status: req(2, ConditionStatus, 'True, False or Unknown.'),
  lastTransitionTime: f(3, time, 'When the status last changed.'),
  reason: f(4, str, 'Short reason, in CamelCase.'),
  message: f(5, str, 'Explanation for people.'),
});
export type DaemonSetCondition = TypeOf<typeof DaemonSetCondition>;

export const DaemonSetStatus = obj('DaemonSetStatus', 'What was last observed of a daemon set.', {
  currentNumberScheduled: req(1, int32, 'Nodes that have a pod and should.'),
  numberMisscheduled: req(2, int32, 'Nodes that have a pod and should not.'),
  desiredNumberScheduled: req(3, int32, 'Nodes that should have a pod.'),
  numberReady: req(4, int32, 'Nodes whose pod is ready.'),
  observedGeneration: f(5, int64, 'Generation this status was computed for.'),
  updatedNumberScheduled: f(6, int32, 'Nodes with a pod made from the current template.'),
  numberAvailable: f(7, int32, 'Nodes whose pod is available.'),
  numberUnavailable: f(8, int32, 'Nodes that lack an available pod.'),
  collisionCount: f(9, int32, 'Counts hash collisions of revision names.', { ptr: true }),
  conditions: f(10, mapList(DaemonSetCondition, 'type'), 'Aspects of its state.'),
});
export type DaemonSetStatus = TypeOf<typeof DaemonSetStatus>;

export const DaemonSetSchema = topLevel(PKG, 'DaemonSet', 'Runs one pod on every suitable node.', {
  spec: f(2, DaemonSetSpec, 'What it shall run.'),
  status: f(3, DaemonSetStatus, 'What was last observed.'),
});
export type DaemonSet = TypeOf<typeof DaemonSetSchema>;

export const DaemonSets = defineKind<DaemonSet>({
  group: 'apps',
  version: 'v1',
  kind: 'DaemonSet',
  plural: 'daemonsets',
  shortNames: ['ds'],
  categories: ['all'],
  hasStatus: true,
  schema: DaemonSetSchema,
});
