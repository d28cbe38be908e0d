import type { JSONSchemaProps } from '../kinds/apiextensions/jsonschema.ts';
import { ObjectMeta } from '../meta/objectmeta.ts';
import {
  type AnyField,
  arr,
  bool,
  double,
  f,
  int64,
  intOrString,
  map,
  type ObjectSchema,
  raw,
  type Schema,
  str,
} from '../schema/schema.ts';
import { itemsOf } from './structural.ts';

const PLAIN: Readonly<Record<string, Schema>> = { string: str, integer: int64, number: double, boolean: bool };
const LIST_TYPES = ['atomic', 'set', 'map'] as const;

function listSchema(s: JSONSchemaProps): Schema {
  const items = itemsOf(s);
  const listType = LIST_TYPES.find((t) => t === s['x-kubernetes-list-type']) ?? 'atomic';
  const mapKeys = s['x-kubernetes-list-map-keys'];
  return arr(items ? schemaOf(items) : raw, { listType, ...(mapKeys ? { mapKeys } : {}) });
}

function schemaOf(s: JSONSchemaProps): Schema {
  if (s['x-kubernetes-int-or-string']) return intOrString;
  if (s.type === 'array') return listSchema(s);
  if (s.type !== 'object') return PLAIN[s.type ?? ''] ?? raw;
  const mapType = s['x-kubernetes-map-type'] === 'atomic' ? 'atomic' : 'granular';
  if (s.properties) return objectSchema('', '', s);
  const others = s.additionalProperties;
  return map(typeof others === 'object' ? schemaOf(others) : raw, mapType);
}

function objectSchema(pkg: string, name: string, s: JSONSchemaProps): ObjectSchema {
  const fields: Record<string, AnyField> = {};
  for (const [k, p] of Object.entries(s.properties ?? {})) fields[k] = f(0, schemaOf(p), p.description ?? '');
  const structType = s['x-kubernetes-map-type'] === 'atomic' ? 'atomic' : undefined;
  return { kind: 'object', pkg, name, doc: s.description ?? '', fields, ...(structType ? { structType } : {}) };
}

/**
 * The schema of a custom resource as server-side apply needs it: which lists and maps are taken apart, and how. Decoding,
 * defaults and validation go by the structural schema itself.
 */
export function shapeOfCustom(pkg: string, name: string, s: JSONSchemaProps): ObjectSchema {
  const { fields, ...rest } = objectSchema(pkg, name, s);
  return {
    ...rest,
    fields: {
      ...fields,
      apiVersion: f(0, str, 'Versioned schema of this representation, "group/version".'),
      kind: f(0, str, 'The kind of this object.'),
      metadata: f(0, ObjectMeta, 'Standard object metadata.'),
    },
  };
}
