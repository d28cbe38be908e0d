import { errors } from '../meta/errors.ts';
import { canonicalQuantity, isQuantity, QUANTITY_MESSAGE } from '../meta/quantity.ts';
import { type AnyField, type ObjectSchema, resolveLazy, type Schema } from './schema.ts';

export interface Decoded {
  /** A new object holding only known fields; nulls are absent. */
  readonly object: Record<string, unknown>;
  /** `unknown field "spec.replicaz"`, one per unknown field, in order. */
  readonly unknownFields: string[];
}

interface State {
  readonly unknown: string[];
}

const TYPE_NAMES: Record<string, string> = {
  string: 'string',
  int32: 'int32',
  int64: 'int64',
  double: 'float64',
  bool: 'bool',
  bytes: '[]uint8',
};

const jsonType = (v: unknown): string =>
  Array.isArray(v) ? 'array' : typeof v === 'boolean' ? 'bool' : v === null ? 'null' : typeof v;

function mismatch(v: unknown, path: string, want: string): never {
  throw errors.badRequest(`json: cannot unmarshal ${jsonType(v)} into Go struct field ${path} of type ${want}`);
}

const INT32_MAX = 2 ** 31;
const isRfc3339 = (s: string): boolean =>
  /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?(Z|[+-]\d\d:\d\d)$/.test(s) && !Number.isNaN(Date.parse(s));

/** Scalars and the types with an encoding of their own. Returns the canonical value. */
function decodeLeaf(kind: string, v: unknown, path: string): unknown {
  switch (kind) {
    case 'string':
    case 'bytes':
      if (typeof v !== 'string') mismatch(v, path, TYPE_NAMES[kind] ?? 'string');
      return v;
    case 'bool':
      if (typeof v !== 'boolean') mismatch(v, path, 'bool');
      return v;
    case 'int32':
    case 'int64':
      if (typeof v !== 'number') mismatch(v, path, kind);
      if (!Number.isInteger(v) || (kind === 'int32' && (v >= INT32_MAX || v < -INT32_MAX))) {
        throw errors.badRequest(`json: cannot unmarshal number ${v} into Go struct field ${path} of type ${kind}`);
      }
      return v;
    case 'double':
      if (typeof v !== 'number') mismatch(v, path, 'float64');
      return v;
    case 'quantity': {
      if (typeof v !== 'string' && typeof v !== 'number') mismatch(v, path, 'resource.Quantity');
      const text = String(v);
      if (!isQuantity(text)) throw errors.badRequest(`${path}: ${QUANTITY_MESSAGE}`);
      return canonicalQuantity(text);
    }
    case 'time':
    case 'microTime':
      if (typeof v !== 'string') mismatch(v, path, kind === 'time' ? 'v1.Time' : 'v1.MicroTime');
      if (!isRfc3339(v))
        throw errors.badRequest(`parsing time "${v}" as "2006-01-02T15:04:05Z07:00": cannot parse "${v}" as "2006"`);
      return v;
    case 'duration':
      if (typeof v !== 'string') mismatch(v, path, 'v1.Duration');
      return v;
    case 'intOrString':
      if (typeof v !== 'string' && !Number.isInteger(v)) mismatch(v, path, 'intstr.IntOrString');
      return v;
    default:
      return v;
  }
}

function decodeValue(schema: Schema, v: unknown, path: string, s: State): unknown {
  const resolved = resolveLazy(schema);
  switch (resolved.kind) {
    case 'object':
      return decodeFields(resolved, v, path, s);
    case 'array':
      if (!Array.isArray(v)) mismatch(v, path, `[]${typeName(resolved.items)}`);
      return v.map((item, i) =>
        item === null && resolveLazy(resolved.items).kind !== 'raw'
          ? zeroOf(resolved.items)
          : decodeValue(resolved.items, item, `${path}[${i}]`, s),
      );
    case 'map': {
      if (typeof v !== 'object' || Array.isArray(v)) mismatch(v, path, `map[string]${typeName(resolved.values)}`);
      const out: Record<string, unknown> = {};
      for (const [k, item] of Object.entries(v as object)) {
        out[k] = item === null ? zeroOf(resolved.values) : decodeValue(resolved.values, item, `${path}.${k}`, s);
      }
      return out;
    }
    case 'raw':
    case 'fieldsV1':
      return v;
    default:
      return decodeLeaf(resolved.kind, v, path);
  }
}

const typeName = (schema: Schema): string => {
  const s = resolveLazy(schema);
  return s.kind === 'object' ? s.name : (TYPE_NAMES[s.kind] ?? s.kind);
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

function decodeFields(schema: ObjectSchema, v: unknown, path: string, s: State): Record<string, unknown> {
  if (typeof v !== 'object' || v === null || Array.isArray(v)) mismatch(v, path || schema.name, schema.name);
  const fields = jsonFields(schema);
  const out: Record<string, unknown> = {};
  for (const name in v as Record<string, unknown>) {
    const value = (v as Record<string, unknown>)[name];
    const field = fields[name];
    const at = path ? `${path}.${name}` : name;
    if (!field) {
      s.unknown.push(`unknown field "${at}"`);
      continue;
    }
    if (value === null || value === undefined) continue;
    out[name] = decodeValue(field.schema, value, at, s);
  }
  return out;
}

/**
 * Checks JSON against a schema as Go's decoder would: wrong types are errors, unknown fields are reported and dropped,
 * null means absent, quantities become canonical. @throws StatusError 400
 */
export function decodeObject(schema: ObjectSchema, json: unknown): Decoded {
  const s: State = { unknown: [] };
  const object = decodeFields(schema, json, '', s);
  return { object, unknownFields: s.unknown };
}

/** Cheap test whether a document may repeat a key at all; the full scan runs only then. */
export function findDuplicateKeys(body: Buffer): string[] {
  const text = body.toString();
  const found: string[] = [];
  const stack: { keys: Set<string> | undefined; path: string; index: number; key: string }[] = [];
  const string = /"(?:[^"\\]|\\.)*"/y;
  let expectKey = false;
  for (let i = 0; i < text.length; i++) {
    const c = text[i];
    if (c === '"') {
      string.lastIndex = i;
      const m = string.exec(text);
      if (!m) return found;
      i = string.lastIndex - 1;
      const top = stack.at(-1);
      if (expectKey && top?.keys) {
        const key = JSON.parse(m[0]) as string;
        const path = top.path ? `${top.path}.${key}` : key;
        if (top.keys.has(key)) found.push(`duplicate field "${path}"`);
        top.keys.add(key);
        top.key = key;
        expectKey = false;
      }
    } else if (c === '{' || c === '[') {
      const top = stack.at(-1);
      const inner = !top ? '' : top.keys ? join(top.path, top.key) : `${top.path}[${top.index}]`;
      stack.push({ keys: c === '{' ? new Set() : undefined, path: inner, index: 0, key: '' });
      expectKey = c === '{';
    } else if (c === '}' || c === ']') {
      stack.pop();
      expectKey = false;
    } else if (c === ',') {
      const top = stack.at(-1);
      if (top?.keys) expectKey = true;
      else if (top) top.index++;
    }
  }
  return found;
}

const join = (path: string, key: string): string => (path ? `${path}.${key}` : key);
