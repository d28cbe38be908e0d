import { describe, expect, test } from 'vitest';
import type {
  CSINode,
  PersistentVolume,
  PersistentVolumeClaim,
  StorageClass,
  VolumeAttachment,
} from '#api/kinds/index.ts';
import type { Stored } from '#api/meta/objectmeta.ts';
import { makeNode, makePod, makeState } from '../fixtures.ts';
import { mayHelp } from '../framework/events.ts';
import type { Plugin } from '../framework/plugin.ts';
import { NO_STORAGE, type Storage } from '../snapshot/storage.ts';
import { nodeVolumeLimits } from './node-volume-limits.ts';
import { volumeBinding } from './volume-binding.ts';
import { volumeRestrictions } from './volume-restrictions.ts';
import { volumeZone } from './volume-zone.ts';

const HOST = 'kubernetes.io/hostname';
const ZONE = 'topology.kubernetes.io/zone';
const volume = (
  name: string,
  o: { on?: string; size?: string; claim?: string; labels?: object; class?: string } = {},
) =>
  ({
    metadata: { name, labels: o.labels ?? {} },
    spec: {
      capacity: { storage: o.size ?? '5Gi' },
      accessModes: ['ReadWriteOnce'],
      storageClassName: o.class ?? 'late',
      ...(o.claim ? { claimRef: { namespace: 'ns', name: o.claim } } : {}),
      ...(o.on
        ? {
            nodeAffinity: {
              required: { nodeSelectorTerms: [{ matchExpressions: [{ key: HOST, operator: 'In', values: [o.on] }] }] },
            },
          }
        : {}),
    },
    status: { phase: 'Available' },
  }) as unknown as Stored<PersistentVolume>;
const claim = (name: string, spec: object = {}, metadata: object = {}) =>
  ({
    metadata: { name, namespace: 'ns', ...metadata },
    spec: {
      storageClassName: 'late',
      accessModes: ['ReadWriteOnce'],
      resources: { requests: { storage: '1Gi' } },
      ...spec,
    },
    status: {},
  }) as unknown as Stored<PersistentVolumeClaim>;
const bound = (name: string, volumeName: string, spec: object = {}) =>
  claim(name, { volumeName, ...spec }, { annotations: { 'pv.kubernetes.io/bind-completed': 'yes' } });
const classes = [
  {
    metadata: { name: 'late' },
    provisioner: 'kubernetes.io/no-provisioner',
    volumeBindingMode: 'WaitForFirstConsumer',
  },
  { metadata: { name: 'made' }, provisioner: 'example.org/x', volumeBindingMode: 'WaitForFirstConsumer' },
  {
    metadata: { name: 'made-in-1' },
    provisioner: 'example.org/x',
    volumeBindingMode: 'WaitForFirstConsumer',
    allowedTopologies: [{ matchLabelExpressions: [{ key: ZONE, values: ['1'] }] }],
  },
  { metadata: { name: 'csi' }, provisioner: 'csi.x', volumeBindingMode: 'WaitForFirstConsumer' },
  { metadata: { name: 'soon' }, provisioner: 'example.org/x', volumeBindingMode: 'Immediate' },
] as unknown as Stored<StorageClass>[];
/** Node a takes two volumes of the driver, node b any number. */
const csiNodes = [
  { metadata: { name: 'a' }, spec: { drivers: [{ name: 'csi.x', nodeID: 'a', allocatable: { count: 2 } }] } },
  { metadata: { name: 'b' }, spec: { drivers: [{ name: 'csi.x', nodeID: 'b' }] } },
] as unknown as Stored<CSINode>[];
const storage = (
  claims: Stored<PersistentVolumeClaim>[],
  volumes: Stored<PersistentVolume>[] = [],
  more: Partial<Storage> = {},
): Storage => ({
  ...NO_STORAGE,
  claim: (key) => claims.find((c) => `ns/${c.metadata.name}` === key),
  volume: (name) => volumes.find((v) => v.metadata.name === name),
  volumeOf: ({ spec }) => volumes.find((v) => v.metadata.name === spec?.volumeName),
  storageClass: (name) => classes.find((c) => c.metadata.name === name),
  csiNode: (name) => csiNodes.find((n) => n.metadata.name === name),
  volumesOf: (name) => volumes.filter((v) => v.spec?.storageClassName === name),
  ...more,
});
const using = (...claimNames: string[]) =>
  makePod('p', {
    spec: { volumes: claimNames.map((claimName) => ({ name: claimName, persistentVolumeClaim: { claimName } })) },
  });
const nodes = [makeNode('a', { [ZONE]: '1' }), makeNode('b', { [ZONE]: '2' }), makeNode('c')];

/** Names of the nodes that pass, then the reasons of the others. */
function outcome(plugin: Plugin, pod: ReturnType<typeof using>, s: Storage, there = {}): string {
  const state = makeState(nodes, there, undefined, s);
  const prepared = plugin.prepare(pod, state);
  if (prepared?.reject) return prepared.reject;
  const reasons = state.nodes().map((n) => [n.name, prepared?.filter?.(n)?.[0]?.text] as const);
  const fit = reasons.flatMap(([n, why]) => (why ? [] : [n])).join('');
  return [fit, ...new Set(reasons.flatMap(([, why]) => why ?? []))].join(' ').trim();
}
const NONE = "node(s) didn't find available persistent volumes to bind";

test('an ephemeral volume whose claim is still to be made is waited for', () => {
  const pod = makePod('p', { spec: { volumes: [{ name: 'x', ephemeral: {} }] } });
  const wait = 'waiting for ephemeral volume controller to create the persistentvolumeclaim "p-x"';
  expect(outcome(volumeBinding, pod, storage([]))).toBe(wait);
  // One that the pod only names is not made for it.
  expect(outcome(volumeBinding, using('p-x'), storage([]))).toBe('persistentvolumeclaim "p-x" not found');
});

describe('VolumeBinding', () => {
  test.each<[string, string[], Storage, string]>([
    ['no claims', [], storage([]), 'abc'],
    ['unknown claim', ['x'], storage([]), 'persistentvolumeclaim "x" not found'],
    [
      'claim that is going',
      ['x'],
      storage([claim('x', {}, { deletionTimestamp: 'now' })]),
      'persistentvolumeclaim "x" is being deleted',
    ],
    [
      'to be bound at once, and not yet',
      ['x'],
      storage([claim('x', { storageClassName: 'soon' })]),
      'pod has unbound immediate PersistentVolumeClaims',
    ],
    ['bound, usable everywhere', ['x'], storage([bound('x', 'v')], [volume('v')]), 'abc'],
    [
      'bound to one node',
      ['x'],
      storage([bound('x', 'v')], [volume('v', { on: 'b' })]),
      'b node(s) had volume node affinity conflict',
    ],
    [
      'bound to what is gone',
      ['x'],
      storage([bound('x', 'v')]),
      'persistentvolumeclaim "x" bound to non-existent persistentvolume "v"',
    ],
    ['waiting: where volumes are', ['x'], storage([claim('x')], [volume('v', { on: 'b' })]), `b ${NONE}`],
    ['waiting: none is large enough', ['x'], storage([claim('x')], [volume('v', { size: '1Mi' })]), NONE],
    ['waiting: the only one is somebody else’s', ['x'], storage([claim('x')], [volume('v', { claim: 'other' })]), NONE],
    ['waiting: one is kept for it', ['x'], storage([claim('x')], [volume('v', { claim: 'x' })]), 'abc'],
    [
      'two claims need two volumes',
      ['x', 'y'],
      storage([claim('x'), claim('y')], [volume('v'), volume('w', { on: 'a' })]),
      `a ${NONE}`,
    ],
    ['made on demand', ['x'], storage([claim('x', { storageClassName: 'made' })]), 'abc'],
    ['made on demand in one zone', ['x'], storage([claim('x', { storageClassName: 'made-in-1' })]), `a ${NONE}`],
    [
      'made on demand, where its driver has space',
      ['x'],
      storage([claim('x', { storageClassName: 'made' })], [], {
        hasSpace: (_claim, c, node) => c.provisioner === 'example.org/x' && node.metadata.name === 'c',
      }),
      'c node(s) did not have enough free storage',
    ],
    [
      'there already: space does not matter',
      ['x'],
      storage([claim('x')], [volume('v')], { hasSpace: () => false }),
      'abc',
    ],
    [
      'with a selector',
      ['x'],
      storage(
        [claim('x', { selector: { matchLabels: { k: 'v' } } })],
        [volume('v'), volume('w', { on: 'c', labels: { k: 'v' } })],
      ),
      `c ${NONE}`,
    ],
  ])('%s', (_, claims, s, expected) => {
    expect(outcome(volumeBinding, using(...claims), s)).toBe(expected);
  });
});

test.each<[string, object, string]>([
  ['no labels', {}, 'abc'],
  ['one zone; nodes without zones do not mind', { [ZONE]: '1' }, 'ac node(s) had no available volume zone'],
  ['several zones', { [ZONE]: '1__2' }, 'abc'],
  ['region', { 'topology.kubernetes.io/region': 'r' }, 'c node(s) had no available volume zone'],
])('VolumeZone: %s', (_, labels, expected) => {
  expect(outcome(volumeZone, using('x'), storage([bound('x', 'v')], [volume('v', { labels })]))).toBe(expected);
});

test.each<[string, string, object, string]>([
  ['free', 'ReadWriteOncePod', {}, 'abc'],
  [
    'in use',
    'ReadWriteOncePod',
    { b: [{ ...using('x'), metadata: { name: 'q', uid: 'q', namespace: 'ns' } }] },
    'node has pod using PersistentVolumeClaim with the same name and ReadWriteOncePod access mode',
  ],
  [
    'another mode',
    'ReadWriteOnce',
    { b: [{ ...using('x'), metadata: { name: 'q', uid: 'q', namespace: 'ns' } }] },
    'abc',
  ],
])('VolumeRestrictions: %s', (_, mode, there, expected) => {
  expect(outcome(volumeRestrictions, using('x'), storage([bound('x', 'v', { accessModes: [mode] })]), there)).toBe(
    expected,
  );
});

describe('NodeVolumeLimits', () => {
  const csi = (name: string, driver = 'csi.x') => {
    const v = volume(name);
    return { ...v, spec: { ...v.spec, csi: { driver, volumeHandle: name } } } as Stored<PersistentVolume>;
  };
  const s = storage(
    [
      bound('x', 'vx'),
      bound('y', 'vy'),
      bound('z', 'vz'),
      bound('other', 'vo'),
      claim('new', { storageClassName: 'csi' }),
    ],
    [csi('vx'), csi('vy'), csi('vz'), csi('vo', 'csi.y')],
  );
  const TOO_MANY = 'node(s) exceed max volume count';
  const there = (...names: string[]) => ({
    a: names.map((n) => ({ ...using(n), metadata: { ...using().metadata, uid: n, name: n } })),
  });
  test.each<[string, string[], string[], string]>([
    ['room for one more', ['z'], ['x'], 'abc'],
    ['the limit is reached; others have none', ['z'], ['x', 'y'], `bc ${TOO_MANY}`],
    ['two at once are too many', ['y', 'z'], ['x'], `bc ${TOO_MANY}`],
    ['one that is attached already', ['x'], ['x', 'y'], 'abc'],
    ['another driver', ['other'], ['x', 'y'], 'abc'],
    ['a volume still to be made', ['new'], ['x', 'y'], `bc ${TOO_MANY}`],
    ['a claim nobody knows', ['gone'], ['x', 'y'], 'abc'],
  ])('%s', (_, claims, before, expected) => {
    expect(outcome(nodeVolumeLimits, using(...claims), s, there(...before))).toBe(expected);
  });

  const attached = (persistentVolumeName: string, attacher = 'csi.x') =>
    ({
      metadata: { name: `csi-${persistentVolumeName}` },
      spec: { attacher, nodeName: 'a', source: { persistentVolumeName } },
    }) as unknown as Stored<VolumeAttachment>;
  test.each<[string, string, Stored<VolumeAttachment>[], string]>([
    ['one that no pod uses any more', 'z', [attached('vy')], `bc ${TOO_MANY}`],
    ['one that a pod uses counts once', 'z', [attached('vx')], 'abc'],
    ['the wanted one takes no further place', 'y', [attached('vy')], 'abc'],
    ['one of another driver', 'z', [attached('vo', 'csi.y')], 'abc'],
    ['one of a volume that is gone', 'z', [attached('gone')], 'abc'],
  ])('attached to the node: %s', (_, wanted, attachments, expected) => {
    const now = { ...s, attachmentsOf: (node: string) => (node === 'a' ? attachments : []) };
    expect(outcome(nodeVolumeLimits, using(wanted), now, there('x'))).toBe(expected);
  });

  test('what is detached may make room', () => {
    expect(mayHelp(nodeVolumeLimits.wakesOn, using('x'), { type: 'volume-detached' })).toBe(true);
  });

  test('a pod with claims that ends may help, one without does not', () => {
    const helps = (pod: ReturnType<typeof using>) =>
      mayHelp(nodeVolumeLimits.wakesOn, using('x'), { type: 'pod-gone', pod });
    expect([helps(using('y')), helps(using())]).toEqual([true, false]);
  });
});

describe('disks of nodes', () => {
  const gce = (name: string, readOnly: boolean) =>
    makePod(name, { spec: { volumes: [{ name: 'd', gcePersistentDisk: { pdName: 'disk', readOnly } }] } });
  const rbd = (name: string, monitors: string[]) =>
    makePod(name, { spec: { volumes: [{ name: 'd', rbd: { monitors, image: 'i', pool: 'p' } }] } });
  const NO_DISK = 'node(s) had no available disk';
  test.each([
    ['written by another', gce('p', false), gce('q', false), `bc ${NO_DISK}`],
    ['read by both', gce('p', true), gce('q', true), 'abc'],
    ['read by one, written by the other', gce('p', true), gce('q', false), `bc ${NO_DISK}`],
    ['a common monitor', rbd('p', ['m1', 'm2']), rbd('q', ['m2']), `bc ${NO_DISK}`],
    ['other monitors', rbd('p', ['m1']), rbd('q', ['m2']), 'abc'],
    ['another kind', gce('p', false), rbd('q', ['disk']), 'abc'],
  ])('%s', (_, pod, other, expected) => {
    expect(outcome(volumeRestrictions, pod, storage([]), { a: [other] })).toBe(expected);
  });
});

describe('hints', () => {
  const event = (name: string) => ({ type: 'claim', claim: claim(name) }) as const;
  test.each([volumeBinding, volumeRestrictions, volumeZone, nodeVolumeLimits])(
    'only claims of the pod: $name',
    (plugin) => {
      expect(mayHelp(plugin.wakesOn, using('x'), event('x'))).toBe(true);
      expect(mayHelp(plugin.wakesOn, using('x'), event('y'))).toBe(false);
    },
  );
});
