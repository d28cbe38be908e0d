import { expect, test } from 'vitest';
import { type BadInput, created, includesProblem, spoiled, texts } from '../../fixtures.ts';
import { goodPod as good } from './good-pod.ts';
import { Pods } from './pod.ts';

const C = 'spec.containers[0]';
const REQUIRED = 'FieldValueRequired';
const INVALID = 'FieldValueInvalid';
const FORBIDDEN = 'FieldValueForbidden';
const DUPLICATE = 'FieldValueDuplicate';
const UNSUPPORTED = 'FieldValueNotSupported';
const MISSING = 'FieldValueNotFound';

const bad: BadInput[] = [
  [{ [`${C}.volumeMounts[0].name`]: 'other' }, MISSING, `${C}.volumeMounts[0].name`, 'Not found: "other"'],
  [{ [`${C}.volumeMounts[0].mountPath`]: '' }, REQUIRED, `${C}.volumeMounts[0].mountPath`, 'Required value'],
  [
    { [`${C}.volumeMounts[1]`]: { name: 'data', mountPath: '/data' } },
    INVALID,
    `${C}.volumeMounts[1].mountPath`,
    '"/data": must be unique',
  ],
  [{ [`${C}.volumeMounts[0].subPath`]: '/x' }, INVALID, `${C}.volumeMounts[0].subPath`, 'must be a relative path'],
  [{ [`${C}.volumeMounts[0].subPath`]: 'a/../..' }, INVALID, `${C}.volumeMounts[0].subPath`, "must not contain '..'"],
  [
    { [`${C}.volumeMounts[0].mountPropagation`]: 'Bidirectional' },
    FORBIDDEN,
    `${C}.volumeMounts[0].mountPropagation`,
    'only to privileged containers',
  ],
  [{ 'spec.volumes[0].name': 'Data' }, INVALID, 'spec.volumes[0].name', 'RFC 1123 label'],
  [{ 'spec.volumes[1]': { name: 'data', emptyDir: {} } }, DUPLICATE, 'spec.volumes[1].name', '"data"'],
  [
    { 'spec.volumes[0].hostPath': { path: '/x' } },
    FORBIDDEN,
    'spec.volumes[0].hostPath',
    'may not specify more than 1 volume type',
  ],
  [
    { 'spec.volumes[0]': { name: 'data', hostPath: { path: '' } } },
    REQUIRED,
    'spec.volumes[0].hostPath.path',
    'Required value',
  ],
  [
    { 'spec.volumes[0]': { name: 'data', hostPath: { path: '/a/../b' } } },
    INVALID,
    'spec.volumes[0].hostPath.path',
    "must not contain '..'",
  ],
  [
    { 'spec.volumes[0]': { name: 'data', hostPath: { path: '/a', type: 'Disk' } } },
    UNSUPPORTED,
    'spec.volumes[0].hostPath.type',
    '"BlockDevice"',
  ],
  [
    { 'spec.volumes[0]': { name: 'data', ephemeral: { volumeClaimTemplate: { spec: {} } } } },
    REQUIRED,
    'spec.volumes[0].ephemeral.volumeClaimTemplate.spec.accessModes',
    'at least 1 access mode is required',
  ],
  [
    { 'spec.volumes[0]': { name: 'data', configMap: {} } },
    REQUIRED,
    'spec.volumes[0].configMap.name',
    'Required value',
  ],
  [
    { 'spec.volumes[0]': { name: 'data', configMap: { name: 'c', items: [{ key: 'k', path: '../x' }] } } },
    INVALID,
    'spec.volumes[0].configMap.items[0].path',
    "must not contain '..'",
  ],
  [
    { 'spec.volumes[0]': { name: 'data', secret: { secretName: '' } } },
    REQUIRED,
    'spec.volumes[0].secret.secretName',
    'Required value',
  ],
  [
    { 'spec.volumes[0]': { name: 'data', secret: { secretName: 's', defaultMode: 0o1000 } } },
    INVALID,
    'spec.volumes[0].secret.defaultMode',
    'must be a number between 0 and 0777 (octal), both inclusive',
  ],
  [
    { 'spec.volumes[0]': { name: 'data', persistentVolumeClaim: { claimName: '' } } },
    REQUIRED,
    'spec.volumes[0].persistentVolumeClaim.claimName',
    'Required value',
  ],
  [
    { 'spec.volumes[0]': { name: 'data', projected: { sources: [{}] } } },
    REQUIRED,
    'spec.volumes[0].projected.sources[0]',
    'may not be an empty projection',
  ],
  [
    {
      'spec.volumes[0]': {
        name: 'data',
        projected: { sources: [{ serviceAccountToken: { path: 't', expirationSeconds: 1 } }] },
      },
    },
    INVALID,
    'spec.volumes[0].projected.sources[0].serviceAccountToken.expirationSeconds',
    'less than 10 minutes',
  ],
  [
    { 'spec.volumes[0]': { name: 'data', nfs: { server: 's', path: 'x' } } },
    INVALID,
    'spec.volumes[0].nfs.path',
    'must be an absolute path',
  ],
  [
    { 'spec.volumes[0]': { name: 'data', downwardAPI: { items: [{ path: 'x' }] } } },
    REQUIRED,
    'spec.volumes[0].downwardAPI.items[0]',
    'one of fieldRef and resourceFieldRef is required',
  ],
];

test.each(bad)('%j: %s %s', (...input) => {
  const { problems } = created(Pods, spoiled(good, input[0]));
  expect(texts(problems).join('\n')).toContain(`${input[1]} ${input[2]}: `);
  expect(includesProblem(problems, input), texts(problems).join('\n')).toBe(true);
});
