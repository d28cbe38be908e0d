import { expect, test } from 'vitest';
import type { KubeObject } from '#api/meta/objectmeta.ts';
import { fakeDeps } from '../fake-deps.ts';
import { volumeBinder } from './binder.ts';
import { claimProtection } from './protection.ts';

const { signal } = new AbortController();
const claim = (more: object = {}) => ({
  metadata: { namespace: 'ns', name: 'data', uid: 'c', resourceVersion: '7', ...more },
  spec: { volumeName: 'v', accessModes: ['ReadWriteOnce'], resources: { requests: { storage: '1Gi' } } },
  status: { phase: 'Pending' },
});

test('a bound claim whose volume the cache has not heard of is not lost', async () => {
  const volume = {
    metadata: { name: 'v', uid: 'v', resourceVersion: '6' },
    spec: { capacity: { storage: '1Gi' }, claimRef: { namespace: 'ns', name: 'data', uid: 'c' } },
    status: { phase: 'Bound' },
  };
  const phases: unknown[] = [];
  const client = {
    get: async () => volume,
    updateStatus: async (_kind: unknown, o: KubeObject & { status: { phase: string } }) => {
      phases.push(o.status.phase);
      return o;
    },
  };
  const restored = claim({ annotations: { 'pv.kubernetes.io/bind-completed': 'yes' } });
  const deps = fakeDeps({ PersistentVolumeClaim: [restored] }, client);
  await volumeBinder(deps, { helperImage: 'x' }).reconcile('claim:ns/data', signal);
  expect(phases).toEqual(['Bound']);
});

const NOTE = 'volume.kubernetes.io/selected-node';

test('a claim for a node that is heard of later is looked at then', () => {
  const noted = { ...claim({ annotations: { [NOTE]: 'new' } }), spec: {} };
  const deps = fakeDeps({ PersistentVolumeClaim: [noted], Node: [{ metadata: { name: 'new' } }] }, {});
  const ofNodes: string[] = [];
  volumeBinder(deps, { helperImage: 'x' })
    .watches.at(-1)
    ?.attach(deps.informers, (key) => ofNodes.push(key));
  expect(ofNodes).toEqual(['claim:ns/data']);
});

test('a node that has no volume left is turned down', async () => {
  const { spec, ...rest } = claim({ annotations: { [NOTE]: 'n' } });
  const open = { ...rest, spec: { ...spec, volumeName: undefined, storageClassName: 'local' } };
  const local = {
    metadata: { name: 'local' },
    provisioner: 'kubernetes.io/no-provisioner',
    volumeBindingMode: 'WaitForFirstConsumer',
  };
  const written: unknown[] = [];
  const client = {
    update: async (_kind: unknown, o: KubeObject) => {
      written.push(o.metadata?.annotations);
      return o;
    },
  };
  const node = { metadata: { name: 'n' } };
  const deps = fakeDeps({ PersistentVolumeClaim: [open], StorageClass: [local], Node: [node] }, client);
  await volumeBinder(deps, { helperImage: 'x' }).reconcile('claim:ns/data', signal);
  expect(written).toEqual([{}]);
});

test.each([
  ['the scheduler took a volume for it', { namespace: 'ns', name: 'data', uid: 'c' }, 'v'],
  ['a volume is to be made for it', undefined, undefined],
])('a claim for a node gets no volume but its own: %s', async (_, claimRef, expected) => {
  const { spec, ...rest } = claim({ annotations: { [NOTE]: 'n' } });
  const open = { ...rest, spec: { ...spec, volumeName: undefined, storageClassName: 'made' } };
  const made = { metadata: { name: 'made' }, provisioner: 'x', volumeBindingMode: 'WaitForFirstConsumer' };
  const free = (name: string) => ({
    metadata: { name, uid: name, resourceVersion: '6' },
    spec: { capacity: { storage: '1Gi' }, accessModes: ['ReadWriteOnce'], storageClassName: 'made' },
    status: { phase: 'Available' },
  });
  const volumes = [free('a'), { ...free('v'), spec: { ...free('v').spec, claimRef } }];
  let bound: unknown;
  const client = {
    update: async (_kind: unknown, o: KubeObject & { spec: { volumeName?: string } }) => {
      bound ??= o.spec.volumeName;
      return o;
    },
    updateStatus: async (_kind: unknown, o: KubeObject) => o,
  };
  const known = { PersistentVolumeClaim: [open], PersistentVolume: volumes, StorageClass: [made] };
  const deps = fakeDeps({ ...known, Node: [{ metadata: { name: 'n' } }] }, client);
  await volumeBinder(deps, { helperImage: 'x' }).reconcile('claim:ns/data', signal);
  expect(bound).toBe(expected);
});

test('a claim that waits gets a volume that the node of its first pod reaches, not the smallest', async () => {
  const { spec, ...rest } = claim();
  const open = { ...rest, spec: { ...spec, volumeName: undefined, storageClassName: 'local' } };
  const local = { metadata: { name: 'local' }, volumeBindingMode: 'WaitForFirstConsumer' };
  const on = (node: string, size: string) => {
    const matchExpressions = [{ key: 'kubernetes.io/hostname', operator: 'In', values: [node] }];
    const nodeAffinity = { required: { nodeSelectorTerms: [{ matchExpressions }] } };
    const capacity = { storage: size };
    return {
      metadata: { name: `on-${node}`, uid: node, resourceVersion: '6' },
      spec: { capacity, accessModes: ['ReadWriteOnce'], storageClassName: 'local', nodeAffinity },
      status: { phase: 'Available' },
    };
  };
  const volumes = [{ name: 'x', persistentVolumeClaim: { claimName: 'data' } }];
  const user = { metadata: { namespace: 'ns', name: 'p', uid: 'p' }, spec: { nodeName: 'here', volumes } };
  const taken: unknown[] = [];
  const client = {
    update: async (_kind: unknown, o: KubeObject & { spec: { claimRef?: object } }) => {
      if (o.spec.claimRef) taken.push(o.metadata?.name);
      return o;
    },
    updateStatus: async (_kind: unknown, o: KubeObject) => o,
  };
  const nodes = ['here', 'there'].map((name) => ({ metadata: { name, labels: { 'kubernetes.io/hostname': name } } }));
  const known = { PersistentVolumeClaim: [open], StorageClass: [local], Node: nodes, Pod: [user] };
  const deps = fakeDeps({ ...known, PersistentVolume: [on('there', '1Gi'), on('here', '2Gi')] }, client);
  await volumeBinder(deps, { helperImage: 'x' }).reconcile('claim:ns/data', signal);
  expect(taken).toEqual(['on-here']);
});

test('a claim that only the server knows to be in use is looked at again', async () => {
  const going = claim({ deletionTimestamp: '2026-01-01T12:00:00Z', finalizers: ['kubernetes.io/pvc-protection'] });
  const volumes = [{ name: 'x', persistentVolumeClaim: { claimName: 'data' } }];
  const user = { metadata: { namespace: 'ns', name: 'p', uid: 'p' }, spec: { nodeName: 'n', volumes } };
  const deps = fakeDeps({ PersistentVolumeClaim: [going] }, { list: async () => ({ items: [user] }) });
  expect(await claimProtection(deps).reconcile('ns/data', signal)).toMatchObject({ afterMs: expect.any(Number) });
});

test('that a claim waits to grow is told by whom Kubernetes has tell it', async () => {
  const volume = {
    metadata: { name: 'v', uid: 'v', resourceVersion: '6' },
    spec: { capacity: { storage: '1Gi' }, csi: {}, claimRef: { namespace: 'ns', name: 'data', uid: 'c' } },
    status: { phase: 'Bound' },
  };
  const { spec, ...rest } = claim({ annotations: { 'pv.kubernetes.io/bind-completed': 'yes' } });
  const grown = {
    ...rest,
    spec: { ...spec, resources: { requests: { storage: '2Gi' } } },
    status: { phase: 'Bound', capacity: { storage: '1Gi' }, accessModes: ['ReadWriteOnce'] },
  };
  const same = async (_kind: unknown, o: KubeObject) => o;
  const deps = fakeDeps(
    { PersistentVolumeClaim: [grown], PersistentVolume: [volume] },
    { update: same, updateStatus: same },
  );
  const told: string[] = [];
  const events = (component: string) => ({
    event: (_o: unknown, _type: unknown, reason: string) => void told.push(`${component} ${reason}`),
    flush: () => Promise.resolve(),
  });
  await volumeBinder({ ...deps, events }, { helperImage: 'x' }).reconcile('claim:ns/data', signal);
  expect(told).toEqual(['volume_expand ExternalExpanding']);
});
