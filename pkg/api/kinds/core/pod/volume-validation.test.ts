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
const ITEM = { key: 'k', path: 'x' };
const NAME = { path: 'x', fieldRef: { fieldPath: 'metadata.name' } };

const bad: BadInput[] = [
  [{ [`${C}.volumeMounts[0].name`]: 'other' }, MISSING, `${C}.volumeMounts[0].name`, 'Not found: "other"'],
  [{ [`${C}.volumeMounts[0].mountPath`]: '' }, REQUIRED, `${C}.volumeMounts[0].mountPath`, 'Required value'],
  [
    { [`${C}.volumeMounts[1]`]: { name: 'data', mountPath: '/data' } },
    INVALID,
    `${C}.volumeMounts[1].mountPath`,
    '"/data": must be unique',
  ],
  [{ [`${C}.volumeMounts[0].subPath`]: '/x' }, INVALID, `${C}.volumeMounts.subPath`, 'must be a relative path'],
  [{ [`${C}.volumeMounts[0].subPath`]: 'a/../..' }, INVALID, `${C}.volumeMounts.subPath`, "must not contain '..'"],
  [
    { [`${C}.volumeMounts[0].mountPropagation`]: 'Bidirectional' },
    FORBIDDEN,
    `${C}.volumeMounts.mountPropagation`,
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
    { 'spec.volumes[0]': { name: 'data', projected: { sources: [{ serviceAccountToken: {} }] } } },
    REQUIRED,
    'spec.volumes[0].projected.path',
    'Required value',
  ],
  ...[
    [{ secret: { name: 's', items: [ITEM, ITEM] } }, 's'],
    [{ configMap: { name: 'm', items: [ITEM, ITEM] } }, 'm'],
    [{ downwardAPI: { items: [NAME, NAME] } }, 'x'],
  ].map(
    ([source, blamed]): BadInput => [
      { 'spec.volumes[0]': { name: 'data', projected: { sources: [source] } } },
      INVALID,
      'spec.volumes[0].projected',
      `"${blamed}": conflicting duplicate paths`,
    ],
  ),
  [
    {
      'spec.volumes[0]': {
        name: 'data',
        projected: { sources: [{ secret: { name: 's', items: [ITEM] } }, { downwardAPI: { items: [NAME] } }] },
      },
    },
    INVALID,
    'spec.volumes[0].projected',
    '"x": conflicting duplicate paths',
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
    'spec.volumes[0].downwardAPI',
    'one of fieldRef and resourceFieldRef is required',
  ],
];

// A volume that is wrong is none that could be mounted.
bad.push(
  [{ 'spec.volumes[0]': { name: 'data', nfs: {} } }, MISSING, `${C}.volumeMounts[0].name`, 'Not found: "data"'],
  [{ [`${C}.volumeMounts[0].name`]: '' }, MISSING, `${C}.volumeMounts[0].name`, 'Not found: ""'],
);

// A volume of each storage system: what it must say, and what makes no sense.
bad.push(
  ...Object.entries<readonly [source: object, field: string, detail?: string][]>({
    nfs: [[{ server: 's' }, 'path', 'must be an absolute path']],
    iscsi: [
      [{ iqn: 'iqn.2020-01.a.b:c' }, 'targetPortal'],
      [{ targetPortal: 't', iqn: 'x' }, 'iqn', 'must be valid format starting with iqn, eui, or naa'],
      [{ targetPortal: 't', iqn: 'eui.1' }, 'iqn', 'must be valid format'],
      [{ targetPortal: 't', iqn: 'eui.0123456789abcdef', lun: 256 }, 'lun', 'must be between 0 and 255, inclusive'],
      [{ targetPortal: 't', iqn: 'eui.0123456789abcdef', chapAuthSession: true }, 'secretRef'],
    ],
    fc: [
      [{ lun: 1 }, 'targetWWNs', 'must specify either targetWWNs or wwids, but not both'],
      [{ targetWWNs: ['a'] }, 'lun', 'lun is required if targetWWNs is specified'],
      [{ targetWWNs: ['a'], wwids: ['b'], lun: 1 }, 'targetWWNs', 'can not be specified simultaneously'],
    ],
    rbd: [
      [{ image: 'i' }, 'monitors'],
      [{ monitors: ['m'] }, 'image'],
    ],
    cephfs: [[{}, 'monitors']],
    cinder: [[{ volumeID: 'v', secretRef: {} }, 'secretRef.name']],
    glusterfs: [[{ endpoints: 'e' }, 'path']],
    flexVolume: [[{ driver: 'd', options: { 'a.k8s.io/b': 'c' } }, 'options[a.k8s.io/b]', 'are reserved']],
    azureFile: [[{ secretName: 's' }, 'shareName']],
    azureDisk: [
      [{ diskName: 'd', diskURI: 'u', kind: 'Managed' }, 'diskURI', '/subscriptions/{sub-id}/'],
      [{ diskName: 'd', diskURI: 'https://a', cachingMode: 'x' }, 'cachingMode', '"None", "ReadOnly", "ReadWrite"'],
    ],
    vsphereVolume: [[{}, 'volumePath']],
    photonPersistentDisk: [[{}, 'pdID']],
    portworxVolume: [[{}, 'volumeID']],
    scaleIO: [[{ gateway: 'g', system: 's', secretRef: {} }, 'volumeName']],
    storageos: [[{ volumeName: 'A' }, 'volumeName', 'RFC 1123 label']],
    quobyte: [[{ registry: 'r', volume: 'v' }, 'registry', 'must be a host:port pair']],
    awsElasticBlockStore: [[{ volumeID: 'v', partition: 256 }, 'partition', 'must be an integer between 0 and 255']],
    gitRepo: [[{ repository: 'r', directory: '../x' }, 'directory', "must not contain '..'"]],
    csi: [
      [{ driver: '-' }, 'driver', 'RFC 1123 subdomain'],
      [{ driver: 'd', nodePublishSecretRef: { name: 'A' } }, 'name', 'RFC 1123 subdomain'],
    ],
  }).flatMap(([system, rows]) =>
    rows.map(
      ([source, field, detail = 'Required value']): BadInput => [
        { 'spec.volumes[0]': { name: 'data', [system]: source } },
        detail.includes('Required') || / either | required if /.test(detail)
          ? REQUIRED
          : /"|subscriptions/.test(detail)
            ? UNSUPPORTED
            : INVALID,
        `spec.volumes[0].${system}.${field}`,
        detail,
      ],
    ),
  ),
  [
    { 'spec.volumes[0]': { name: 'data', gcePersistentDisk: {} } },
    REQUIRED,
    'spec.volumes[0].persistentDisk.pdName',
    'Required value',
  ],
  [
    { 'spec.volumes[0]': { name: 'data', flocker: {} } },
    REQUIRED,
    'spec.volumes[0].flocker',
    'one of datasetName and datasetUUID is required',
  ],
);

test.each<object>([
  { projected: { sources: [{}] } },
  { iscsi: { targetPortal: 't', iqn: 'iqn.2020-01.a.b:c', lun: 0 } },
  { fc: { wwids: ['a'] } },
  { azureDisk: { diskName: 'd', diskURI: 'https://a' } },
  { quobyte: { registry: 'a:1,b:2', volume: 'v' } },
  { csi: { driver: 'Disks.Example', nodePublishSecretRef: { name: 's' } } },
])('a good volume: %j', (source) => {
  const { problems } = created(Pods, spoiled(good, { 'spec.volumes[0]': { name: 'data', ...source } }));
  expect(texts(problems)).toEqual([]);
});

test.each(bad)('%j: %s %s', (...input) => {
  const { problems } = created(Pods, spoiled(good, input[0]));
  expect(texts(problems).join('\n')).toContain(`${input[1]} ${input[2]}: `);
  expect(includesProblem(problems, input), texts(problems).join('\n')).toBe(true);
});
