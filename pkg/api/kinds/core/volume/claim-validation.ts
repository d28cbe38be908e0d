import { sameJson } from '../../../meta/equal.ts';
import { type FieldError, forbidden, invalid, notSupported, required } from '../../../meta/fielderrors.ts';
import { validateLabelSelector } from '../../../meta/labels.ts';
import { compareQuantities } from '../../../meta/quantity.ts';
import { immutable, oneOfOptional, optionalSubdomain } from '../../check/check.ts';
import type { PersistentVolumeClaim } from './claim.ts';
import { validateSources } from './claim-source.ts';
import type { PersistentVolumeClaimSpec } from './claim-spec.ts';

const MODES = ['ReadOnlyMany', 'ReadWriteMany', 'ReadWriteOnce', 'ReadWriteOncePod'];
export const VOLUME_MODES = ['Block', 'Filesystem'];

/** How a volume can be mounted, or is to be. */
export function validateModes(path: string, modes: readonly string[] | undefined, detail?: string): FieldError[] {
  if (!modes?.length) return [required(path, detail)];
  const found = modes.filter((m) => !MODES.includes(m)).map((m) => notSupported(path, m, MODES));
  if (modes.includes('ReadWriteOncePod') && modes.length > 1) {
    found.push(forbidden(path, 'may not use ReadWriteOncePod with other access modes'));
  }
  return found;
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
    ...validateLabelSelector(spec.selector, `${path}.selector`),
    ...validateSources(path, spec),
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
