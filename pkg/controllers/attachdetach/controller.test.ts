import { expect, test } from 'vitest';
import type { Node, PersistentVolume, VolumeAttachment } from '#api/kinds/index.ts';
import { fakeDeps, fakeEvents } from '../fake-deps.ts';
import { attachDetachController } from './controller.ts';
import { attachmentName, detachableIn, isExclusive, UNMOUNT_MS, volumeId } from './plan.ts';

const { signal } = new AbortController();
const claimRef = { namespace: 'ns', name: 'data', uid: 'c' };
const csi = { driver: 'd.example.com', volumeHandle: 'h' };
const volume = {
  metadata: { name: 'v', uid: 'v', resourceVersion: '3' },
  spec: { accessModes: ['ReadWriteOnce'], csi, claimRef },
} as unknown as PersistentVolume & { metadata: { name: string; uid: string; resourceVersion: string } };
const ID = 'kubernetes.io/csi/d.example.com^h';
const claim = { metadata: { namespace: 'ns', name: 'data', uid: 'c' }, spec: { volumeName: 'v' } };
const volumes = [{ name: 'x', persistentVolumeClaim: { claimName: 'data' } }];
const pod = (name: string, nodeName: string) => ({
  metadata: { namespace: 'ns', name, uid: name },
  spec: { nodeName, volumes },
});
const node = (name: string, ready = 'True', more: object = {}) => ({
  metadata: { name, uid: name, resourceVersion: '4' },
  status: { conditions: [{ type: 'Ready', status: ready }], ...more },
});
const attachment = (on: string, status: object) => ({
  metadata: { name: attachmentName(volume, on), uid: `a-${on}`, resourceVersion: '5' },
  spec: { attacher: csi.driver, nodeName: on, source: { persistentVolumeName: 'v' } },
  status,
});

/** The controller before caches that never move. @returns what it wrote and said */
function setUp(known: Record<string, readonly object[]>) {
  const done: string[] = [];
  const client = {
    create: async (_kind: unknown, o: VolumeAttachment) => {
      done.push(`attach to ${o.spec?.nodeName}`);
      return { ...o, metadata: { ...o.metadata, uid: 'new', resourceVersion: '9' } };
    },
    delete: async (_kind: unknown, name: string) => done.push(`detach ${name}`),
    updateStatus: async (_kind: unknown, o: Node) => {
      done.push(`attached: ${(o.status?.volumesAttached ?? []).map((v) => v.name)}`);
      return o;
    },
  };
  const deps = fakeDeps({ PersistentVolume: [volume], PersistentVolumeClaim: [claim], ...known }, client);
  return { done, controller: attachDetachController({ ...deps, events: fakeEvents(done) }) };
}

test('a volume for one node is asked for once, and the second node is told why it waits', async () => {
  const Pod = [pod('a', 'n0'), pod('b', 'n1')];
  const { done, controller } = setUp({ Pod, Node: [node('n0'), node('n1')] });
  await controller.reconcile('n0', signal);
  await controller.reconcile('n1', signal);
  const why = 'Multi-Attach error for volume "v" Volume is already used by pod(s) a';
  expect(done).toEqual(['attach to n0', `b Warning FailedAttachVolume: ${why}`]);
});

test('one that is still held by nobody in particular is waited for', async () => {
  const VolumeAttachment = [attachment('n1', { attached: true })];
  const { done, controller } = setUp({ Pod: [pod('a', 'n0')], Node: [node('n0'), node('n1')], VolumeAttachment });
  await controller.reconcile('n0', signal);
  expect(done).toEqual([
    `a Warning FailedAttachVolume: Multi-Attach error for volume "v" Volume is already exclusively attached to one node and can't be attached to another`,
  ]);
});

test('what the driver has attached, or could not, is told', async () => {
  const of = async (status: object) => {
    const VolumeAttachment = [attachment('n0', status)];
    const { done, controller } = setUp({ Pod: [pod('a', 'n0')], Node: [node('n0')], VolumeAttachment });
    await controller.reconcile('n0', signal);
    return done;
  };
  expect(await of({ attached: true })).toEqual([
    `attached: ${ID}`,
    'a Normal SuccessfulAttachVolume: AttachVolume.Attach succeeded for volume "v" ',
  ]);
  expect(await of({ attached: false, attachError: { message: 'no room' } })).toEqual([
    'a Warning FailedAttachVolume: AttachVolume.Attach failed for volume "v" : no room',
  ]);
});

test('a node that does not answer keeps what it uses for some minutes', async () => {
  const uses = { volumesInUse: [ID], volumesAttached: [{ name: ID, devicePath: '' }] };
  const VolumeAttachment = [attachment('n0', { attached: true })];
  const { done, controller } = setUp({ Node: [node('n0', 'Unknown', uses)], VolumeAttachment });
  expect(await controller.reconcile('n0', signal)).toEqual({ afterMs: UNMOUNT_MS });
  expect(done).toEqual([]);
});

test('an attachment of somebody else is left alone', async () => {
  const foreign = attachment('n0', { attached: true });
  const VolumeAttachment = [{ ...foreign, metadata: { ...foreign.metadata, name: 'mine' } }];
  const { done, controller } = setUp({ Node: [node('n0')], VolumeAttachment });
  await controller.reconcile('n0', signal);
  expect(done).toEqual([]);
});

const taints = [{ key: 'node.kubernetes.io/out-of-service', effect: 'NoExecute' }];
test.each<[string, object | undefined, string, number, number | undefined]>([
  ['no node', undefined, ID, 0, 0],
  ['not in use', node('n'), ID, 0, 0],
  ['in use, healthy', node('n', 'True', { volumesInUse: [ID] }), ID, UNMOUNT_MS, undefined],
  ['in use, silent', node('n', 'Unknown', { volumesInUse: [ID] }), ID, 1000, UNMOUNT_MS - 1000],
  ['in use, silent for long', node('n', 'Unknown', { volumesInUse: [ID] }), ID, UNMOUNT_MS + 1, 0],
  ['out of service', { ...node('n', 'True', { volumesInUse: [ID] }), spec: { taints } }, ID, 0, 0],
])('when may it be detached: %s', (_, n, id, heldMs, expected) => {
  expect(detachableIn(n as Node | undefined, id, heldMs)).toBe(expected);
});

test('names, and who may share', () => {
  expect(volumeId(volume)).toBe(ID);
  expect(attachmentName(volume, 'n0')).toMatch(/^csi-[0-9a-f]{64}$/);
  expect(attachmentName(volume, 'n0')).not.toBe(attachmentName(volume, 'n1'));
  const sharing = (accessModes: string[]) => isExclusive({ spec: { accessModes } } as PersistentVolume);
  expect([['ReadWriteOnce'], ['ReadWriteOncePod'], ['ReadWriteOnce', 'ReadOnlyMany'], []].map(sharing)).toEqual([
    ...[true, true, false, false],
  ]);
});
