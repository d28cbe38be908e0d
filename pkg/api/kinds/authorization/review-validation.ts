import { type FieldError, forbidden, invalid, required } from '../../meta/fielderrors.ts';
import type { FieldSelectorRequirement } from '../../meta/labelselector.ts';
import { labelValue, qualifiedName } from '../../meta/names.ts';
import { invalidFor } from '../check/check.ts';
import type { FieldSelectorAttributes, NonResourceAttributes, ResourceAttributes } from './attributes.ts';

interface AccessRequest {
  resourceAttributes?: ResourceAttributes;
  nonResourceAttributes?: NonResourceAttributes;
}

const validateFieldKey = (path: string, { key }: FieldSelectorRequirement): FieldError[] =>
  key ? [] : [required(`${path}.key`, 'must be specified')];

const validateLabel = (path: string, { key, values }: FieldSelectorRequirement): FieldError[] => [
  ...invalidFor(`${path}.key`, key, qualifiedName(key)),
  ...(values ?? []).flatMap((v, i) => invalidFor(`${path}.values[${i}]`, v, labelValue(v))),
];

/** How many values a condition has; operators of later versions are taken, so that newer clients can ask. */
function validateValues(path: string, { operator, values }: FieldSelectorRequirement): FieldError[] {
  const found: FieldError[] = [];
  const at = `${path}.values`;
  const isGiven = (values?.length ?? 0) > 0;
  if ((operator === 'In' || operator === 'NotIn') && !isGiven) {
    found.push(required(at, "must be specified when `operator` is 'In' or 'NotIn'"));
  }
  if ((operator === 'Exists' || operator === 'DoesNotExist') && isGiven) {
    found.push(forbidden(at, "may not be specified when `operator` is 'Exists' or 'DoesNotExist'"));
  }
  return found;
}

/** A selector is given as text or as conditions. */
function validateSelector(
  path: string,
  s: FieldSelectorAttributes | undefined,
  ofOne: (path: string, r: FieldSelectorRequirement) => FieldError[],
): FieldError[] {
  if (!s) return [];
  const { rawSelector, requirements = [] } = s;
  const found = requirements.flatMap((r, i) => {
    const at = `${path}.requirements[${i}]`;
    return [...validateValues(at, r), ...ofOne(at, r)];
  });
  if (rawSelector && requirements.length > 0) {
    found.unshift(invalid(`${path}.rawSelector`, rawSelector, 'may not specified at the same time as requirements'));
  }
  if (!rawSelector && requirements.length === 0) {
    const why = `when ${path} is specified, requirements or rawSelector is required`;
    found.push(required(`${path}.requirements`, why));
  }
  return found;
}

function validateResource({ fieldSelector, labelSelector }: ResourceAttributes): FieldError[] {
  const path = 'spec.resourceAttributes';
  return [
    ...validateSelector(`${path}.fieldSelector`, fieldSelector, validateFieldKey),
    ...validateSelector(`${path}.labelSelector`, labelSelector, validateLabel),
  ];
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
  return resource ? validateResource(resource) : [];
}

/** A review about someone must say about whom. */
export function validateSubject(spec: { user?: string; groups?: string[] } | undefined): FieldError[] {
  return spec?.user || spec?.groups?.length
    ? []
    : [invalid('spec.user', spec?.user ?? '', 'at least one of user or group must be specified')];
}
