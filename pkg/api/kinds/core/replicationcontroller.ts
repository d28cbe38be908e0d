import { defineKind, topLevel } from '../../kind.ts';
import { type FieldError, invalid, required } from '../../meta/fielderrors.ts';
import { f, int32, int64, map, mapList, objectsIn, req, str, type TypeOf, time } from '../../schema/schema.ts';
import { nonNegative } from '../check/check.ts';
import { validateCounts } from '../check/status-validation.ts';
import { validateLastingTemplate } from '../check/workload-validation.ts';
import { ageColumn, labelsText, nameColumn, numberColumn } from '../print/columns.ts';
import { selectorColumn, templateColumns } from '../print/workload.ts';
import { preparingPods } from './pod/disabled-fields.ts';
import { defaultPodSpec } from './pod/pod-defaults.ts';
import { PodTemplateSpec } from './pod/spec.ts';
import { templateWarnings } from './pod/warnings.ts';
import { ConditionStatus } from './values.ts';

const PKG = 'io.k8s.api.core.v1';
const obj = objectsIn(PKG);

export const ReplicationControllerSpec = obj('ReplicationControllerSpec', 'How many pods, and which.', {
  replicas: f(1, int32, 'How many pods are wanted.', { ptr: true, default: 1 }),
  minReadySeconds: f(4, int32, 'Seconds a pod must be ready to count as available.'),
  selector: f(2, map(str, 'atomic'), "Labels of the pods; the template's by default."),
  template: f(3, PodTemplateSpec, 'The pods to make.'),
});
export type ReplicationControllerSpec = TypeOf<typeof ReplicationControllerSpec>;

export const ReplicationControllerCondition = obj('ReplicationControllerCondition', 'One aspect of its state.', {
  type: req(1, str, 'Which aspect.'),
  status: req(2, ConditionStatus, 'True, False or Unknown.'),
  lastTransitionTime: f(3, time, 'When the status last changed.'),
  reason: f(4, str, 'Short reason, in CamelCase.'),
  message: f(5, str, 'Explanation for people.'),
});
export type ReplicationControllerCondition = TypeOf<typeof ReplicationControllerCondition>;

export const ReplicationControllerStatus = obj('ReplicationControllerStatus', 'What was last observed.', {
  replicas: req(1, int32, 'Pods there are.'),
  fullyLabeledReplicas: f(2, int32, "Pods with all the template's labels."),
  readyReplicas: f(4, int32, 'Pods that are ready.'),
  availableReplicas: f(5, int32, 'Pods available for minReadySeconds.'),
  observedGeneration: f(3, int64, 'Generation this status was computed for.'),
  conditions: f(6, mapList(ReplicationControllerCondition, 'type'), 'Aspects of its state.'),
});
export type ReplicationControllerStatus = TypeOf<typeof ReplicationControllerStatus>;

export const ReplicationControllerSchema = topLevel(
  PKG,
  'ReplicationController',
  'Keeps a number of pods running; ReplicaSet is the newer form.',
  {
    spec: f(2, ReplicationControllerSpec, 'How many pods, and which.'),
    status: f(3, ReplicationControllerStatus, 'What was last observed.'),
  },
);
export type ReplicationController = TypeOf<typeof ReplicationControllerSchema>;

function defaultController(o: ReplicationController): void {
  const { spec } = o;
  if (!spec) return;
  const labels = spec.template?.metadata?.labels;
  if (labels) {
    if (Object.keys(spec.selector ?? {}).length === 0) spec.selector = { ...labels };
    if (Object.keys(o.metadata?.labels ?? {}).length === 0) o.metadata = { ...o.metadata, labels: { ...labels } };
  }
  defaultPodSpec(spec.template?.spec);
}

function validateController(o: ReplicationController): FieldError[] {
  const { spec } = o;
  const found = [...nonNegative('spec.minReadySeconds', spec?.minReadySeconds)];
  const selector = Object.entries(spec?.selector ?? {});
  if (selector.length === 0) found.push(required('spec.selector'));
  found.push(...nonNegative('spec.replicas', spec?.replicas));
  if (!spec?.template) return [...found, required('spec.template')];
  const labels = spec.template.metadata?.labels ?? {};
  if (selector.some(([k, v]) => labels[k] !== v)) {
    found.push(invalid('spec.template.metadata.labels', labels, '`selector` does not match template `labels`'));
  }
  return [...found, ...validateLastingTemplate(spec.template, 'ReplicationController')];
}

export const ReplicationControllers = defineKind<ReplicationController>({
  group: '',
  version: 'v1',
  kind: 'ReplicationController',
  plural: 'replicationcontrollers',
  shortNames: ['rc'],
  categories: ['all'],
  hasStatus: true,
  schema: ReplicationControllerSchema,
  defaults: defaultController,
  ...preparingPods((o: ReplicationController) => o.spec?.template?.spec, {
    prepareCreate: (o) => {
      o.status = { replicas: 0 };
    },
  }),
  validate: validateController,
  warnings: templateWarnings('spec.template', (o) => o.spec?.template),
  validateStatus: (o) => validateCounts(o.status),
  fields: { 'status.replicas': (o) => String(o.status?.replicas ?? 0) },
  columns: [
    nameColumn,
    numberColumn('Desired', 'Pods wanted.', (o) => o.spec?.replicas ?? 0),
    numberColumn('Current', 'Pods there are.', (o) => o.status?.replicas ?? 0),
    numberColumn('Ready', 'Pods that are ready.', (o) => o.status?.readyReplicas ?? 0),
    ageColumn,
    ...templateColumns<ReplicationController>((o) => o.spec?.template),
    selectorColumn((o) => labelsText(o.spec?.selector)),
  ],
  scale: {
    get: (o) => ({
      replicas: o.spec?.replicas ?? 0,
      statusReplicas: o.status?.replicas ?? 0,
      selector: Object.entries(o.spec?.selector ?? {})
        .map(([k, v]) => `${k}=${v}`)
        .sort()
        .join(','),
    }),
    set: (o, replicas) => {
      if (o.spec) o.spec.replicas = replicas;
    },
  },
});
