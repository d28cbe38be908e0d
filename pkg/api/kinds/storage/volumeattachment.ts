import { defineKind, topLevel } from '../../kind.ts';
import { bool, f, int32, map, objectsIn, req, str, type TypeOf, time } from '../../schema/schema.ts';
import { PersistentVolumeSpec } from '../core/volume/volume.ts';

const PKG = 'io.k8s.api.storage.v1';
const obj = objectsIn(PKG);

export const VolumeAttachmentSource = obj('VolumeAttachmentSource', 'The volume to attach.', {
  persistentVolumeName: f(1, str, 'Name of the persistent volume.', { ptr: true }),
  inlineVolumeSpec: f(2, PersistentVolumeSpec, 'Specification of an inline volume.'),
});
export type VolumeAttachmentSource = TypeOf<typeof VolumeAttachmentSource>;

export const VolumeAttachmentSpec = obj('VolumeAttachmentSpec', 'Which volume goes where.', {
  attacher: req(1, str, 'Driver that attaches.'),
  source: req(2, VolumeAttachmentSource, 'The volume.'),
  nodeName: req(3, str, 'The node.'),
});
export type VolumeAttachmentSpec = TypeOf<typeof VolumeAttachmentSpec>;

export const VolumeError = obj('VolumeError', 'Something that failed.', {
  time: f(1, time, 'When.'),
  message: f(2, str, 'Explanation for people.'),
  errorCode: f(3, int32, 'gRPC code of the failure.', { ptr: true }),
});
export type VolumeError = TypeOf<typeof VolumeError>;

export const VolumeAttachmentStatus = obj('VolumeAttachmentStatus', 'Whether a volume is attached.', {
  attached: req(1, bool, 'It is attached.'),
  attachmentMetadata: f(2, map(str), 'Facts for mounting, from the attacher.'),
  attachError: f(3, VolumeError, 'Last failure to attach.'),
  detachError: f(4, VolumeError, 'Last failure to detach.'),
});
export type VolumeAttachmentStatus = TypeOf<typeof VolumeAttachmentStatus>;

export const VolumeAttachmentSchema = topLevel(PKG, 'VolumeAttachment', 'Asks to attach a volume to a node.', {
  spec: req(2, VolumeAttachmentSpec, 'Which volume goes where.'),
  status: f(3, VolumeAttachmentStatus, 'Whether it is attached.'),
});
export type VolumeAttachment = TypeOf<typeof VolumeAttachmentSchema>;

export const VolumeAttachments = defineKind<VolumeAttachment>({
  group: 'storage.k8s.io',
  version: 'v1',
  kind: 'VolumeAttachment',
  plural: 'volumeattachments',
  namespaced: false,
  hasStatus: true,
  hasGeneration: false,
  schema: VolumeAttachmentSchema,
});
