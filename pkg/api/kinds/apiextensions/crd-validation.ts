import { sameJson } from '../../meta/equal.ts';
import { type FieldError, forbidden, invalid, required } from '../../meta/fielderrors.ts';
import { dns1035Label, dnsSubdomain } from '../../meta/names.ts';
import { immutable, invalidFor, oneOfRequired } from '../check/check.ts';
import { APPROVAL, approvalOf } from './approval.ts';
import type { CustomResourceDefinition, CustomResourceDefinitionNames } from './customresourcedefinition.ts';
import { validateVersions } from './version-validation.ts';

const PRESERVE =
  'cannot set to true, set x-kubernetes-preserve-unknown-fields to true in spec.versions[*].schema instead';

function validateNames(path: string, names: CustomResourceDefinitionNames | undefined): FieldError[] {
  const found: FieldError[] = [];
  for (const k of ['plural', 'singular', 'kind', 'listKind'] as const) {
    const value = names?.[k] ?? '';
    const mixed = k === 'kind' || k === 'listKind';
    if (!value) found.push(required(`${path}.${k}`));
    else if (!mixed) found.push(...invalidFor(`${path}.${k}`, value, dns1035Label(value)));
    else {
      const wrong = dns1035Label(value.toLowerCase());
      const head = 'may have mixed case, but should otherwise match: ';
      if (wrong.length > 0) found.push(invalid(`${path}.${k}`, value, `${head}${wrong.join(', ')}`));
    }
  }
  if (names?.kind && names.kind === names.listKind) {
    found.push(invalid(`${path}.listKind`, names.listKind, 'kind and listKind may not be the same'));
  }
  for (const k of ['shortNames', 'categories'] as const) {
    found.push(...(names?.[k] ?? []).flatMap((n, i) => invalidFor(`${path}.${k}[${i}]`, n, dns1035Label(n))));
  }
  return found;
}

/** The names that were accepted, if any were, are names. */
export const validateAcceptedNames = ({ status }: CustomResourceDefinition): FieldError[] =>
  validateNames('status.acceptedNames', status?.acceptedNames).filter((e) => e.type !== 'FieldValueRequired');

function validateConversion(o: CustomResourceDefinition): FieldError[] {
  const conversion = o.spec?.conversion;
  if (!conversion) return [];
  const path = 'spec.conversion';
  const found = oneOfRequired(`${path}.strategy`, conversion.strategy, ['None', 'Webhook']);
  if (conversion.strategy === 'Webhook') {
    if (!conversion.webhook?.clientConfig) {
      found.push(required(`${path}.webhook.clientConfig`, 'required when strategy is set to Webhook'));
    }
    if (!conversion.webhook?.conversionReviewVersions?.length) {
      found.push(required(`${path}.webhook.conversionReviewVersions`));
    }
  } else if (conversion.webhook) {
    found.push(forbidden(`${path}.webhook`, 'should not be set when strategy is not set to Webhook'));
  }
  return found;
}

function validateUpdate(o: CustomResourceDefinition, old: CustomResourceDefinition): FieldError[] {
  if (!o.spec || !old.spec) return [];
  const { names } = o.spec;
  const established = old.status?.conditions?.some((c) => c.type === 'Established' && c.status === 'True');
  const found: FieldError[] = [];
  if (established) {
    found.push(
      ...immutable('spec.scope', o.spec.scope, old.spec.scope),
      ...immutable('spec.names.kind', names?.kind, old.spec.names?.kind),
    );
  }
  found.push(
    ...immutable('spec.group', o.spec.group, old.spec.group),
    ...immutable('spec.names.plural', names?.plural, old.spec.names?.plural),
  );
  const served = new Set((o.spec.versions ?? []).map((v) => v.name));
  for (const [i, v] of (o.status?.storedVersions ?? []).entries()) {
    if (served.has(v)) continue;
    const why = `missing from spec.versions; ${v} was previously a storage version, and must remain in spec.versions until a storage migration ensures no data remains persisted in ${v} and removes ${v} from status.storedVersions`;
    found.push(invalid(`status.storedVersions[${i}]`, v, why));
  }
  return found;
}

/** Groups of the Kubernetes project are for what it has approved; what was there without stays. */
function validateApproval(o: CustomResourceDefinition, old: CustomResourceDefinition | undefined): FieldError[] {
  const approval = approvalOf(o);
  if (!approval || (old && approvalOf(old)?.state === approval.state)) return [];
  const path = `metadata.annotations[${APPROVAL}]`;
  if (approval.state === 'MissingAnnotation') return [required(path, approval.message)];
  if (approval.state !== 'InvalidAnnotation') return [];
  return [invalid(path, o.metadata?.annotations?.[APPROVAL], approval.message)];
}

export function validateDefinition(o: CustomResourceDefinition, old?: CustomResourceDefinition): FieldError[] {
  const { spec } = o;
  const found: FieldError[] = [];
  const wanted = `${spec?.names?.plural}.${spec?.group}`;
  if (o.metadata?.name && o.metadata.name !== wanted) {
    found.push(invalid('metadata.name', o.metadata.name, `must be spec.names.plural+"."+spec.group`));
  }
  if (!spec?.group) found.push(required('spec.group'));
  else {
    const wrong = invalidFor('spec.group', spec.group, dnsSubdomain(spec.group));
    if (wrong.length === 0 && !spec.group.includes('.')) {
      wrong.push(invalid('spec.group', spec.group, 'should be a domain with at least one dot'));
    }
    found.push(...wrong);
  }
  found.push(
    ...oneOfRequired('spec.scope', spec?.scope, ['Cluster', 'Namespaced']),
    ...validateVersions(o),
    ...validateNames('spec.names', spec?.names),
    ...validateConversion(o),
    ...validateApproval(o, old),
  );
  if (spec?.preserveUnknownFields && !sameJson(spec.preserveUnknownFields, old?.spec?.preserveUnknownFields)) {
    found.push(invalid('spec.preserveUnknownFields', true, PRESERVE));
  }
  return old ? [...found, ...validateUpdate(o, old)] : found;
}
