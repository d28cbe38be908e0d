import { defineKind, topLevel } from '../../kind.ts';
import { type FieldError, forbidden, invalid, notSupported, required } from '../../meta/fielderrors.ts';
import { formatLabelSelector } from '../../meta/labels.ts';
import { LabelSelector } from '../../meta/labelselector.ts';
import {
  bool,
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
import { countOf, countOrPercent, immutable, nonNegative, notAboveHundredPercent } from '../check/check.ts';
import { validateCollisions, validateCounts } from '../check/status-validation.ts';
import { validateLastingTemplate, validateOwnSelector, validateTemplateLabels } from '../check/workload-validation.ts';
import { preparingPods } from '../core/pod/disabled-fields.ts';
import { defaultPodSpec } from '../core/pod/pod-defaults.ts';
import { PodTemplateSpec } from '../core/pod/spec.ts';
import { templateWarnings } from '../core/pod/warnings.ts';
import { ConditionStatus } from '../core/values.ts';
import { dropTerminating } from '../disabled-fields.ts';
import { ageColumn, column, nameColumn } from '../print/columns.ts';
import { selectorColumn, selectorText, templateColumns } from '../print/workload.ts';

const PKG = 'io.k8s.api.apps.v1';
const obj = objectsIn(PKG);

export const RollingUpdateDeployment = obj('RollingUpdateDeployment', 'Bounds of a rolling update.', {
  maxUnavailable: f(1, intOrString, 'Pods that may be missing meanwhile: a number or a percentage.'),
  maxSurge: f(2, intOrString, 'Pods that may be too many meanwhile: a number or a percentage.'),
});
export type RollingUpdateDeployment = TypeOf<typeof RollingUpdateDeployment>;

export const DeploymentStrategy = obj('DeploymentStrategy', 'How old pods are replaced.', {
  type: f(1, oneOf('Recreate', 'RollingUpdate'), 'Recreate or RollingUpdate.'),
  rollingUpdate: f(2, RollingUpdateDeployment, 'Bounds of a rolling update.'),
});
export type DeploymentStrategy = TypeOf<typeof DeploymentStrategy>;

export const DeploymentSpec = obj('DeploymentSpec', 'What a deployment shall run, and how it changes.', {
  replicas: f(1, int32, 'How many pods are wanted.', { ptr: true, default: 1 }),
  selector: req(2, LabelSelector, "Which pods are its own; must match the template's labels and cannot be changed."),
  template: req(3, PodTemplateSpec, 'The pods to make.', { default: {} }),
  strategy: f(4, DeploymentStrategy, 'How old pods are replaced.', { patchStrategy: 'retainKeys' }),
  minReadySeconds: f(5, int32, 'Seconds a pod must be ready to count as available.'),
  revisionHistoryLimit: f(6, int32, 'Old replica sets kept for a rollback.', { ptr: true, default: 10 }),
  paused: f(7, bool, 'Hold back changes.'),
  progressDeadlineSeconds: f(9, int32, 'Seconds without progress after which a change counts as failed.', {
    ptr: true,
    default: 600,
  }),
});
export type DeploymentSpec = TypeOf<typeof DeploymentSpec>;

export const DeploymentCondition = obj('DeploymentCondition', "One aspect of a deployment's state.", {
  type: req(1, str, 'The aspect, e.g. Available or Progressing.'),
  status: req(2, ConditionStatus, 'True, False or Unknown.'),
  lastUpdateTime: f(6, time, 'When it was last updated.'),
  lastTransitionTime: f(7, time, 'When the status last changed.'),
  reason: f(4, str, 'Short reason, in CamelCase.'),
  message: f(5, str, 'Explanation for people.'),
});
export type DeploymentCondition = TypeOf<typeof DeploymentCondition>;

export const DeploymentStatus = obj('DeploymentStatus', 'What was last observed of a deployment.', {
  observedGeneration: f(1, int64, 'Generation this status was computed for.'),
  replicas: f(2, int32, 'Pods there are.'),
  updatedReplicas: f(3, int32, 'Pods made from the current template.'),
  readyReplicas: f(7, int32, 'Pods that are ready.'),
  availableReplicas: f(4, int32, 'Pods available for minReadySeconds.'),
  unavailableReplicas: f(5, int32, 'Pods missing from full availability.'),
  terminatingReplicas: f(9, int32, 'Pods that are being ended.', { ptr: true }),
  conditions: f(6, mapList(DeploymentCondition, 'type'), 'Aspects of its state.'),
  collisionCount: f(8, int32, 'Counts hash collisions of replica set names.', { ptr: true }),
});
export type DeploymentStatus = TypeOf<typeof DeploymentStatus>;

export const DeploymentSchema = topLevel(
  PKG,
  'Deployment',
  'Runs a number of equal pods and rolls out changes to them.',
  {
    spec: f(2, DeploymentSpec, 'What it shall run.', { default: {} }),
    status: f(3, DeploymentStatus, 'What was last observed.'),
  },
);
export type Deployment = TypeOf<typeof DeploymentSchema>;

function defaultDeployment(o: Deployment): void {
  const { spec } = o;
  if (!spec) return;
  spec.strategy ??= {};
  spec.strategy.type ??= 'RollingUpdate';
  if (spec.strategy.type === 'RollingUpdate') {
    spec.strategy.rollingUpdate ??= {};
    spec.strategy.rollingUpdate.maxUnavailable ??= '25%';
    spec.strategy.rollingUpdate.maxSurge ??= '25%';
  }
  defaultPodSpec(spec.template?.spec);
}

function validateStrategy(path: string, strategy: DeploymentStrategy | undefined): FieldError[] {
  const { type, rollingUpdate: rolling } = strategy ?? {};
  if (type === 'Recreate') {
    const why = "may not be specified when strategy `type` is 'Recreate'";
    return rolling ? [forbidden(`${path}.rollingUpdate`, why)] : [];
  }
  if (type !== 'RollingUpdate') return [notSupported(path, strategy ?? {}, ['Recreate', 'RollingUpdate'])];
  const { maxUnavailable = 0, maxSurge = 0 } = rolling ?? {};
  const at = `${path}.rollingUpdate`;
  const found = [
    ...countOrPercent(`${at}.maxUnavailable`, maxUnavailable),
    ...countOrPercent(`${at}.maxSurge`, maxSurge),
  ];
  if (countOf(maxUnavailable) === 0 && countOf(maxSurge) === 0) {
    found.push(invalid(`${at}.maxUnavailable`, maxUnavailable, 'may not be 0 when `maxSurge` is 0'));
  }
  return [...found, ...notAboveHundredPercent(`${at}.maxUnavailable`, maxUnavailable)];
}

function validateDeployment(o: Deployment, old?: Deployment): FieldError[] {
  const { spec } = o;
  if (!spec) return [required('spec.selector'), ...validateLastingTemplate(undefined, 'ReplicaSet')];
  const found = [
    ...nonNegative('spec.replicas', spec.replicas),
    ...validateOwnSelector(spec.selector, 'deployment'),
    ...validateTemplateLabels(spec.selector, spec.template),
    ...validateLastingTemplate(spec.template, 'ReplicaSet'),
    ...validateStrategy('spec.strategy', spec.strategy),
    ...nonNegative('spec.minReadySeconds', spec.minReadySeconds),
    ...nonNegative('spec.revisionHistoryLimit', spec.revisionHistoryLimit),
  ];
  const deadline = spec.progressDeadlineSeconds;
  if (deadline !== undefined) {
    found.push(...nonNegative('spec.progressDeadlineSeconds', deadline));
    if (deadline <= (spec.minReadySeconds ?? 0)) {
      found.push(invalid('spec.progressDeadlineSeconds', deadline, 'must be greater than minReadySeconds'));
    }
  }
  if (old) found.push(...immutable('spec.selector', spec.selector, old.spec?.selector));
  return found;
}

export const Deployments = defineKind<Deployment>({
  group: 'apps',
  version: 'v1',
  kind: 'Deployment',
  plural: 'deployments',
  shortNames: ['deploy'],
  categories: ['all'],
  hasStatus: true,
  countsAnnotations: true,
  schema: DeploymentSchema,
  defaults: defaultDeployment,
  ...preparingPods((o: Deployment) => o.spec?.template?.spec, {
    prepareCreate: (o) => {
      o.status = {};
    },
  }),
  prepareStatus: dropTerminating,
  validate: validateDeployment,
  warnings: templateWarnings('spec.template', (o) => o.spec?.template),
  validateStatus: (o, old) => [...validateCounts(o.status), ...validateCollisions(o.status, old.status)],
  columns: [
    nameColumn,
    column(
      'Ready',
      'Pods that are ready, of those wanted.',
      (o) => `${o.status?.readyReplicas ?? 0}/${o.spec?.replicas ?? 0}`,
    ),
    column('Up-to-date', 'Pods made from the current template.', (o) => o.status?.updatedReplicas ?? 0),
    column('Available', 'Pods that are available.', (o) => o.status?.availableReplicas ?? 0),
    ageColumn,
    ...templateColumns<Deployment>((o) => o.spec?.template),
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
