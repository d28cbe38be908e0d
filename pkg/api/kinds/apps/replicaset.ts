import { defineKind, topLevel } from '../../kind.ts';
import { type FieldError, required } from '../../meta/fielderrors.ts';
import { formatLabelSelector } from '../../meta/labels.ts';
import { LabelSelector } from '../../meta/labelselector.ts';
import { f, int32, int64, mapList, objectsIn, req, str, type TypeOf, time } from '../../schema/schema.ts';
import { immutable, nonNegative } from '../check/check.ts';
import { validateCounts } from '../check/status-validation.ts';
import { validateLastingTemplate, validateOwnSelector, validateTemplateLabels } from '../check/workload-validation.ts';
import { preparingPods } from '../core/pod/disabled-fields.ts';
import { defaultPodSpec } from '../core/pod/pod-defaults.ts';
import { PodTemplateSpec } from '../core/pod/spec.ts';
import { templateWarnings } from '../core/pod/warnings.ts';
import { ConditionStatus } from '../core/values.ts';
import { dropTerminating } from '../disabled-fields.ts';
import { ageColumn, nameColumn, numberColumn } from '../print/columns.ts';
import { selectorColumn, selectorText, templateColumns } from '../print/workload.ts';

const PKG = 'io.k8s.api.apps.v1';
const obj = objectsIn(PKG);

export const ReplicaSetSpec = obj('ReplicaSetSpec', 'How many pods, and which.', {
  replicas: f(1, int32, 'How many pods are wanted.', { ptr: true, default: 1 }),
  minReadySeconds: f(4, int32, 'Seconds a pod must be ready to count as available.'),
  selector: req(2, LabelSelector, "Which pods are its own; must match the template's labels and cannot be changed."),
  template: f(3, PodTemplateSpec, 'The pods to make.', { default: {} }),
});
export type ReplicaSetSpec = TypeOf<typeof ReplicaSetSpec>;

export const ReplicaSetCondition = obj('ReplicaSetCondition', "One aspect of a replica set's state.", {
  type: req(1, str, 'Which aspect.'),
  status: req(2, ConditionStatus, 'True, False or Unknown.'),
  lastTransitionTime: f(3, time, 'When the status last changed.'),
  reason: f(4, str, 'Short reason, in CamelCase.'),
  message: f(5, str, 'Explanation for people.'),
});
export type ReplicaSetCondition = TypeOf<typeof ReplicaSetCondition>;

export const ReplicaSetStatus = obj('ReplicaSetStatus', 'What was last observed of a replica set.', {
  replicas: req(1, int32, 'Pods there are.'),
  fullyLabeledReplicas: f(2, int32, "Pods with all the template's labels."),
  readyReplicas: f(4, int32, 'Pods that are ready.'),
  availableReplicas: f(5, int32, 'Pods available for minReadySeconds.'),
  terminatingReplicas: f(7, int32, 'Pods that are being ended.', { ptr: true }),
  observedGeneration: f(3, int64, 'Generation this status was computed for.'),
  conditions: f(6, mapList(ReplicaSetCondition, 'type'), 'Aspects of its state.'),
});
export type ReplicaSetStatus = TypeOf<typeof ReplicaSetStatus>;

export const ReplicaSetSchema = topLevel(PKG, 'ReplicaSet', 'Keeps a number of equal pods running.', {
  spec: f(2, ReplicaSetSpec, 'How many pods, and which.', { default: {} }),
  status: f(3, ReplicaSetStatus, 'What was last observed.'),
});
export type ReplicaSet = TypeOf<typeof ReplicaSetSchema>;

function validateReplicaSet(o: ReplicaSet, old?: ReplicaSet): FieldError[] {
  const { spec } = o;
  if (!spec) return [required('spec.selector'), ...validateLastingTemplate(undefined, 'ReplicaSet')];
  return [
    ...nonNegative('spec.replicas', spec.replicas),
    ...nonNegative('spec.minReadySeconds', spec.minReadySeconds),
    // Kubernetes says "deployment" here, too.
    ...validateOwnSelector(spec.selector, 'deployment'),
    ...validateTemplateLabels(spec.selector, spec.template),
    ...validateLastingTemplate(spec.template, 'ReplicaSet'),
    ...(old ? immutable('spec.selector', spec.selector, old.spec?.selector) : []),
  ];
}

export const ReplicaSets = defineKind<ReplicaSet>({
  group: 'apps',
  version: 'v1',
  kind: 'ReplicaSet',
  plural: 'replicasets',
  shortNames: ['rs'],
  categories: ['all'],
  hasStatus: true,
  schema: ReplicaSetSchema,
  defaults: (o) => defaultPodSpec(o.spec?.template?.spec),
  ...preparingPods((o: ReplicaSet) => o.spec?.template?.spec, {
    prepareCreate: (o) => {
      o.status = { replicas: 0 };
    },
  }),
  prepareStatus: dropTerminating,
  validate: validateReplicaSet,
  warnings: templateWarnings('spec.template', (o) => o.spec?.template),
  validateStatus: (o) => validateCounts(o.status),
  fields: { 'status.replicas': (o) => String(o.status?.replicas ?? 0) },
  columns: [
    nameColumn,
    numberColumn('Desired', 'Pods wanted.', (o) => o.spec?.replicas ?? 0),
    numberColumn('Current', 'Pods there are.', (o) => o.status?.replicas ?? 0),
    numberColumn('Ready', 'Pods that are ready.', (o) => o.status?.readyReplicas ?? 0),
    ageColumn,
    ...templateColumns<ReplicaSet>((o) => o.spec?.template),
    selectorColumn((o) => selectorText(o.spec?.selector)),
  ],
  scale: {
    get: (o) => ({
      replicas: o.spec?.replicas ?? 0,
      statusReplicas: o.status?.replicas ?? 0,
      selector: formatLabelSelector(o.spec?.selector ?? {}),
    }),
    set: (o, replicas) => {
      if (o.spec) o.spec.replicas = replicas;
    },
  },
});
