import { validateRules } from '../../expressions/rule-validation.ts';
import { sameJson } from '../../meta/equal.ts';
import { duplicate, type FieldError, forbidden, invalid, required, tooMany } from '../../meta/fielderrors.ts';
import { dns1035Label, dnsSubdomain } from '../../meta/names.ts';
import { immutable, invalidFor, oneOfRequired } from '../check/check.ts';
import { APPROVAL, approvalOf } from './approval.ts';
import type {
  CustomResourceDefinition,
  CustomResourceDefinitionNames,
  CustomResourceDefinitionVersion,
} from './customresourcedefinition.ts';
import type { JSONSchemaProps } from './jsonschema.ts';
import { validateStructure } from './jsonschema-validation.ts';

const SELECTABLE_TYPES = ['boolean', 'integer', 'string'];
const MAX_SELECTABLE = 8;
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

/** Where a plain path leads in a schema. */
const schemaAt = (s: JSONSchemaProps | undefined, names: readonly string[]): JSONSchemaProps | undefined =>
  names.reduce((here: JSONSchemaProps | undefined, name) => here?.properties?.[name], s);

/** Field selectors compare text: the fields must be there, and simple ("Custom resources field selectors"). */
function validateSelectable(path: string, v: CustomResourceDefinitionVersion): FieldError[] {
  const list = v.selectableFields ?? [];
  const found: FieldError[] = [];
  if (list.length > MAX_SELECTABLE) found.push(tooMany(path, list.length, MAX_SELECTABLE));
  const seen = new Set<string>();
  for (const [i, { jsonPath }] of list.entries()) {
    const at = `${path}[${i}].jsonPath`;
    const names = (jsonPath ?? '').split('.').slice(1);
    if (!jsonPath) found.push(required(at));
    else if (!/^(?:\.[A-Za-z_][\w-]*)+$/.test(jsonPath)) {
      found.push(invalid(at, jsonPath, 'is an invalid path: must be a simple path with . notation'));
    } else if (names[0] === 'metadata') found.push(invalid(at, jsonPath, 'must not point to fields in metadata'));
    else {
      const type = schemaAt(v.schema?.openAPIV3Schema, names)?.type;
      if (type === undefined) found.push(invalid(at, jsonPath, 'is an invalid path: does not refer to a valid field'));
      else if (!SELECTABLE_TYPES.includes(type)) {
        const why =
          'must point to a field of type string, boolean or integer. Enum string fields and strings with formats are allowed.';
        found.push(invalid(at, jsonPath, why));
      }
    }
    if (seen.has(jsonPath)) found.push(duplicate(at, jsonPath));
    seen.add(jsonPath);
  }
  return found;
}

function validateVersion(path: string, v: CustomResourceDefinitionVersion): FieldError[] {
  const found = invalidFor(`${path}.name`, v.name, dns1035Label(v.name ?? ''));
  const schema = v.schema?.openAPIV3Schema;
  if (!schema) found.push(required(`${path}.schema.openAPIV3Schema`, 'schemas are required'));
  else {
    const problems = validateStructure(`${path}.schema.openAPIV3Schema`, schema);
    // Rules are typed by the schema: they can be judged once it is sound.
    found.push(...(problems.length > 0 ? problems : validateRules(`${path}.schema.openAPIV3Schema`, schema)));
  }
  for (const [i, c] of (v.additionalPrinterColumns ?? []).entries()) {
    const at = `${path}.additionalPrinterColumns[${i}]`;
    if (!c.name) found.push(required(`${at}.name`));
    found.push(...oneOfRequired(`${at}.type`, c.type, COLUMN_TYPES));
    if (!c.jsonPath) found.push(required(`${at}.jsonPath`));
  }
  found.push(...validateSelectable(`${path}.selectableFields`, v));
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
    found.push(...invalidFor('spec.group', spec.group, dnsSubdomain(spec.group)));
    if (!spec.group.includes('.'))
      found.push(invalid('spec.group', spec.group, 'should be a domain with at least one dot'));
  }
  found.push(
    ...oneOfRequired('spec.scope', spec?.scope, ['Cluster', 'Namespaced']),
    ...validateVersions('spec.versions', spec?.versions ?? []),
    ...validateNames('spec.names', spec?.names),
    ...validateConversion(o),
    ...validateApproval(o, old),
  );
  if (spec?.preserveUnknownFields && !sameJson(spec.preserveUnknownFields, old?.spec?.preserveUnknownFields)) {
    found.push(invalid('spec.preserveUnknownFields', true, 'must be false in order to use defaults in the schema'));
  }
  return old ? [...found, ...validateUpdate(o, old)] : found;
}
