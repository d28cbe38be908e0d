import { expect, test } from 'vitest';
import { created, spoiled } from '../../fixtures.ts';
import { Pods, podGracePeriod } from './pod.ts';
import { imageTag } from './pod-defaults.ts';
import { qosClass } from './pod-qos.ts';

test.each([
  ['nginx', 'latest'],
  ['nginx:1.27', '1.27'],
  ['host:5000/nginx', 'latest'],
  ['host:5000/nginx:1', '1'],
  ['nginx@sha256:abc', ''],
  ['nginx:1@sha256:abc', '1'],
])('tag of %s is "%s"', (image, tag) => {
  expect(imageTag(image)).toBe(tag);
});

const minimal = { metadata: { name: 'p' }, spec: { containers: [{ name: 'c', image: 'nginx' }] } };

test('a minimal pod gets what Kubernetes gives it', () => {
  const { object } = created(Pods, minimal);
  expect(object).toEqual({
    metadata: { name: 'p' },
    spec: {
      containers: [
        {
          name: 'c',
          image: 'nginx',
          imagePullPolicy: 'Always',
          resources: {},
          terminationMessagePath: '/dev/termination-log',
          terminationMessagePolicy: 'File',
        },
      ],
      dnsPolicy: 'ClusterFirst',
      enableServiceLinks: true,
      restartPolicy: 'Always',
      schedulerName: 'default-scheduler',
      securityContext: {},
      terminationGracePeriodSeconds: 30,
    },
    status: { phase: 'Pending', qosClass: 'BestEffort' },
  });
});

const C = 'spec.containers[0]';
test.each<[Record<string, unknown>, string, unknown]>([
  [{ [`${C}.image`]: 'nginx:1' }, 'imagePullPolicy', 'IfNotPresent'],
  [{ [`${C}.image`]: 'nginx@sha256:abc' }, 'imagePullPolicy', 'IfNotPresent'],
  [{ [`${C}.ports`]: [{ containerPort: 80 }] }, 'ports', [{ containerPort: 80, protocol: 'TCP' }]],
  [
    { 'spec.hostNetwork': true, [`${C}.ports`]: [{ containerPort: 80 }] },
    'ports',
    [{ containerPort: 80, hostPort: 80, protocol: 'TCP' }],
  ],
  [
    { [`${C}.resources`]: { limits: { cpu: '1', memory: '1Gi' }, requests: { cpu: '500m' } } },
    'resources',
    { limits: { cpu: '1', memory: '1Gi' }, requests: { cpu: '500m', memory: '1Gi' } },
  ],
  [
    { [`${C}.livenessProbe`]: { httpGet: { port: 80 } } },
    'livenessProbe',
    {
      httpGet: { port: 80, path: '/', scheme: 'HTTP' },
      failureThreshold: 3,
      periodSeconds: 10,
      successThreshold: 1,
      timeoutSeconds: 1,
    },
  ],
  [
    { [`${C}.env`]: [{ name: 'A', valueFrom: { fieldRef: { fieldPath: 'metadata.name' } } }] },
    'env',
    [{ name: 'A', valueFrom: { fieldRef: { apiVersion: 'v1', fieldPath: 'metadata.name' } } }],
  ],
])('%j gives %s', (changes, field, want) => {
  const { object } = created(Pods, spoiled(minimal, changes));
  expect(object.spec?.containers[0]).toMatchObject({ [field]: want });
});

test.each([
  [{ name: 'v' }, { name: 'v', emptyDir: {} }],
  [
    { name: 'v', secret: { secretName: 's' } },
    { name: 'v', secret: { secretName: 's', defaultMode: 420 } },
  ],
  [
    { name: 'v', hostPath: { path: '/x' } },
    { name: 'v', hostPath: { path: '/x', type: '' } },
  ],
  [
    { name: 'v', projected: { sources: [{ serviceAccountToken: { path: 't' } }] } },
    {
      name: 'v',
      projected: { defaultMode: 420, sources: [{ serviceAccountToken: { path: 't', expirationSeconds: 3600 } }] },
    },
  ],
])('volume %j', (volume, want) => {
  expect(created(Pods, spoiled(minimal, { 'spec.volumes': [volume] })).object.spec?.volumes).toEqual([want]);
});

test('both names of the service account', () => {
  const spec = (k: string) => created(Pods, spoiled(minimal, { [`spec.${k}`]: 'x' })).object.spec;
  for (const k of ['serviceAccountName', 'serviceAccount']) {
    expect(spec(k)).toMatchObject({ serviceAccountName: 'x', serviceAccount: 'x' });
  }
});

const r = (requests?: Record<string, string>, limits?: Record<string, string>) => ({
  name: 'c',
  resources: { ...(requests ? { requests } : {}), ...(limits ? { limits } : {}) },
});
test.each([
  [[r()], 'BestEffort'],
  [[r({ cpu: '0' })], 'BestEffort'],
  [[r({ cpu: '1' })], 'Burstable'],
  [[r({ cpu: '1', memory: '1Gi' }, { cpu: '1', memory: '1Gi' })], 'Guaranteed'],
  [[r({ cpu: '1000m', memory: '1024Mi' }, { cpu: '1', memory: '1Gi' })], 'Guaranteed'],
  [[r({ cpu: '1', memory: '1Gi' }, { cpu: '2', memory: '1Gi' })], 'Burstable'],
  [[r({ cpu: '1', memory: '1Gi' }, { cpu: '1', memory: '1Gi' }), r()], 'Burstable'],
  [[r({ cpu: '1' }, { cpu: '1' })], 'Burstable'],
])('quality of service of %j is %s', (containers, want) => {
  expect(qosClass({ containers })).toBe(want);
});

test.each([
  ['not scheduled', {}, {}, undefined, 0],
  ['running', { nodeName: 'n', terminationGracePeriodSeconds: 30 }, { phase: 'Running' }, undefined, 30],
  ['running, asked for 5', { nodeName: 'n', terminationGracePeriodSeconds: 30 }, { phase: 'Running' }, 5, 5],
  ['running, asked for 0', { nodeName: 'n', terminationGracePeriodSeconds: 30 }, { phase: 'Running' }, 0, 0],
  ['ended', { nodeName: 'n', terminationGracePeriodSeconds: 30 }, { phase: 'Succeeded' }, undefined, 0],
  ['negative', { nodeName: 'n', terminationGracePeriodSeconds: -5 }, { phase: 'Running' }, undefined, 1],
] as const)('grace of a pod that is %s', (_, spec, status, requested, want) => {
  expect(podGracePeriod({ spec: { containers: [], ...spec }, status }, requested)).toBe(want);
});
