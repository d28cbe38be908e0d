import { validateRules } from '../../expressions/rule-validation.ts';
import { sameJson } from '../../meta/equal.ts';
import { duplicate, type FieldError, invalid, required, tooMany } from '../../meta/fielderrors.ts';
import { dns1035Label } from '../../meta/names.ts';
import { invalidFor } from '../check/check.ts';
import type {
  CustomResourceColumnDefinition,
  CustomResourceDefinition,
  CustomResourceDefinitionVersion,
  CustomResourceSubresources,
} from './customresourcedefinition.ts';
import type { JSONSchemaProps } from './jsonschema.ts';
import { validateStructure } from './jsonschema-validation.ts';

const SELECTABLE_TYPES = ['boolean', 'integer', 'string'];
const MAX_SELECTABLE = 8;
const COLUMN_TYPES = ['boolean', 'date', 'integer', 'number', 'string'];
const COLUMN_FORMATS = ['byte', 'date', 'date-time', 'double', 'float', 'int32', 'int64', 'password'];

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

/** A path with dots ("simple JSON path"). */
const simplePath = (path: string, value: string): FieldError[] =>
  value.startsWith('.') ? [] : [invalid(path, value, 'must be a simple json path starting with .')];

function validateColumn(path: string, c: CustomResourceColumnDefinition): FieldError[] {
  const found: FieldError[] = [];
  const types = `must be one of ${COLUMN_TYPES.join(',')}`;
  if (!c.name) found.push(required(`${path}.name`));
  if (!c.type) found.push(required(`${path}.type`, types));
  else if (!COLUMN_TYPES.includes(c.type)) found.push(invalid(`${path}.type`, c.type, types));
  if (c.format && !COLUMN_FORMATS.includes(c.format)) {
    found.push(invalid(`${path}.format`, c.format, `must be one of ${COLUMN_FORMATS.join(',')}`));
  }
  if (!c.jsonPath) found.push(required(`${path}.JSONPath`));
  else found.push(...simplePath(`${path}.JSONPath`, c.jsonPath));
  return found;
}

/** Where the paths of the scale subresource may lead. */
const SCALE_PATHS = {
  specReplicasPath: [['.spec.'], '.spec'],
  statusReplicasPath: [['.status.'], '.status'],
  labelSelectorPath: [['.spec.', '.status.'], 'either .spec or .status'],
} as const;

function validateSubresources(path: string, of: CustomResourceSubresources | undefined): FieldError[] {
  const { scale } = of ?? {};
  if (!scale) return [];
  return (Object.keys(SCALE_PATHS) as (keyof typeof SCALE_PATHS)[]).flatMap((k) => {
    const [at, value] = [`${path}.scale.${k}`, scale[k]];
    if (!value) return k === 'labelSelectorPath' ? [] : [required(at)];
    const found = simplePath(at, value);
    const [parts, where] = SCALE_PATHS[k];
    if (found.length > 0 || parts.some((p) => value.startsWith(p))) return found;
    return [invalid(at, value, `should be a json path under ${where}`)];
  });
}

function validateSchema(path: string, v: CustomResourceDefinitionVersion): FieldError[] {
  const schema = v.schema?.openAPIV3Schema;
  if (!schema) return [];
  const problems = validateStructure(path, schema);
  if (v.subresources?.status && schema.type && schema.type !== 'object') {
    const why = 'only "object" is allowed as the type at the root of the schema if the status subresource is enabled';
    problems.push(invalid(`${path}.type`, schema.type, why));
  }
  // Rules are typed by the schema: they can be judged once it is sound.
  return problems.length > 0 ? problems : validateRules(path, schema);
}

/** What versions have: what is the same in all of them is reported once. */
const PARTS = {
  schema: (path: string, v: CustomResourceDefinitionVersion) => validateSchema(`${path}.openAPIV3Schema`, v),
  subresources: (path: string, v: CustomResourceDefinitionVersion) => validateSubresources(path, v.subresources),
  additionalPrinterColumns: (path: string, v: CustomResourceDefinitionVersion) =>
    (v.additionalPrinterColumns ?? []).flatMap((c, i) => validateColumn(`${path}[${i}]`, c)),
  selectableFields: validateSelectable,
} as const;
type Part = keyof typeof PARTS;

/**
 * Kubernetes validates its internal form of a definition, where what all versions share stands in the spec itself
 * (conversion.go of apiextensions): problems are told of fields there, `spec.validation`, of which v1 has none.
 */
function validateParts(path: string, versions: readonly CustomResourceDefinitionVersion[]): FieldError[] {
  const [first] = versions;
  const shared = (part: Part): boolean =>
    versions.every((v) => sameJson(v[part], first?.[part])) && (part !== 'selectableFields' || shared('schema'));
  return (Object.keys(PARTS) as Part[]).flatMap((part) => {
    if (first && shared(part)) return PARTS[part](`spec.${part === 'schema' ? 'validation' : part}`, first);
    return versions.flatMap((v, i) => PARTS[part](`${path}[${i}].${part}`, v));
  });
}

function validateVersion(path: string, v: CustomResourceDefinitionVersion): FieldError[] {
  const found = invalidFor(`${path}.name`, v.name, dns1035Label(v.name ?? ''));
  if (!v.schema?.openAPIV3Schema) found.push(required(`${path}.schema.openAPIV3Schema`, 'schemas are required'));
  if (v.deprecationWarning !== undefined && !v.deprecated) {
    found.push(invalid(`${path}.deprecationWarning`, v.deprecationWarning, 'can only be set for deprecated versions'));
  }
  return found;
}

/** The versions of a definition, each and together. */
export function validateVersions(o: CustomResourceDefinition): FieldError[] {
  const path = 'spec.versions';
  const versions = o.spec?.versions ?? [];
  const names = versions.map((v) => v.name);
  const found = versions.flatMap((v, i) => validateVersion(`${path}[${i}]`, v));
  if (new Set(names).size < names.length) found.push(invalid(path, names, 'must contain unique version names'));
  const [first] = names;
  if (first) found.push(...invalidFor('spec.version', first, dns1035Label(first)));
  if (versions.filter((v) => v.storage).length !== 1) {
    found.push(invalid(path, names, 'must have exactly one version marked as storage version'));
  }
  const stored = o.status?.storedVersions ?? [];
  if (stored.length === 0 && !versions.some((v) => v.storage)) {
    found.push(invalid('status.storedVersions', stored, 'must have at least one stored version'));
  }
  return [...found, ...validateParts(path, versions)];
}
