import { sameJson } from '../../../meta/equal.ts';
import { type FieldError, forbidden, invalid, notSupported, required } from '../../../meta/fielderrors.ts';
import { dnsSubdomain } from '../../../meta/names.ts';
import { compareQuantities } from '../../../meta/quantity.ts';
import {
  driverName,
  immutable,
  invalidFor,
  oneOfOptional,
  optionalSubdomain,
  requiredLabel,
} from '../../check/check.ts';
import { backsteps } from '../pod/local-path.ts';
import { validateNodeSelector } from '../pod/scheduling-validation.ts';
import { HOST_PATH_TYPES } from '../pod/volume-validation.ts';
import type { SecretReference } from '../references.ts';
import { VOLUME_MODES, validateModes } from './claim-validation.ts';
import { type PersistentVolume, PersistentVolumeSource, type PersistentVolumeSpec } from './volume.ts';

const SECRETS = [
  'controllerPublishSecretRef',
  'controllerExpandSecretRef',
  'nodePublishSecretRef',
  'nodeExpandSecretRef',
] as const;

function validateSecret(path: string, { name, namespace }: Partial<SecretReference>): FieldError[] {
  const ofName = name ? invalidFor(`${path}.name`, name, dnsSubdomain(name)) : [required(`${path}.name`)];
  return [...ofName, ...requiredLabel(`${path}.namespace`, namespace)];
}

/** A volume of a CSI driver, and the secrets the driver is to have. */
function validateCsi(path: string, csi: NonNullable<PersistentVolumeSpec['csi']>): FieldError[] {
  const found = driverName(`${path}.driver`, csi.driver);
  if (!csi.volumeHandle) found.push(required(`${path}.volumeHandle`));
  return [...found, ...SECRETS.flatMap((k) => (csi[k] ? validateSecret(`${path}.${k}`, csi[k]) : []))];
}

function validateSource(spec: PersistentVolumeSpec): FieldError[] {
  const sources = (Object.keys(PersistentVolumeSource.fields) as (keyof PersistentVolumeSpec)[]).filter((k) => spec[k]);
  if (sources.length === 0) return [required('spec', 'must specify a volume type')];
  const found = sources.slice(1).map((k) => forbidden(`spec.${k}`, 'may not specify more than 1 volume type'));
  if (spec.hostPath) {
    if (!spec.hostPath.path) found.push(required('spec.hostPath.path'));
    else {
      found.push(...backsteps('spec.hostPath.path', spec.hostPath.path));
      found.push(...oneOfOptional('spec.hostPath.type', spec.hostPath.type, HOST_PATH_TYPES));
    }
  }
  if (spec.local) {
    if (!spec.local.path) found.push(required('spec.local.path'));
    found.push(...backsteps('spec.local.path', spec.local.path ?? ''));
    if (!spec.nodeAffinity) found.push(required('spec.nodeAffinity', 'Local volume requires node affinity'));
  }
  if (spec.nfs && !spec.nfs.server) found.push(required('spec.nfs.server'));
  if (spec.nfs && !spec.nfs.path) found.push(required('spec.nfs.path'));
  if (spec.csi) found.push(...validateCsi('spec.csi', spec.csi));
  return found;
}

function validateCapacity(capacity: Readonly<Record<string, string>> | undefined): FieldError[] {
  const storage = capacity?.storage;
  const count = Object.keys(capacity ?? {}).length;
  const found = count === 0 ? [required('spec.capacity')] : [];
  if (storage === undefined || count > 1) {
    return [...found, notSupported('spec.capacity', capacity ?? null, ['storage'])];
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
  else if (spec.nodeAffinity) {
    found.push(required('spec.nodeAffinity.required', 'must specify required node constraints'));
  }
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
