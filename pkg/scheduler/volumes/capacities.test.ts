import { beforeEach, describe, expect, test } from 'vitest';
import type { PersistentVolumeClaim, StorageClass } from '#api/kinds/index.ts';
import type { Stored } from '#api/meta/objectmeta.ts';
import { FakeCaches } from '#client/fake-caches.ts';
import { makeNode } from '../fixtures.ts';
import { Capacities } from './capacities.ts';

const DRIVER = 'csi.example.org';
const CAPACITY = 'CSIStorageCapacity';
const local = { metadata: { name: 'local' }, provisioner: DRIVER } as unknown as Stored<StorageClass>;
const claim = { spec: { resources: { requests: { storage: '2Gi' } } } } as unknown as Stored<PersistentVolumeClaim>;
const driver = (storageCapacity: boolean) => ({ metadata: { name: DRIVER }, spec: { storageCapacity } });
const zoneA = { matchLabels: { zone: 'a' } };
/** What is left in zone a. */
const left = (name: string, capacity: string | undefined, more: object = {}) => ({
  metadata: { namespace: 'csi', name, resourceVersion: '1' },
  storageClassName: 'local',
  nodeTopology: zoneA,
  ...(capacity ? { capacity } : {}),
  ...more,
});

let woken: string[];
beforeEach(() => {
  woken = [];
});
const capacitiesOf = (caches: FakeCaches) => new Capacities(caches.factory, ({ type }) => void woken.push(type));

describe('a claim of 2Gi', () => {
  test.each<[string, object[], object[], string]>([
    ['nobody says anything of its driver', [], [], 'ab'],
    ['its driver does not tell its capacity', [driver(false)], [left('x', '1Gi')], 'ab'],
    ['enough in one zone', [driver(true)], [left('x', '2Gi')], 'a'],
    ['too little', [driver(true)], [left('x', '1Gi')], ''],
    ['nothing is told yet', [driver(true)], [], ''],
    ['in one of two pools', [driver(true)], [left('x', '1Gi'), left('y', '5Gi')], 'a'],
    ['of another class', [driver(true)], [left('x', '5Gi', { storageClassName: 'other' })], ''],
    ['volumes are not that large', [driver(true)], [left('x', '5Gi', { maximumVolumeSize: '1Gi' })], ''],
    ['the largest volume decides', [driver(true)], [left('x', '1Gi', { maximumVolumeSize: '3Gi' })], 'a'],
    ['no size is told', [driver(true)], [left('x', undefined)], ''],
    ['for all nodes', [driver(true)], [left('x', '5Gi', { nodeTopology: {} })], 'ab'],
    ['for no node', [driver(true)], [left('x', '5Gi', { nodeTopology: undefined })], ''],
  ])('%s', (_, CSIDriver, CSIStorageCapacity, expected) => {
    const capacities = capacitiesOf(new FakeCaches({ CSIDriver, CSIStorageCapacity }));
    const nodes = ['a', 'b'].filter((zone) => capacities.hasSpace(claim, local, makeNode(zone, { zone })));
    expect(nodes.join('')).toBe(expected);
  });
});

test('pods that wait are told of more space, and of less asked', () => {
  const caches = new FakeCaches({ CSIDriver: [driver(true)] });
  capacitiesOf(caches);
  const tell = (kind: string, o: object): string => {
    woken = [];
    caches.set(kind, o as never);
    return woken.join(' ');
  };
  expect(tell(CAPACITY, left('x', '1Gi'))).toBe('storage-capacity');
  expect(tell(CAPACITY, left('x', '500Mi'))).toBe('');
  expect(tell(CAPACITY, left('x', '3Gi'))).toBe('storage-capacity');
  expect(tell(CAPACITY, left('x', '3Gi', { maximumVolumeSize: '4Gi' }))).toBe('storage-capacity');
  expect(tell('CSIDriver', driver(true))).toBe('');
  expect(tell('CSIDriver', driver(false))).toBe('storage-capacity');
});
