import { expect, test } from 'vitest';
import type { Node, StorageClass } from '#api/kinds/index.ts';
import type { Stored } from '#api/meta/objectmeta.ts';
import type { Claim, Volume } from '../persistentvolume/match.ts';
import { hostnameOf, isOurs, obstacle, removedBy, remover, volumeFor } from './plan.ts';

const claim = (spec: object = {}): Claim =>
  ({
    metadata: { namespace: 'ns', name: 'data', uid: 'u1' },
    spec: { accessModes: ['ReadWriteOnce'], resources: { requests: { storage: '1Gi' } }, ...spec },
  }) as unknown as Claim;
const storageClass = { metadata: { name: 'fast' }, reclaimPolicy: 'Retain' } as unknown as Stored<StorageClass>;
const node = { metadata: { name: 'n1', labels: { 'kubernetes.io/hostname': 'host-1' } } } as unknown as Node;
const made = () => volumeFor(claim(), { dir: '/data', node, storageClass }) as Volume;
const settings = { dir: '/data', helperImage: 'rm:1' };

test.each([
  ['one writer', {}, undefined],
  ['one pod', { accessModes: ['ReadWriteOncePod'] }, undefined],
  ['many', { accessModes: ['ReadWriteMany'] }, /access modes, not ReadWriteMany/],
  ['a selector', { selector: {} }, /Selector is not supported/],
  ['a device', { volumeMode: 'Block' }, /block/],
])('can a folder serve %s?', (_, spec, why) => {
  if (why) expect(obstacle(claim(spec))).toMatch(why);
  else expect(obstacle(claim(spec))).toBeUndefined();
});

test('a volume is a folder on the node, for this claim alone', () => {
  expect(made()).toMatchObject({
    metadata: { name: 'pvc-u1' },
    spec: {
      capacity: { storage: '1Gi' },
      persistentVolumeReclaimPolicy: 'Retain',
      hostPath: { path: '/data/pvc-u1_ns_data' },
      claimRef: { namespace: 'ns', name: 'data', uid: 'u1' },
    },
  });
  expect([isOurs(made()), hostnameOf(made())]).toEqual([true, 'host-1']);
});

test('what removes it goes with it, and touches nothing else', () => {
  const pod = remover({ ...made(), metadata: { ...made().metadata, uid: 'v1' } }, 'n1', settings);
  expect(pod.metadata?.ownerReferences).toMatchObject([{ kind: 'PersistentVolume', name: 'pvc-u1', uid: 'v1' }]);
  expect(pod.spec).toMatchObject({ nodeName: 'n1', volumes: [{ hostPath: { path: '/data' } }] });
  expect(pod.spec?.containers[0]?.command).toEqual(['rm', '-rf', '--', '/local-path/pvc-u1_ns_data']);
  expect(removedBy(pod)).toBe('pvc-u1');
});

test.each(['/', '/data', '/data/', '/data/..', '/data/other', '/etc/pvc-u1_ns_data', '/data/x/pvc-u1_ns_data'])(
  '%s is not removed',
  (path) => {
    const volume = made();
    const odd = { ...volume, spec: { ...volume.spec, hostPath: { path } } } as Volume;
    expect(() => remover(odd, 'n1', settings)).toThrow(/is not removed/);
  },
);
