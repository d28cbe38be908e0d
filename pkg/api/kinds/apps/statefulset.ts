import { defineKind, topLevel } from '../../kind.ts';
import { sameJson } from '../../meta/equal.ts';
import { type FieldError, forbidden, invalid, required } from '../../meta/fielderrors.ts';
import { formatLabelSelector } from '../../meta/labels.ts';
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
import { countOf, countOrPercent, nonNegative, notAboveHundredPercent, oneOfOptional } from '../check/check.ts';
import { validateCollisions, validateCounts } from '../check/status-validation.ts';
import { validateLastingTemplate, validateOwnSelector, validateTemplateLabels } from '../check/workload-validation.ts';
import { preparingPods } from '../core/pod/disabled-fields.ts';
import { defaultPodSpec } from '../core/pod/pod-defaults.ts';
import { PodTemplateSpec } from '../core/pod/spec.ts';
import { templateWarnings } from '../core/pod/warnings.ts';
import { ConditionStatus } from '../core/values.ts';
import { PersistentVolumeClaimSchema } from '../core/volume/claim.ts';
import { ageColumn, column, nameColumn } from '../print/columns.ts';
import { templateColumns } from '../print/workload.ts';

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
  template: req(3, PodTemplateSpec, 'The pods to make.', { default: {} }),
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
  spec: f(2, StatefulSetSpec, 'What it shall run.', { default: {} }),
  status: f(3, StatefulSetStatus, 'What was last observed.'),
});
export type StatefulSet = TypeOf<typeof StatefulSetSchema>;

function defaultStatefulSet(o: StatefulSet): void {
  const { spec } = o;
  if (!spec) return;
  if (spec.updateStrategy?.type === 'RollingUpdate') {
    spec.updateStrategy.rollingUpdate ??= {};
    spec.updateStrategy.rollingUpdate.partition ??= 0;
  }
  for (const claim of spec.volumeClaimTemplates ?? []) {
    // Whatever it was called, it is written as what it is.
    claim.apiVersion = 'v1';
    claim.kind = 'PersistentVolumeClaim';
    claim.status = { ...claim.status, phase: claim.status?.phase || 'Pending' };
  }
  defaultPodSpec(spec.template?.spec);
}

function validateUpdateStrategy(path: string, strategy: StatefulSetUpdateStrategy | undefined): FieldError[] {
  const { type, rollingUpdate: rolling } = strategy ?? {};
  if (!type) return [required(path)];
  if (type === 'OnDelete') {
    if (!rolling) return [];
    return [invalid(`${path}.rollingUpdate`, rolling, "only allowed for updateStrategy 'RollingUpdate'")];
  }
  if (type !== 'RollingUpdate') return [invalid(path, strategy, "must be 'RollingUpdate' or 'OnDelete'")];
  const found = nonNegative(`${path}.rollingUpdate.partition`, rolling?.partition);
  const max = rolling?.maxUnavailable;
  if (max !== undefined) {
    const at = `${path}.rollingUpdate.maxUnavailable`;
    found.push(...countOrPercent(at, max));
    if (countOf(max) === 0) found.push(invalid(at, max, 'cannot be 0'));
    found.push(...notAboveHundredPercent(at, max));
  }
  return found;
}

const CHANGEABLE = [
  'replicas',
  'ordinals',
  'template',
  'updateStrategy',
  'revisionHistoryLimit',
  'persistentVolumeClaimRetentionPolicy',
  'minReadySeconds',
] as const;
const LAST = CHANGEABLE.length - 1;
const FIXED_MESSAGE = `updates to statefulset spec for fields other than ${CHANGEABLE.slice(0, LAST)
  .map((k) => `'${k}'`)
  .join(', ')} and '${CHANGEABLE[LAST]}' are forbidden`;

function validateStatefulSetUpdate(spec: StatefulSetSpec, old: StatefulSetSpec): FieldError[] {
  const fixed: Record<string, unknown> = { ...spec };
  for (const k of CHANGEABLE) fixed[k] = old[k];
  return sameJson(fixed, old) ? [] : [forbidden('spec', FIXED_MESSAGE)];
}

function validateStatefulSet(o: StatefulSet, old?: StatefulSet): FieldError[] {
  const { spec } = o;
  if (!spec) return [required('spec.selector'), ...validateLastingTemplate(undefined, 'StatefulSet')];
  const found: FieldError[] = [];
  const retention = spec.persistentVolumeClaimRetentionPolicy;
  const policy: string | undefined = spec.podManagementPolicy;
  if (!policy) found.push(required('spec.podManagementPolicy'));
  else if (policy !== 'OrderedReady' && policy !== 'Parallel') {
    found.push(invalid('spec.podManagementPolicy', policy, "must be 'OrderedReady' or 'Parallel'"));
  }
  found.push(
    ...validateUpdateStrategy('spec.updateStrategy', spec.updateStrategy),
    ...nonNegative('spec.replicas', spec.replicas),
    ...nonNegative('spec.minReadySeconds', spec.minReadySeconds),
    ...nonNegative('spec.ordinals.start', spec.ordinals?.start),
    ...(['whenDeleted', 'whenScaled'] as const).flatMap((k) =>
      oneOfOptional(`spec.persistentVolumeClaimRetentionPolicy.${k}`, retention?.[k], ['Delete', 'Retain']),
    ),
    ...validateOwnSelector(spec.selector, 'statefulset'),
    ...validateTemplateLabels(spec.selector, spec.template),
    ...validateLastingTemplate(withClaims(spec), 'StatefulSet'),
  );
  if (old?.spec) found.push(...validateStatefulSetUpdate(spec, old.spec));
  return found;
}

/** Each claim template becomes a volume of its name, which containers may mount. */
function withClaims(spec: StatefulSetSpec): PodTemplateSpec | undefined {
  const pod = spec.template?.spec;
  if (!pod) return spec.template;
  const claims = (spec.volumeClaimTemplates ?? []).map((c) => c.metadata?.name ?? '');
  const own = (pod.volumes ?? []).filter((v) => !claims.includes(v.name));
  const volumes = claims.map((name) => ({ name, persistentVolumeClaim: { claimName: name || 'claim' } }));
  return { ...spec.template, spec: { ...pod, volumes: [...own, ...volumes] } };
}

export const StatefulSets = defineKind<StatefulSet>({
  group: 'apps',
  version: 'v1',
  kind: 'StatefulSet',
  plural: 'statefulsets',
  shortNames: ['sts'],
  categories: ['all'],
  hasStatus: true,
  schema: StatefulSetSchema,
  defaults: defaultStatefulSet,
  ...preparingPods((o: StatefulSet) => o.spec?.template?.spec, {
    prepareCreate: (o) => {
      o.status = { replicas: 0, availableReplicas: 0 };
    },
  }),
  validate: validateStatefulSet,
  warnings: templateWarnings('spec.template', (o) => o.spec?.template),
  validateStatus: (o, old) => [...validateCounts(o.status), ...validateCollisions(o.status, old.status)],
  columns: [
    nameColumn,
    column(
      'Ready',
      'Pods that are ready, of those wanted.',
      (o) => `${o.status?.readyReplicas ?? 0}/${o.spec?.replicas ?? 0}`,
    ),
    ageColumn,
    ...templateColumns<StatefulSet>((o) => o.spec?.template),
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
