import { sameJson } from '../../meta/equal.ts';
import { duplicate, type FieldError, forbidden, invalid, required } from '../../meta/fielderrors.ts';
import { dns1035Label, dnsSubdomain } from '../../meta/names.ts';
import { immutable, invalidFor, oneOfRequired } from '../check/check.ts';
import type {
  CustomResourceDefinition,
  CustomResourceDefinitionNames,
  CustomResourceDefinitionVersion,
} from './customresourcedefinition.ts';
import { validateStructure } from './jsonschema-validation.ts';

const COLUMN_TYPES = ['boolean', 'date', 'integer', 'number', 'string'];

function validateNames(path: string, names: CustomResourceDefinitionNames | undefined): FieldError[] {
  const found: FieldError[] = [];
  for (const k of ['plural', 'singular', 'kind', 'listKind'] as const) {
    const value = names?.[k] ?? '';
    if (!value) {
      if (k === 'plural' || k === 'kind') found.push(required(`${path}.${k}`));
      continue;
    }
    found.push(...invalidFor(`${path}.${k}`, value, dns1035Label(value.toLowerCase())));
  }
  if (names?.kind && names.kind === names.listKind) {
    found.push(invalid(`${path}.listKind`, names.listKind, 'kind and listKind may not be the same'));
  }
  for (const k of ['shortNames', 'categories'] as const) {
    found.push(...(names?.[k] ?? []).flatMap((n, i) => invalidFor(`${path}.${k}[${i}]`, n, dns1035Label(n))));
  }
  return found;
}

function validateVersion(path: string, v: CustomResourceDefinitionVersion): FieldError[] {
  const found = invalidFor(`${path}.name`, v.name, dns1035Label(v.name ?? ''));
  const schema = v.schema?.openAPIV3Schema;
  if (!schema) found.push(required(`${path}.schema.openAPIV3Schema`, 'schemas are required'));
  else found.push(...validateStructure(`${path}.schema.openAPIV3Schema`, schema));
  for (const [i, c] of (v.additionalPrinterColumns ?? []).entries()) {
    const at = `${path}.additionalPrinterColumns[${i}]`;
    if (!c.name) found.push(required(`${at}.name`));
    found.push(...oneOfRequired(`${at}.type`, c.type, COLUMN_TYPES));
    if (!c.jsonPath) found.push(required(`${at}.jsonPath`));
  }
  const scale = v.subresources?.scale;
  if (scale) {
    for (const [k, prefix] of [
      ['specReplicasPath', '.spec.'],
      ['statusReplicasPath', '.status.'],
    ] as const) {
      const at = `${path}.subresources.scale.${k}`;
      if (!scale[k]) found.push(required(at));
      else if (!scale[k].startsWith(prefix)) {
        found.push(invalid(at, scale[k], `should be a json path under ${prefix.slice(0, -1)}`));
      }
    }
  }
  if (v.deprecationWarning !== undefined && !v.deprecated) {
    found.push(invalid(`${path}.deprecationWarning`, v.deprecationWarning, 'can only be set for deprecated versions'));
  }
  return found;
}

function validateVersions(path: string, versions: readonly CustomResourceDefinitionVersion[]): FieldError[] {
  if (versions.length === 0) {
    return [required(path, 'must have exactly one version marked as storage version')];
  }
  const found: FieldError[] = [];
  const names = new Set<string>();
  for (const [i, v] of versions.entries()) {
    found.push(...validateVersion(`${path}[${i}]`, v));
    if (names.has(v.name)) found.push(duplicate(`${path}[${i}].name`, v.name));
    names.add(v.name);
  }
  const stored = versions.filter((v) => v.storage).length;
  if (stored !== 1) {
    found.push(
      invalid(
        path,
        versions.map((v) => v.name),
        'must have exactly one version marked as storage version',
      ),
    );
  }
  return found;
}

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

export function validateDefinition(o: CustomResourceDefinition, old?: CustomResourceDefinition): FieldError[] {
  const { spec } = o;
  const found: FieldError[] = [];
  const wanted = `${spec?.names?.plural}.${spec?.group}`;
  if (o.metadata?.name && o.metadata.name !== wanted) {
    found.push(invalid('metadata.name', o.metadata.name, `must be spec.names.plural+"."+spec.group`));
  }
  if (!spec?.group) found.push(required('spec.group'));
  else {
    found.push(...invalidFor('spec.group', spec.group, dnsSubdomain(spec.group)));
    if (!spec.group.includes('.'))
      found.push(invalid('spec.group', spec.group, 'should be a domain with at least one dot'));
  }
  found.push(
    ...oneOfRequired('spec.scope', spec?.scope, ['Cluster', 'Namespaced']),
    ...validateVersions('spec.versions', spec?.versions ?? []),
    ...validateNames('spec.names', spec?.names),
    ...validateConversion(o),
  );
  if (spec?.preserveUnknownFields && !sameJson(spec.preserveUnknownFields, old?.spec?.preserveUnknownFields)) {
    found.push(invalid('spec.preserveUnknownFields', true, 'must be false in order to use defaults in the schema'));
  }
  return old ? [...found, ...validateUpdate(o, old)] : found;
}
