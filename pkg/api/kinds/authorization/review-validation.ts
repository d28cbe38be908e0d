import { type FieldError, invalid } from '../../meta/fielderrors.ts';
import type { NonResourceAttributes, ResourceAttributes } from './attributes.ts';

interface AccessRequest {
  resourceAttributes?: ResourceAttributes;
  nonResourceAttributes?: NonResourceAttributes;
}

/** Exactly one of the two sorts of request. */
export function validateAccessRequest(spec: AccessRequest | undefined): FieldError[] {
  const { resourceAttributes: resource, nonResourceAttributes: other } = spec ?? {};
  if (resource && other) {
    const why = 'cannot be specified in combination with resourceAttributes';
    return [invalid('spec.nonResourceAttributes', other, why)];
  }
  if (!resource && !other) {
    const why = 'exactly one of nonResourceAttributes or resourceAttributes must be specified';
    return [invalid('spec.resourceAttributes', null, why)];
  }
  return [];
}

/** A review about someone must say about whom. */
export function validateSubject(spec: { user?: string; groups?: string[] } | undefined): FieldError[] {
  return spec?.user || spec?.groups?.length
    ? []
    : [invalid('spec.user', spec?.user ?? '', 'at least one of user or group must be specified')];
}
