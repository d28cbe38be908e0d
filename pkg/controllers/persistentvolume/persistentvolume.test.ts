import { describe, expect, test } from 'vitest';
import type { Node } from '#api/kinds/index.ts';
import { boundVolume } from '#api/scheduling/volume-binding.ts';
import { claimKeys, misfit } from '#api/scheduling/volume-match.ts';
import { NOW, pod } from '../fixtures.ts';
import { finalizerChange } from '../harness/finalizers.ts';
import { waitOf } from './consumers.ts';
import { bestVolume, type Claim, type Volume } from './match.ts';
import { awaitsExpansion, boundClaim, boundStatus, freedVolume, inPhase, isBindingComplete } from './state.ts';

const volume = (name: string, size: string, spec: object = {}, more: object = {}): Volume =>
  ({
    metadata: { name, uid: name, labels: { disk: name } },
    spec: { capacity: { storage: size }, accessModes: ['ReadWriteOnce', 'ReadOnlyMany'], ...spec },
    status: { phase: 'Available' },
    ...more,
  }) as unknown as Volume;
const claim = (size: string, spec: object = {}): Claim =>
  ({
    metadata: { namespace: 'ns', name: 'c', uid: 'c-uid', resourceVersion: '7' },
    spec: { resources: { requests: { storage: size } }, accessModes: ['ReadWriteOnce'], ...spec },
  }) as unknown as Claim;
const on = (node: string) => ({
  nodeAffinity: {
    required: {
      nodeSelectorTerms: [{ matchExpressions: [{ key: 'kubernetes.io/hostname', operator: 'In', values: [node] }] }],
    },
  },
});
const node = (name: string): Node => ({ metadata: { name, labels: { 'kubernetes.io/hostname': name } } }) as Node;
const ref = (name: string, uid?: string) => ({ claimRef: { namespace: 'ns', name, ...(uid ? { uid } : {}) } });

describe('the volume for a claim', () => {
  const some = [volume('big', '10Gi'), volume('fit', '2Gi'), volume('small', '1Gi')];
  test.each<[string, Claim, Volume[], Node | undefined, string | undefined]>([
    ['the smallest that fits', claim('1.5Gi'), some, undefined, 'fit'],
    ['none', claim('11Gi'), some, undefined, undefined],
    ['by label', claim('1Gi', { selector: { matchLabels: { disk: 'big' } } }), some, undefined, 'big'],
    ['by access mode', claim('1Gi', { accessModes: ['ReadWriteMany'] }), some, undefined, undefined],
    [
      'by class',
      claim('1Gi', { storageClassName: 'fast' }),
      [...some, volume('f', '5Gi', { storageClassName: 'fast' })],
      undefined,
      'f',
    ],
    ['by mode', claim('1Gi', { volumeMode: 'Block' }), some, undefined, undefined],
    ['meant for it', claim('1Gi'), [...some, volume('mine', '9Gi', ref('c'))], undefined, 'mine'],
    ['meant for another', claim('5Gi'), [volume('other', '9Gi', ref('d'))], undefined, undefined],
    ['of an earlier claim', claim('5Gi'), [volume('old', '9Gi', ref('c', 'x'))], undefined, undefined],
    [
      'not yet available',
      claim('1Gi'),
      [volume('new', '9Gi', {}, { status: { phase: 'Released' } })],
      undefined,
      undefined,
    ],
    ['reachable', claim('1Gi'), [volume('a', '1Gi', on('n1')), volume('b', '9Gi', on('n2'))], node('n2'), 'b'],
  ])('%s', (_, c, volumes, at, want) => {
    expect(bestVolume(c, volumes, at)?.metadata.name).toBe(want);
  });
  test('why not', () => {
    expect(misfit(volume('v', '1Gi'), claim('2Gi'))).toBe('requested PV is too small');
    expect(misfit(volume('v', '2Gi'), claim('2Gi'))).toBeUndefined();
  });
});

describe('a binding', () => {
  const v = boundVolume(volume('v', '2Gi'), claim('1Gi'));
  const c = boundClaim(claim('1Gi'), v);
  test('names both sides, and who chose', () => {
    expect(v.spec?.claimRef).toMatchObject({ kind: 'PersistentVolumeClaim', namespace: 'ns', name: 'c', uid: 'c-uid' });
    expect(v.metadata.annotations).toEqual({ 'pv.kubernetes.io/bound-by-controller': 'yes' });
    expect(boundVolume(v, claim('1Gi'))).toBe(v);
    expect(c.spec?.volumeName).toBe('v');
    expect(isBindingComplete(c)).toBe(true);
    expect(boundClaim(claim('1Gi', { volumeName: 'v' }), v).metadata.annotations).toEqual({
      'pv.kubernetes.io/bind-completed': 'yes',
    });
    const status = boundStatus(c, v);
    expect(status).toMatchObject({
      phase: 'Bound',
      capacity: { storage: '2Gi' },
      accessModes: ['ReadWriteOnce', 'ReadOnlyMany'],
    });
  });
  test('is taken back as far as it was ours', () => {
    expect(freedVolume(v).spec?.claimRef).toBeUndefined();
    const meant = boundVolume(volume('v', '2Gi', ref('c')), claim('1Gi'));
    expect(freedVolume(meant).spec?.claimRef).toEqual({
      kind: 'PersistentVolumeClaim',
      apiVersion: 'v1',
      namespace: 'ns',
      name: 'c',
    });
  });
  test('phases carry their time', () => {
    const bound = inPhase(v, 'Bound', NOW);
    expect(bound).toEqual({ phase: 'Bound', lastPhaseTransitionTime: '2026-01-01T12:00:00Z' });
    expect(inPhase({ ...v, status: bound } as Volume, 'Bound', NOW + 5000)).toBe(bound);
    expect(inPhase({ ...v, status: bound } as Volume, 'Failed', NOW, 'why')).toMatchObject({
      phase: 'Failed',
      message: 'why',
    });
  });
});

test.each<[boolean, boolean, boolean, string | undefined]>([
  [false, false, false, 'add'],
  [false, true, false, undefined],
  [true, true, true, undefined],
  [true, true, false, 'drop'],
  [true, false, false, undefined],
])('deleting %s, protected %s, in use %s: %s', (deleting, has, used, want) => {
  const o = volume('v', '1Gi');
  if (deleting) o.metadata.deletionTimestamp = '2026-01-01T12:00:00Z';
  if (has) o.metadata.finalizers = ['f'];
  expect(finalizerChange(o, 'f', () => used)).toBe(want);
});

test('claims of a pod', () => {
  const volumes = [
    { name: 'a', persistentVolumeClaim: { claimName: 'x' } },
    { name: 'b', ephemeral: {} },
    { name: 'c' },
  ];
  expect(claimKeys({ metadata: { namespace: 'ns', name: 'p' }, spec: { volumes } } as never)).toEqual([
    'ns/x',
    'ns/p-b',
  ]);
});

test.each([
  ['2Gi', '1Gi', { csi: {} }, true],
  ['1Gi', '1Gi', { csi: {} }, false],
  ['2Gi', '1Gi', { hostPath: {} }, false],
  ['2Gi', undefined, { csi: {} }, false],
])('a claim for %s that has %s of %j waits for its driver: %s', (asked, storage, spec, expected) => {
  const status = { phase: 'Bound', ...(storage ? { capacity: { storage } } : {}) } as Claim['status'];
  expect(awaitsExpansion({ ...claim(asked), status } as Claim, volume('v', '1Gi', spec))).toBe(expected);
});

test.each([
  ['nobody', [], 'WaitForFirstConsumer: waiting for first consumer to be created before binding'],
  [
    'one that was placed',
    [pod({ name: 'p', node: 'n' })],
    'WaitForFirstConsumer: waiting for first consumer to be created before binding',
  ],
  [
    'one that has ended',
    [pod({ name: 'p', phase: 'Failed' })],
    'WaitForFirstConsumer: waiting for first consumer to be created before binding',
  ],
  ['one pod', [pod({ name: 'p' })], 'WaitForPodScheduled: waiting for pod p to be scheduled'],
  ['two', [pod({ name: 'q' }), pod({ name: 'p' })], 'WaitForPodScheduled: waiting for pods p,q to be scheduled'],
])('a claim that is used by %s waits', (_who, pods, want) => {
  expect(waitOf(pods).join(': ')).toBe(want);
});
