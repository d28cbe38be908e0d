import { defineKind, topLevel } from '../../kind.ts';
import { sameJson } from '../../meta/equal.ts';
import { type FieldError, invalid, notSupported, required } from '../../meta/fielderrors.ts';
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
import { countOf, countOrPercent, immutable, nonNegative, notAboveHundredPercent } from '../check/check.ts';
import { validateCollisions, validateNumbers } from '../check/status-validation.ts';
import { validateLastingTemplate, validateOwnSelector, validateTemplateLabels } from '../check/workload-validation.ts';
import { preparingPods } from '../core/pod/disabled-fields.ts';
import { defaultPodSpec } from '../core/pod/pod-defaults.ts';
import { PodTemplateSpec } from '../core/pod/spec.ts';
import { templateWarnings } from '../core/pod/warnings.ts';
import { ConditionStatus } from '../core/values.ts';
import { ageColumn, column, labelsText, nameColumn, numberColumn } from '../print/columns.ts';
import { selectorColumn, selectorText, templateColumns } from '../print/workload.ts';

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
  template: req(2, PodTemplateSpec, 'The pods to make.', { default: {} }),
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
  spec: f(2, DaemonSetSpec, 'What it shall run.', { default: {} }),
  status: f(3, DaemonSetStatus, 'What was last observed.'),
});
export type DaemonSet = TypeOf<typeof DaemonSetSchema>;

function defaultDaemonSet(o: DaemonSet): void {
  const { spec } = o;
  if (!spec) return;
  spec.updateStrategy ??= {};
  spec.updateStrategy.type ??= 'RollingUpdate';
  if (spec.updateStrategy.type === 'RollingUpdate') {
    spec.updateStrategy.rollingUpdate ??= {};
    spec.updateStrategy.rollingUpdate.maxUnavailable ??= 1;
    spec.updateStrategy.rollingUpdate.maxSurge ??= 0;
  }
  defaultPodSpec(spec.template?.spec);
}

function validateUpdateStrategy(path: string, strategy: DaemonSetUpdateStrategy | undefined): FieldError[] {
  const { type, rollingUpdate: rolling } = strategy ?? {};
  if (type === 'OnDelete') return [];
  if (type !== 'RollingUpdate') return [notSupported(path, strategy ?? {}, ['OnDelete', 'RollingUpdate'])];
  const { maxUnavailable = 0, maxSurge = 0 } = rolling ?? {};
  const at = `${path}.rollingUpdate`;
  const found = [
    ...countOrPercent(`${at}.maxUnavailable`, maxUnavailable),
    ...countOrPercent(`${at}.maxSurge`, maxSurge),
    ...notAboveHundredPercent(`${at}.maxUnavailable`, maxUnavailable),
    ...notAboveHundredPercent(`${at}.maxSurge`, maxSurge),
  ];
  const missing = countOf(maxUnavailable);
  const extra = countOf(maxSurge);
  if (missing > 0 && extra > 0) {
    found.push(invalid(`${at}.maxSurge`, maxSurge, 'may not be set when maxUnavailable is non-zero'));
  }
  if (missing === 0 && extra === 0) {
    found.push(required(`${at}.maxUnavailable`, 'cannot be 0 when maxSurge is 0'));
  }
  return found;
}

function validateDaemonSet(o: DaemonSet, old?: DaemonSet): FieldError[] {
  const { spec } = o;
  if (!spec) return [required('spec.selector'), ...validateLastingTemplate(undefined, 'DaemonSet')];
  return [
    ...(spec.selector ? validateOwnSelector(spec.selector, 'daemonset') : []),
    ...validateTemplateLabels(spec.selector, spec.template),
    ...validateLastingTemplate(spec.template, 'DaemonSet'),
    ...nonNegative('spec.minReadySeconds', spec.minReadySeconds),
    ...validateUpdateStrategy('spec.updateStrategy', spec.updateStrategy),
    ...nonNegative('spec.revisionHistoryLimit', spec.revisionHistoryLimit),
    ...(old ? immutable('spec.selector', spec.selector, old.spec?.selector) : []),
  ];
}

/** Counts changes of the template; kept for clients of the first versions. */
const TEMPLATE_GENERATION = 'deprecated.daemonset.template.generation';

function setTemplateGeneration(o: DaemonSet, generation: number): void {
  o.metadata = {
    ...o.metadata,
    annotations: { ...o.metadata?.annotations, [TEMPLATE_GENERATION]: String(generation) },
  };
}

function prepareUpdate(o: DaemonSet, old: DaemonSet): void {
  const before = Number(old.metadata?.annotations?.[TEMPLATE_GENERATION] ?? 1);
  setTemplateGeneration(o, before + (sameJson(o.spec?.template, old.spec?.template) ? 0 : 1));
}

const NO_PODS = { currentNumberScheduled: 0, numberMisscheduled: 0, desiredNumberScheduled: 0, numberReady: 0 };

const STATUS_COUNTS = [
  'currentNumberScheduled',
  'numberMisscheduled',
  'desiredNumberScheduled',
  'numberReady',
  'observedGeneration',
  'updatedNumberScheduled',
  'numberAvailable',
  'numberUnavailable',
] as const;

export const DaemonSets = defineKind<DaemonSet>({
  group: 'apps',
  version: 'v1',
  kind: 'DaemonSet',
  plural: 'daemonsets',
  shortNames: ['ds'],
  categories: ['all'],
  hasStatus: true,
  schema: DaemonSetSchema,
  defaults: defaultDaemonSet,
  ...preparingPods((o: DaemonSet) => o.spec?.template?.spec, {
    prepareCreate: (o) => {
      o.status = { ...NO_PODS };
      setTemplateGeneration(o, 1);
    },
    prepareUpdate,
  }),
  validate: validateDaemonSet,
  validateStatus: (o, old) => [
    ...validateNumbers(o.status, STATUS_COUNTS),
    ...validateCollisions(o.status, old.status),
  ],
  warnings: templateWarnings('spec.template', (o) => o.spec?.template),
  columns: [
    nameColumn,
    numberColumn('Desired', 'Nodes that should have a pod.', (o) => o.status?.desiredNumberScheduled ?? 0),
    numberColumn('Current', 'Nodes that have one.', (o) => o.status?.currentNumberScheduled ?? 0),
    numberColumn('Ready', 'Nodes whose pod is ready.', (o) => o.status?.numberReady ?? 0),
    numberColumn(
      'Up-to-date',
      'Nodes with a pod of the current template.',
      (o) => o.status?.updatedNumberScheduled ?? 0,
    ),
    numberColumn('Available', 'Nodes whose pod is available.', (o) => o.status?.numberAvailable ?? 0),
    column('Node Selector', 'Labels the nodes must have.', (o) => labelsText(o.spec?.template?.spec?.nodeSelector)),
    ageColumn,
    ...templateColumns<DaemonSet>((o) => o.spec?.template),
    selectorColumn((o) => selectorText(o.spec?.selector)),
  ],
});
