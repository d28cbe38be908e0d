import { describe, expect, test } from 'vitest';
import type { Kind } from '../../kind.ts';
import type { KubeObject } from '../../meta/objectmeta.ts';
import { type BadInput, created, includesProblem, row, spoiled, texts, updated } from '../fixtures.ts';
import { DaemonSets } from './daemonset.ts';
import { Deployments } from './deployment.ts';
import { ReplicaSets } from './replicaset.ts';
import { StatefulSets } from './statefulset.ts';

const base = {
  metadata: { name: 'w', namespace: 'default' },
  spec: {
    selector: { matchLabels: { app: 'w' } },
    template: { metadata: { labels: { app: 'w' } }, spec: { containers: [{ name: 'c', image: 'nginx:1' }] } },
  },
};

const REQUIRED = 'FieldValueRequired';
const INVALID = 'FieldValueInvalid';
const FORBIDDEN = 'FieldValueForbidden';
const UNSUPPORTED = 'FieldValueNotSupported';
const NEGATIVE = 'must be greater than or equal to 0';

/** Holds for every kind with a selector and a template. */
const everywhere: BadInput[] = [
  [
    { 'spec.template.metadata.annotations': { 'a b': 'c' } },
    INVALID,
    'spec.template.annotations',
    '"a b": name part must consist of',
  ],
  [
    { 'spec.selector': undefined },
    INVALID,
    'spec.template.metadata.labels',
    '{"app":"w"}: `selector` does not match template `labels`',
  ],
  [{ 'spec.selector': {} }, INVALID, 'spec.selector', 'empty selector is invalid for'],
  [
    { 'spec.selector.matchLabels.app': 'x' },
    INVALID,
    'spec.template.metadata.labels',
    '{"app":"w"}: `selector` does not match template `labels`',
  ],
  [
    { 'spec.template.metadata': undefined },
    INVALID,
    'spec.template.metadata.labels',
    '`selector` does not match template `labels`',
  ],
  [
    { 'spec.template.metadata.labels': { app: 'w', 'a b': 'c' } },
    INVALID,
    'spec.template.labels',
    'name part must consist of alphanumeric characters',
  ],
  [
    { 'spec.selector.matchExpressions': [{ key: 'app', operator: 'In' }] },
    REQUIRED,
    'spec.selector.matchExpressions[0].values',
    "must be specified when `operator` is 'In' or 'NotIn'",
  ],
  [
    { 'spec.selector.matchExpressions': [{ key: 'app', operator: 'Is' }] },
    INVALID,
    'spec.selector.matchExpressions[0].operator',
    'not a valid selector operator',
  ],
  [{ 'spec.template.spec.containers': [] }, REQUIRED, 'spec.template.spec.containers', 'Required value'],
  [
    { 'spec.template.spec.containers[0].image': '' },
    REQUIRED,
    'spec.template.spec.containers[0].image',
    'Required value',
  ],
  [
    { 'spec.template.spec.restartPolicy': 'Never' },
    UNSUPPORTED,
    'spec.template.spec.restartPolicy',
    '"Never": supported values: "Always"',
  ],
  [
    { 'spec.template.spec.activeDeadlineSeconds': 5 },
    FORBIDDEN,
    'spec.template.spec.activeDeadlineSeconds',
    'is not Supported',
  ],
  [
    { 'spec.template.spec.ephemeralContainers': [{ name: 'e', image: 'x' }] },
    FORBIDDEN,
    'spec.template.spec.ephemeralContainers',
    'ephemeral containers not allowed in pod template',
  ],
  [{ 'spec.minReadySeconds': -1 }, INVALID, 'spec.minReadySeconds', `-1: ${NEGATIVE}`],
];

const own: [string, Kind<KubeObject>, BadInput[]][] = [
  [
    'Deployment',
    Deployments as unknown as Kind,
    [
      [{ 'spec.selector': undefined }, REQUIRED, 'spec.selector', 'Required value'],
      [{ 'spec.replicas': -1 }, INVALID, 'spec.replicas', NEGATIVE],
      [{ 'spec.revisionHistoryLimit': -1 }, INVALID, 'spec.revisionHistoryLimit', NEGATIVE],
      [
        { 'spec.strategy': { type: 'Recreate', rollingUpdate: {} } },
        FORBIDDEN,
        'spec.strategy.rollingUpdate',
        "may not be specified when strategy `type` is 'Recreate'",
      ],
      [{ 'spec.strategy': { type: 'Canary' } }, UNSUPPORTED, 'spec.strategy', '"Recreate", "RollingUpdate"'],
      [
        { 'spec.strategy.rollingUpdate': { maxSurge: 0, maxUnavailable: 0 } },
        INVALID,
        'spec.strategy.rollingUpdate.maxUnavailable',
        'may not be 0 when `maxSurge` is 0',
      ],
      [
        { 'spec.strategy.rollingUpdate': { maxUnavailable: '101%' } },
        INVALID,
        'spec.strategy.rollingUpdate.maxUnavailable',
        'must not be greater than 100%',
      ],
      [
        { 'spec.strategy.rollingUpdate': { maxSurge: 'many' } },
        INVALID,
        'spec.strategy.rollingUpdate.maxSurge',
        'a valid percent string must be',
      ],
      [{ 'spec.strategy.rollingUpdate': { maxSurge: -1 } }, INVALID, 'spec.strategy.rollingUpdate.maxSurge', NEGATIVE],
      [
        { 'spec.progressDeadlineSeconds': 5, 'spec.minReadySeconds': 5 },
        INVALID,
        'spec.progressDeadlineSeconds',
        'must be greater than minReadySeconds',
      ],
    ],
  ],
  ['ReplicaSet', ReplicaSets as unknown as Kind, [[{ 'spec.replicas': -1 }, INVALID, 'spec.replicas', NEGATIVE]]],
  [
    'StatefulSet',
    StatefulSets as unknown as Kind,
    [
      [{ 'spec.selector': undefined }, REQUIRED, 'spec.selector', 'Required value'],
      [
        { 'spec.persistentVolumeClaimRetentionPolicy': { whenScaled: 'X' } },
        UNSUPPORTED,
        'spec.persistentVolumeClaimRetentionPolicy.whenScaled',
        '"Delete", "Retain"',
      ],
      [
        { 'spec.podManagementPolicy': 'X' },
        INVALID,
        'spec.podManagementPolicy',
        "must be 'OrderedReady' or 'Parallel'",
      ],
      [
        { 'spec.updateStrategy': { type: 'X' } },
        INVALID,
        'spec.updateStrategy',
        "must be 'RollingUpdate' or 'OnDelete'",
      ],
      [
        { 'spec.updateStrategy': { type: 'OnDelete', rollingUpdate: {} } },
        INVALID,
        'spec.updateStrategy.rollingUpdate',
        "only allowed for updateStrategy 'RollingUpdate'",
      ],
      [
        { 'spec.updateStrategy': { rollingUpdate: { partition: -1 } } },
        INVALID,
        'spec.updateStrategy.rollingUpdate.partition',
        NEGATIVE,
      ],
      [
        { 'spec.template.spec.containers[0].volumeMounts': [{ name: 'no', mountPath: '/x' }] },
        'FieldValueNotFound',
        'spec.template.spec.containers[0].volumeMounts[0].name',
        '"no"',
      ],
    ],
  ],
  [
    'DaemonSet',
    DaemonSets as unknown as Kind,
    [
      [{ 'spec.updateStrategy': { type: 'X' } }, UNSUPPORTED, 'spec.updateStrategy', '"OnDelete", "RollingUpdate"'],
      [
        { 'spec.updateStrategy.rollingUpdate': { maxUnavailable: 0 } },
        REQUIRED,
        'spec.updateStrategy.rollingUpdate.maxUnavailable',
        'cannot be 0 when maxSurge is 0',
      ],
      [
        { 'spec.updateStrategy.rollingUpdate': { maxSurge: 1 } },
        INVALID,
        'spec.updateStrategy.rollingUpdate.maxSurge',
        'may not be set when maxUnavailable is non-zero',
      ],
      [{ 'spec.revisionHistoryLimit': -1 }, INVALID, 'spec.revisionHistoryLimit', NEGATIVE],
    ],
  ],
];

describe.each(own)('%s', (_, kind, more) => {
  test('good', () => {
    expect(texts(created(kind, base).problems)).toEqual([]);
  });
  test.each([...everywhere, ...more])('%j: %s %s', (...input) => {
    const { problems } = created(kind, spoiled(base, input[0]));
    expect(includesProblem(problems, input), texts(problems).join('\n')).toBe(true);
  });
});

test.each([
  ['deployment', Deployments as unknown as Kind],
  ['replica set', ReplicaSets as unknown as Kind],
  ['daemon set', DaemonSets as unknown as Kind],
])('the selector of a %s cannot be changed', (_, kind) => {
  const old = created(kind, base).object;
  const { problems } = updated(kind, old, (o) => {
    Object.assign(o, spoiled(o, { 'spec.selector.matchLabels.b': 'c', 'spec.template.metadata.labels.b': 'c' }));
  });
  expect(texts(problems)).toEqual([
    'FieldValueInvalid spec.selector: Invalid value: {"matchLabels":{"app":"w","b":"c"}}: field is immutable',
  ]);
});

test('a stateful set may change only some fields', () => {
  const old = created(StatefulSets, base).object;
  const change = (path: string, value: unknown) =>
    texts(updated(StatefulSets, old, (o) => Object.assign(o, spoiled(o, { [path]: value }))).problems);
  expect(change('spec.replicas', 5)).toEqual([]);
  expect(change('spec.template.spec.containers[0].image', 'nginx:2')).toEqual([]);
  expect(change('spec.serviceName', 'x')).toEqual([
    "FieldValueForbidden spec: Forbidden: updates to statefulset spec for fields other than 'replicas', 'ordinals', 'template', 'updateStrategy', 'revisionHistoryLimit', 'persistentVolumeClaimRetentionPolicy' and 'minReadySeconds' are forbidden",
  ]);
});

test('defaults of a deployment', () => {
  const { object } = created(Deployments, base);
  expect(object.spec).toMatchObject({
    replicas: 1,
    revisionHistoryLimit: 10,
    progressDeadlineSeconds: 600,
    strategy: { type: 'RollingUpdate', rollingUpdate: { maxSurge: '25%', maxUnavailable: '25%' } },
  });
  // What only pods get is not in templates.
  expect(object.spec?.template.spec).toMatchObject({ restartPolicy: 'Always', securityContext: {} });
  expect(object.spec?.template.spec?.enableServiceLinks).toBeUndefined();
});

test('defaults of stateful and daemon sets', () => {
  expect(created(StatefulSets, base).object.spec).toMatchObject({
    podManagementPolicy: 'OrderedReady',
    updateStrategy: { type: 'RollingUpdate', rollingUpdate: { partition: 0 } },
    persistentVolumeClaimRetentionPolicy: { whenDeleted: 'Retain', whenScaled: 'Retain' },
  });
  const ds = created(DaemonSets, base).object;
  expect(ds.spec?.updateStrategy).toEqual({ type: 'RollingUpdate', rollingUpdate: { maxUnavailable: 1, maxSurge: 0 } });
  expect(ds.metadata?.annotations).toEqual({ 'deprecated.daemonset.template.generation': '1' });
});

test('tables', () => {
  const d = created(Deployments, spoiled(base, { 'spec.replicas': 3 })).object;
  d.status = { replicas: 4, readyReplicas: 2, updatedReplicas: 1, availableReplicas: 2 };
  d.metadata = { ...d.metadata, creationTimestamp: '2026-01-01T00:00:00Z' };
  expect(row(Deployments, d, Date.parse('2026-01-03T05:00:00Z'))).toEqual({
    Name: 'w',
    Ready: '2/3',
    'Up-to-date': 1,
    Available: 2,
    Age: '2d5h',
    Containers: 'c',
    Images: 'nginx:1',
    Selector: 'app=w',
  });
  expect(Deployments.scale?.get(d)).toEqual({ replicas: 3, statusReplicas: 4, selector: 'app=w' });
});
