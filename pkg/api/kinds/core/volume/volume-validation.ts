import { sameJson } from '../../../meta/equal.ts';
import { type FieldError, forbidden, invalid, notSupported, required } from '../../../meta/fielderrors.ts';
import { compareQuantities } from '../../../meta/quantity.ts';
import { immutable, oneOfOptional, optionalSubdomain } from '../../check/check.ts';
import { validateNodeSelector } from '../pod/scheduling-validation.ts';
import { VOLUME_MODES, validateModes } from './claim-validation.ts';
import { type PersistentVolume, PersistentVolumeSource, type PersistentVolumeSpec } from './volume.ts';

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

const INLINE = 'may not be specified in the context of inline volumes';

/** A volume that has no object of its own, as attachments may name one: it is nothing but what its driver needs. */
export function validateInlineVolume(path: string, spec: PersistentVolumeSpec): FieldError[] {
  const found: FieldError[] = [];
  for (const k of ['claimRef', 'nodeAffinity'] as const) if (spec[k]) found.push(forbidden(`${path}.${k}`, INLINE));
  if (Object.keys(spec.capacity ?? {}).length > 0) found.push(forbidden(`${path}.capacity`, INLINE));
  if (spec.storageClassName) found.push(forbidden(`${path}.storageClassName`, INLINE));
  if (!spec.csi) found.push(required(`${path}.csi`, 'has to be specified in the context of inline volumes'));
  for (const k of ['driver', 'volumeHandle'] as const) {
    if (spec.csi && !spec.csi[k]) found.push(required(`${path}.csi.${k}`));
  }
  found.push(...validateModes(`${path}.accessModes`, spec.accessModes));
  if (spec.persistentVolumeReclaimPolicy !== 'Retain') {
    const at = `${path}.persistentVolumeReclaimPolicy`;
    found.push(forbidden(at, 'may only be Retain in the context of inline volumes'));
  }
  if (spec.volumeMode !== 'Filesystem') {
    const why = 'may not specify volumeMode other than Filesystem in the context of inline volumes';
    found.push(forbidden(`${path}.volumeMode`, why));
  }
  return found;
}
