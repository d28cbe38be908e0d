import { defineKind, topLevel } from '../../kind.ts';
import { type FieldError, forbidden, required, tooLong } from '../../meta/fielderrors.ts';
import { dnsSubdomain } from '../../meta/names.ts';
import { bool, f, int32, map, objectsIn, req, str, type TypeOf, time } from '../../schema/schema.ts';
import { driverName, immutable, invalidFor } from '../check/check.ts';
import { PersistentVolumeSpec } from '../core/volume/volume.ts';
import { validateInlineVolume } from '../core/volume/volume-validation.ts';
import { dropDisabledFields } from '../disabled-fields.ts';
import { ageColumn, boolColumn, column, nameColumn } from '../print/columns.ts';

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

const MAX_METADATA_BYTES = 256 << 10;
const MAX_MESSAGE_BYTES = 1024;
const ONE_SOURCE = 'must specify exactly one of inlineVolumeSpec and persistentVolumeName';

function validateSource(source: VolumeAttachmentSource | undefined): FieldError[] {
  const path = 'spec.source';
  const { inlineVolumeSpec: inline, persistentVolumeName: name } = source ?? {};
  if (inline && name !== undefined) return [forbidden(path, ONE_SOURCE)];
  if (inline) return validateInlineVolume(`${path}.inlineVolumeSpec`, inline);
  if (name === undefined) return [required(path, ONE_SOURCE)];
  const at = `${path}.persistentVolumeName`;
  const found = name ? [] : [required(at, 'must specify non empty persistentVolumeName')];
  return [...found, ...invalidFor(at, name, dnsSubdomain(name))];
}

function validateAttachment(o: VolumeAttachment, old?: VolumeAttachment): FieldError[] {
  const { attacher, source, nodeName = '' } = o.spec ?? {};
  const found = [
    ...validateSource(source),
    ...invalidFor('spec.nodeName', nodeName, dnsSubdomain(nodeName)),
    ...driverName('spec.attacher', attacher),
  ];
  return old ? [...found, ...immutable('spec', o.spec, old.spec)] : found;
}

function validateStatus({ status }: VolumeAttachment): FieldError[] {
  const texts = Object.entries(status?.attachmentMetadata ?? {}).flat();
  const bytes = texts.reduce((sum, text) => sum + Buffer.byteLength(text), 0);
  const found = bytes > MAX_METADATA_BYTES ? [tooLong('status.attachmentMetadata', MAX_METADATA_BYTES)] : [];
  for (const k of ['attachError', 'detachError'] as const) {
    if (Buffer.byteLength(status?.[k]?.message ?? '') <= MAX_MESSAGE_BYTES) continue;
    found.push(tooLong(`status.${k}.message`, MAX_MESSAGE_BYTES));
  }
  return found;
}

export const VolumeAttachments = defineKind<VolumeAttachment>({
  group: 'storage.k8s.io',
  version: 'v1',
  kind: 'VolumeAttachment',
  plural: 'volumeattachments',
  needsVersion: true,
  statusKeepsMeta: true,
  namespaced: false,
  hasStatus: true,
  hasGeneration: false,
  schema: VolumeAttachmentSchema,
  prepareCreate: (o) => {
    o.status = { attached: false };
  },
  prepareStatus: ({ status }, { status: before }) => {
    // Codes of errors (MutableCSINodeAllocatableCount) are off in v1.33.
    for (const k of ['attachError', 'detachError'] as const) {
      dropDisabledFields(status?.[k], before?.[k], ['errorCode']);
    }
  },
  validate: validateAttachment,
  validateStatus,
  columns: [
    nameColumn,
    column('Attacher', 'Driver that attaches.', (o) => o.spec?.attacher ?? ''),
    column('PV', 'The volume.', (o) => o.spec?.source?.persistentVolumeName ?? ''),
    column('Node', 'The node.', (o) => o.spec?.nodeName ?? ''),
    boolColumn('Attached', 'Whether it is attached.', (o) => o.status?.attached ?? false),
    ageColumn,
  ],
});
