import { errors, StatusError } from '../meta/errors.ts';
import { decodeLeaf, mismatch, type Place } from './leaf.ts';
import { setOwn } from './own.ts';
import {
  type AnyField,
  type ArraySchema,
  type MapSchema,
  type ObjectSchema,
  resolveLazy,
  type Schema,
} from './schema.ts';

export { findDuplicateKeys } from './duplicates.ts';

export interface Decoded {
  /** A new object holding only known fields; nulls are absent, and so is what Go's encoder would leave out. */
  readonly object: Record<string, unknown>;
  /** `unknown field "spec.replicaz"`, one per unknown field, in order. */
  readonly unknownFields: string[];
}

/** What a decode carries along. */
interface State {
  readonly unknown: string[];
  /** Whether places are kept, which takes longer than all else. Nobody wants to know them unless something is wrong. */
  readonly placed: boolean;
}

const SOMEWHERE: Place = { owner: '', path: '' };

function decodeValue(schema: Schema, v: unknown, place: Place, s: State): unknown {
  const resolved = resolveLazy(schema);
  switch (resolved.kind) {
    case 'object':
      return decodeFields(resolved, v, place, s);
    case 'array':
      return decodeList(resolved, v, place, s);
    case 'map':
      return decodeMap(resolved, v, place, s);
    default:
      return 'read' in resolved && resolved.read
        ? decodeEither(resolved.read(v), v, s)
        : decodeLeaf(resolved.kind, v, place);
  }
}

/** Go's types with a decoder of their own start afresh: their errors name no path to them, nor are unknown fields told. */
const decodeEither = (schema: Schema | undefined, v: unknown, { placed }: State): unknown =>
  schema && decodeValue(schema, v, SOMEWHERE, { unknown: [], placed });

function decodeList(schema: ArraySchema, v: unknown, place: Place, s: State): unknown[] {
  if (!Array.isArray(v)) mismatch(v, place, goType(schema));
  const items = resolveLazy(schema.items);
  const out: unknown[] = [];
  for (let i = 0; i < v.length; i++) {
    const at = s.placed ? { owner: place.owner, path: `${place.path}[${i}]` } : SOMEWHERE;
    out.push(v[i] === null ? nullItem(items) : decodeValue(items, v[i], at, s));
  }
  return out;
}

const nullItem = (items: Schema): unknown => (resolveLazy(items).kind === 'raw' ? null : zeroOf(items));

function decodeMap(schema: MapSchema, v: unknown, place: Place, s: State): Record<string, unknown> {
  if (typeof v !== 'object' || v === null || Array.isArray(v)) mismatch(v, place, goType(schema));
  const values = resolveLazy(schema.values);
  // Go names the map, not the key, when a plain value is of the wrong type.
  const deep = values.kind === 'object' || values.kind === 'array' || values.kind === 'map';
  const out: Record<string, unknown> = {};
  for (const [k, item] of Object.entries(v)) {
    const at = deep && s.placed ? { owner: place.owner, path: `${place.path}.${k}` } : place;
    setOwn(out, k, item === null ? zeroOf(values) : decodeValue(values, item, at, s));
  }
  return out;
}

/** The name Go prints for a type. */
function goType(schema: Schema): string {
  const s = resolveLazy(schema);
  switch (s.kind) {
    case 'object':
      return `${s.pkg.slice(s.pkg.lastIndexOf('.') + 1)}.${s.name}`;
    case 'array':
      return `[]${goType(s.items)}`;
    case 'map':
      return `map[string]${goType(s.values)}`;
    default:
      return GO_TYPES[s.kind] ?? s.kind;
  }
}

const GO_TYPES: Record<string, string> = {
  double: 'float64',
  bytes: '[]uint8',
  quantity: 'resource.Quantity',
  time: 'v1.Time',
  microTime: 'v1.MicroTime',
  duration: 'v1.Duration',
  intOrString: 'intstr.IntOrString',
  raw: 'runtime.RawExtension',
  fieldsV1: 'v1.FieldsV1',
};

/** What Go makes of a null list item or map value. */
export function zeroOf(schema: Schema): unknown {
  switch (resolveLazy(schema).kind) {
    case 'object':
    case 'map':
      return {};
    case 'array':
      return [];
    case 'bool':
      return false;
    case 'int32':
    case 'int64':
    case 'double':
    case 'intOrString':
      return 0;
    case 'quantity':
      return '0';
    default:
      return '';
  }
}

/** Inline structs are flattened once per schema. */
const flattened = new WeakMap<ObjectSchema, Readonly<Record<string, AnyField>>>();

/** JSON name → field, with the fields of inline structs among them. */
export function jsonFields(schema: ObjectSchema): Readonly<Record<string, AnyField>> {
  let fields = flattened.get(schema);
  if (!fields) {
    const all: Record<string, AnyField> = Object.create(null);
    for (const [name, field] of Object.entries(schema.fields)) {
      if (!field.inline) {
        all[name] = field;
        continue;
      }
      const inner = resolveLazy(field.schema);
      if (inner.kind === 'object') Object.assign(all, jsonFields(inner));
    }
    fields = all;
    flattened.set(schema, fields);
  }
  return fields;
}

/**
 * What Go's encoder leaves out ("omitempty"): an empty list or map, and the zero of a scalar that is no pointer. To Go it is
 * the same as none: it gets the field's default, and is not written back.
 */
function isEmpty({ schema, ptr, keepEmpty }: AnyField, decoded: unknown): boolean {
  if (Array.isArray(decoded)) return !keepEmpty && decoded.length === 0;
  if (typeof decoded === 'object' && decoded !== null) {
    if (resolveLazy(schema).kind !== 'map') return false;
    for (const _ in decoded) return false;
    return true;
  }
  return !ptr && (decoded === '' || decoded === 0 || decoded === false) && SCALARS.has(schema.kind);
}

const SCALARS: ReadonlySet<Schema['kind']> = new Set(['string', 'int32', 'int64', 'double', 'bool', 'bytes']);

function decodeFields(schema: ObjectSchema, v: unknown, place: Place, s: State): Record<string, unknown> {
  if (typeof v !== 'object' || v === null || Array.isArray(v)) mismatch(v, place, goType(schema));
  const fields = jsonFields(schema);
  const out: Record<string, unknown> = {};
  const { path } = place;
  for (const name in v) {
    const value = (v as Record<string, unknown>)[name];
    const field = fields[name];
    const at = !s.placed ? '' : path ? `${path}.${name}` : name;
    if (!field) s.unknown.push(`unknown field "${at}"`);
    else if (value !== null && value !== undefined) {
      const below = s.placed ? { owner: schema.name, path: at } : SOMEWHERE;
      const decoded = decodeValue(field.schema, value, below, s);
      if (decoded !== undefined && (field.required || !isEmpty(field, decoded))) out[name] = decoded;
    }
  }
  return out;
}

/** `Deployment in version "v1" cannot be handled as a Deployment: …`, as Kubernetes introduces what its decoder says. */
function introduced(e: unknown, schema: ObjectSchema, json: unknown): unknown {
  const { kind, apiVersion } = (json ?? {}) as { kind?: unknown; apiVersion?: unknown };
  if (!(e instanceof StatusError) || typeof kind !== 'string' || typeof apiVersion !== 'string' || !kind) return e;
  const version = apiVersion.slice(apiVersion.indexOf('/') + 1);
  return errors.badRequest(`${kind} in version "${version}" cannot be handled as a ${schema.name}: ${e.message}`);
}

/** @returns undefined when something is wrong and the places were not kept that tell where */
function decoded(schema: ObjectSchema, json: unknown, placed: boolean): Decoded | undefined {
  const s: State = { unknown: [], placed };
  try {
    const object = decodeFields(schema, json, { owner: schema.name, path: '' }, s);
    return s.unknown.length > 0 && !placed ? undefined : { object, unknownFields: s.unknown };
  } catch (e) {
    if (placed || !(e instanceof StatusError)) throw e;
    return undefined;
  }
}

/**
 * Checks JSON against a schema as Go's decoder would: wrong types are errors, unknown fields are reported and dropped,
 * null and zero mean absent, quantities and times become canonical. The result shares nothing with `json` but what is opaque.
 * @throws StatusError 400
 */
export function decodeObject(schema: ObjectSchema, json: unknown): Decoded {
  const first = decoded(schema, json, false);
  if (first) return first;
  try {
    return decoded(schema, json, true) as Decoded;
  } catch (e) {
    throw introduced(e, schema, json);
  }
}
