import { beforeEach, expect, test } from 'vitest';
import { LOCAL_PATH, PROVISIONED_BY } from '#api/scheduling/local-path.ts';
import { SELECTED_NODE, STORAGE_PROVISIONER } from '#api/scheduling/volume-match.ts';
import { fakeDeps, fakeEvents } from '../fake-deps.ts';
import { localPathProvisioner } from './controller.ts';

const options = { storageClass: '', dir: '/data', helperImage: 'x' };
const { signal } = new AbortController();
const local = { metadata: { name: 'local' }, provisioner: LOCAL_PATH, volumeBindingMode: 'WaitForFirstConsumer' };
const node = { metadata: { name: 'n', labels: { 'kubernetes.io/hostname': 'n' } } };

let told: string[];
beforeEach(() => {
  told = [];
});

/** A claim for a folder on `n`. */
const claim = (spec: object = {}, status: object = { phase: 'Pending' }) => ({
  metadata: {
    namespace: 'ns',
    name: 'data',
    uid: 'u',
    annotations: { [STORAGE_PROVISIONER]: LOCAL_PATH, [SELECTED_NODE]: 'n' },
  },
  spec: {
    accessModes: ['ReadWriteOnce'],
    storageClassName: 'local',
    resources: { requests: { storage: '2Gi' } },
    ...spec,
  },
  status,
});

/** A claim that is bound, its volume of 1Gi, and gold. */
const bound = (spec: object = {}, status: object = {}) => ({
  PersistentVolumeClaim: [
    claim({ volumeName: 'pvc-u', ...spec }, { phase: 'Bound', capacity: { storage: '1Gi' }, ...status }),
  ],
  PersistentVolume: [
    {
      metadata: { name: 'pvc-u', annotations: { [PROVISIONED_BY]: LOCAL_PATH } },
      spec: { capacity: { storage: '1Gi' }, claimRef: { namespace: 'ns', name: 'data', uid: 'u' } },
    },
  ],
  VolumeAttributesClass: [{ metadata: { name: 'gold' }, driverName: LOCAL_PATH }],
});

/** Looks at the claim once. @param known what the caches show. @returns what was called, and what was told by then */
async function look(known: Readonly<Record<string, readonly object[]>>): Promise<string[]> {
  const done: string[] = [];
  const call = (what: string) => async (kind: { kind: string }) =>
    void done.push(`${what} ${kind.kind} ${told.length}`);
  const deps = fakeDeps({ StorageClass: [local], ...known }, { create: call('create'), patch: call('patch') });
  await localPathProvisioner({ ...deps, events: fakeEvents(told) }, options).reconcile('claim:ns/data', signal);
  return done;
}

const BEGUN = 'data Normal Provisioning: External provisioner is provisioning volume for claim "ns/data"';
const failed = (why: string) =>
  `data Warning ProvisioningFailed: failed to provision volume with StorageClass "local": ${why}`;

test('a volume that is made is told of before and after', async () => {
  expect(await look({ PersistentVolumeClaim: [claim()], Node: [node] })).toEqual(['create PersistentVolume 1']);
  expect(told).toEqual([BEGUN, 'data Normal ProvisioningSucceeded: Successfully provisioned volume pvc-u']);
});

test('what cannot be made is told with its class', async () => {
  const many = claim({ accessModes: ['ReadWriteMany'] });
  expect(await look({ PersistentVolumeClaim: [many], Node: [node] })).toEqual([]);
  expect(told).toEqual([BEGUN, expect.stringContaining(failed(`${LOCAL_PATH} only supports ReadWriteOnce`))]);
});

test('nothing is begun for a node that is gone', async () => {
  expect(await look({ PersistentVolumeClaim: [claim()] })).toEqual(['patch PersistentVolumeClaim 1']);
  expect(told).toEqual([failed('node "n" not found')]);
});

test('a volume that grows is told of before and after', async () => {
  expect(await look(bound())).toEqual(['patch PersistentVolume 1', 'patch PersistentVolumeClaim 1']);
  expect(told).toEqual([
    'data Normal Resizing: External resizer is resizing volume pvc-u',
    'data Normal VolumeResizeSuccessful: Resize volume succeeded',
  ]);
});

test.each([
  ['has its size already', {}, { capacity: { storage: '2Gi' } }],
  ['is not complete yet', {}, { phase: 'Pending' }],
])('of a claim that %s no resize is told', async (_, spec, status) => {
  await look(bound(spec, status));
  expect(told).toEqual([]);
});

test.each([
  [
    'gold',
    [
      'data Normal VolumeModify: external resizer is modifying volume data with vac gold',
      'data Normal VolumeModifySuccessful: external resizer modified volume data with vac gold successfully',
    ],
  ],
  ['none', ['data Warning VolumeModifyFailed: VAC none does not exist.']],
])('what is told of a change to VolumeAttributesClass %s', async (name, expected) => {
  await look(bound({ volumeAttributesClassName: name }, { capacity: { storage: '2Gi' } }));
  expect(told).toEqual(expected);
});
