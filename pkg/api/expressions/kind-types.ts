import { BOOL, DYN, INT, listOf, mapOf, type ObjectType, STRING, type Type } from '#cel/index.ts';
import type { Kind } from '../kind.ts';
import type { JSONSchemaProps } from '../kinds/apiextensions/jsonschema.ts';
import { ObjectMeta } from '../meta/objectmeta.ts';
import { type AnyField, type ObjectSchema, resolveLazy, type Schema } from '../schema/schema.ts';
import { typed } from './schema-types.ts';

/** Fields as they lie in JSON: those of inline parts are the parent's. */
function fieldsOf(fields: Readonly<Record<string, AnyField>>): [string, AnyField][] {
  return Object.entries(fields).flatMap(([name, field]): [string, AnyField][] => {
    const inner = field.inline ? resolveLazy(field.schema) : undefined;
    return inner?.kind === 'object' ? fieldsOf(inner.fields) : [[name, field]];
  });
}

const known = new WeakMap<ObjectSchema, ObjectType>();
function objectTypeOf(schema: ObjectSchema): ObjectType {
  const before = known.get(schema);
  if (before) return before;
  const fields = new Map(fieldsOf(schema.fields));
  const field = (name: string): Type | undefined => {
    const found = fields.get(name);
    return found && typeOf(found.schema);
  };
  const type: ObjectType = { kind: 'object', name: schema.pkg ? `${schema.pkg}.${schema.name}` : schema.name, field };
  known.set(schema, type);
  return type;
}

/** Policies see objects as JSON: times, quantities and bytes are text that conversions take. */
function typeOf(schema: Schema): Type {
  const s = resolveLazy(schema);
  switch (s.kind) {
    case 'string':
    case 'quantity':
    case 'duration':
      return STRING;
    case 'int32':
    case 'int64':
      return INT;
    case 'bool':
      return BOOL;
    case 'array':
      return listOf(typeOf(s.items));
    case 'map':
      return mapOf(STRING, typeOf(s.values));
    case 'object':
      return objectTypeOf(s);
    default:
      return DYN;
  }
}

/** The type of the objects of a built-in kind. */
export const typeOfKind = (kind: Kind): Type => objectTypeOf(kind.schema);

/** The type of objects whose kind a CustomResourceDefinition describes. */
export function typeOfCustom(name: string, schema: JSONSchemaProps): Type {
  const own = typed(schema)?.type;
  const meta = objectTypeOf(ObjectMeta);
  const field = (f: string): Type | undefined => {
    if (f === 'apiVersion' || f === 'kind') return STRING;
    if (f === 'metadata') return meta;
    return own?.kind === 'object' ? own.field(f) : undefined;
  };
  return { kind: 'object', name, field };
}
