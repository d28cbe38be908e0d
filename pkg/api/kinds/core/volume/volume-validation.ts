import { sameJson } from '../../../meta/equal.ts';
import { type FieldError, forbidden, invalid, notSupported, required } from '../../../meta/fielderrors.ts';
import { compareQuantities } from '../../../meta/quantity.ts';
import { immutable, oneOfOptional, oneOfRequired, optionalSubdomain } from '../../check/check.ts';
import { validateNodeSelector } from '../pod/scheduling-validation.ts';
import type { PersistentVolumeClaim } from './claim.ts';
import type { PersistentVolumeClaimSpec } from './claim-spec.ts';
import { type PersistentVolume, PersistentVolumeSource, type PersistentVolumeSpec } from './volume.ts';

const MODES = ['ReadOnlyMany', 'ReadWriteMany', 'ReadWriteOnce', 'ReadWriteOncePod'];
const VOLUME_MODES = ['Block', 'Filesystem'];

function validateModes(path: string, modes: readonly string[] | undefined, detail?: string): FieldError[] {
  if (!modes?.length) return [required(path, detail)];
  const found = modes.filter((m) => !MODES.includes(m)).map((m) => notSupported(path, m, MODES));
  if (modes.includes('ReadWriteOncePod') && modes.length > 1) {
    found.push(forbidden(path, 'may not use ReadWriteOncePod with other access modes'));
  }
  return found;
}

function validateSource(spec: PersistentVolumeSpec): FieldError[] {
  const sources = (Object.keys(PersistentVolumeSource.fields) as (keyof PersistentVolumeSpec)[]).filter((k) => spec[k]);
  if (sources.length === 0) return [required('spec', 'must specify a volume type')];
  const found = sources.slice(1).map((k) => forbidden(`spec.${k}`, 'may not specify more than 1 volume type'));
  if (spec.hostPath) {
    if (!spec.hostPath.path) found.push(required('spec.hostPath.path'));
    else if (spec.hostPath.path.split('/').includes('..')) {
      found.push(invalid('spec.hostPath.path', spec.hostPath.path, "must not contain '..'"));
    }
  }
  if (spec.local) {
    if (!spec.local.path) found.push(required('spec.local.path'));
    if (!spec.nodeAffinity?.required) found.push(required('spec.nodeAffinity', 'Local volume requires node affinity'));
  }
  if (spec.nfs && !spec.nfs.server) found.push(required('spec.nfs.server'));
  if (spec.nfs && !spec.nfs.path) found.push(required('spec.nfs.path'));
  if (spec.csi && !spec.csi.driver) found.push(required('spec.csi.driver'));
  if (spec.csi && !spec.csi.volumeHandle) found.push(required('spec.csi.volumeHandle'));
  return found;
}

function validateCapacity(capacity: Readonly<Record<string, string>> | undefined): FieldError[] {
  const storage = capacity?.storage;
  if (Object.keys(capacity ?? {}).length === 0) return [required('spec.capacity')];
  if (storage === undefined || Object.keys(capacity ?? {}).length > 1) {
    return [notSupported('spec.capacity', capacity, ['storage'])];
  }
  return compareQuantities(storage, '0') > 0
    ? []
    : [invalid('spec.capacity[storage]', storage, 'must be greater than zero')];
}

const sourceOf = (spec: PersistentVolumeSpec): Record<string, unknown> =>
  Object.fromEntries(Object.keys(PersistentVolumeSource.fields).map((k) => [k, spec[k as keyof PersistentVolumeSpec]]));

function validateVolumeUpdate(spec: PersistentVolumeSpec, old: PersistentVolumeSpec): FieldError[] {
  const found: FieldError[] = [];
  if (!sameJson(sourceOf(spec), sourceOf(old))) {
    const why = 'spec.persistentvolumesource is immutable after creation';
    found.push(forbidden('spec.persistentvolumesource', why));
  }
  found.push(...immutable('spec.volumeMode', spec.volumeMode, old.volumeMode));
  if (old.nodeAffinity) found.push(...immutable('spec.nodeAffinity', spec.nodeAffinity, old.nodeAffinity));
  return found;
}

export function validateVolume(o: PersistentVolume, old?: PersistentVolume): FieldError[] {
  const spec = o.spec ?? {};
  const found = [
    ...validateModes('spec.accessModes', spec.accessModes),
    ...validateCapacity(spec.capacity),
    ...validateSource(spec),
    ...oneOfOptional('spec.persistentVolumeReclaimPolicy', spec.persistentVolumeReclaimPolicy, [
      'Delete',
      'Recycle',
      'Retain',
    ]),
    ...optionalSubdomain('spec.storageClassName', spec.storageClassName),
    ...oneOfOptional('spec.volumeMode', spec.volumeMode, VOLUME_MODES),
  ];
  const affinity = spec.nodeAffinity?.required;
  if (affinity) found.push(...validateNodeSelector('spec.nodeAffinity.required', affinity));
  return old?.spec ? [...found, ...validateVolumeUpdate(spec, old.spec)] : found;
}

/** The storage asked for, in a claim or in a template of one. */
export function validateClaimSpec(path: string, spec: PersistentVolumeClaimSpec): FieldError[] {
  const found = validateModes(`${path}.accessModes`, spec.accessModes, 'at least 1 access mode is required');
  const storage = spec.resources?.requests?.storage;
  if (storage === undefined) found.push(required(`${path}.resources[storage]`));
  else if (compareQuantities(storage, '0') <= 0) {
    found.push(invalid(`${path}.resources[storage]`, storage, 'must be greater than zero'));
  }
  return [
    ...found,
    ...optionalSubdomain(`${path}.storageClassName`, spec.storageClassName),
    ...oneOfOptional(`${path}.volumeMode`, spec.volumeMode, VOLUME_MODES),
    ...(spec.dataSource ? oneOfRequired(`${path}.dataSource.name`, spec.dataSource.name, [spec.dataSource.name]) : []),
  ];
}

const FIXED =
  'spec is immutable after creation except resources.requests and volumeAttributesClassName for bound claims';

function validateClaimUpdate(o: PersistentVolumeClaim, old: PersistentVolumeClaim): FieldError[] {
  const now = o.spec ?? {};
  const before = old.spec ?? {};
  const found: FieldError[] = [];
  const rest = { ...now };
  // The binder may name the volume, and the default class may be filled in later.
  if (!before.volumeName) rest.volumeName = before.volumeName;
  if (before.storageClassName === undefined) rest.storageClassName = before.storageClassName;
  if (old.status?.phase === 'Bound') {
    rest.resources = { ...now.resources, requests: before.resources?.requests };
    rest.volumeAttributesClassName = before.volumeAttributesClassName;
  }
  if (!sameJson(rest, before)) found.push(forbidden('spec', FIXED));
  // A volume is often larger than was asked for: only a request that shrinks is measured by it.
  const asked = now.resources?.requests?.storage;
  const earlier = before.resources?.requests?.storage;
  const has = old.status?.capacity?.storage;
  const shrinks = asked && earlier && compareQuantities(asked, earlier) < 0;
  if (shrinks && has && compareQuantities(asked, has) <= 0) {
    found.push(forbidden('spec.resources.requests.storage', 'field can not be less than status.capacity'));
  }
  return [...found, ...immutable('spec.volumeMode', now.volumeMode, before.volumeMode)];
}

export const validateClaim = (o: PersistentVolumeClaim, old?: PersistentVolumeClaim): FieldError[] => [
  ...validateClaimSpec('spec', o.spec ?? {}),
  ...(old ? validateClaimUpdate(o, old) : []),
];
