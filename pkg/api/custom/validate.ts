import type { JSONSchemaProps } from '../kinds/apiextensions/jsonschema.ts';
import { sameJson } from '../meta/equal.ts';
import { duplicate, type FieldError, invalid, notListed, required, tooMany, typeInvalid } from '../meta/fielderrors.ts';
import { hasFormat } from './formats.ts';
import { correlated, isMap, itemsOf } from './structural.ts';

/** Checks values against structural schemas, in the words of Kubernetes. */
type Check = (s: JSONSchemaProps, v: unknown, path: string) => FieldError[];
type CheckWithin = (s: JSONSchemaProps, v: unknown, path: string, old: unknown) => FieldError[];

const goTypeOf = (v: unknown): string => {
  if (v === null) return 'null';
  if (Array.isArray(v)) return 'array';
  if (typeof v === 'number') return Number.isInteger(v) ? 'integer' : 'number';
  return typeof v;
};

function hasType(s: JSONSchemaProps, v: unknown): boolean {
  if (v === null) return s.nullable === true || (!s.type && !s['x-kubernetes-int-or-string']);
  const type = goTypeOf(v);
  if (s['x-kubernetes-int-or-string']) return type === 'integer' || type === 'string';
  if (!s.type || s.type === type) return true;
  return s.type === 'number' && type === 'integer';
}

const patterns = new Map<string, RegExp>();
const MAX_PATTERNS = 1024;
function patternOf(text: string): RegExp {
  let p = patterns.get(text);
  if (!p) {
    try {
      p = new RegExp(text, 'u');
    } catch {
      p = new RegExp(text);
    }
    if (patterns.size >= MAX_PATTERNS) patterns.clear();
    patterns.set(text, p);
  }
  return p;
}

const inBody = (path: string, v: unknown, what: string): FieldError => invalid(path, v, `${path} in body ${what}`);

const ofNumber: Check = (s, v, path) => {
  if (typeof v !== 'number') return [];
  const found: FieldError[] = [];
  const { maximum: max, minimum: min, multipleOf } = s;
  if (max !== undefined && (s.exclusiveMaximum ? v >= max : v > max)) {
    found.push(inBody(path, v, `should be less than ${s.exclusiveMaximum ? '' : 'or equal to '}${max}`));
  }
  if (min !== undefined && (s.exclusiveMinimum ? v <= min : v < min)) {
    found.push(inBody(path, v, `should be greater than ${s.exclusiveMinimum ? '' : 'or equal to '}${min}`));
  }
  if (multipleOf !== undefined && !Number.isInteger(v / multipleOf)) {
    found.push(inBody(path, v, `should be a multiple of ${multipleOf}`));
  }
  if (s.format === 'int32' && (v < -(2 ** 31) || v >= 2 ** 31)) found.push(inBody(path, v, 'must be of type int32'));
  return found;
};

const ofText: Check = (s, v, path) => {
  if (typeof v !== 'string') return [];
  const found: FieldError[] = [];
  const length = [...v].length;
  if (s.maxLength !== undefined && length > s.maxLength) {
    const message = `Too long: may not be more than ${s.maxLength} bytes`;
    found.push({ type: 'FieldValueTooLong', field: path, message });
  }
  if (s.minLength !== undefined && length < s.minLength) {
    found.push(inBody(path, v, `should be at least ${s.minLength} chars long`));
  }
  if (s.pattern !== undefined && !patternOf(s.pattern).test(v)) {
    found.push(inBody(path, v, `should match '${s.pattern}'`));
  }
  if (s.format && !hasFormat(s.format, v)) {
    found.push(inBody(path, v, `must be of type ${s.format}: ${JSON.stringify(v)}`));
  }
  return found;
};

/** Items that must differ: all of a set, the keys of a map. */
function repeated(s: JSONSchemaProps, list: readonly unknown[], path: string): FieldError[] {
  const type = s['x-kubernetes-list-type'];
  if (type !== 'set' && type !== 'map') return [];
  const seen = new Set<string>();
  return list.flatMap((item, i) => {
    const keys = s['x-kubernetes-list-map-keys'] ?? [];
    const id = type === 'set' ? item : Object.fromEntries(keys.map((k) => [k, isMap(item) ? item[k] : undefined]));
    const text = JSON.stringify(id);
    if (!seen.has(text)) {
      seen.add(text);
      return [];
    }
    return [duplicate(`${path}[${i}]`, id)];
  });
}

const ofSize: Check = (s, v, path) => {
  const found: FieldError[] = [];
  if (isMap(v)) {
    const count = Object.keys(v).length;
    if (s.maxProperties !== undefined && count > s.maxProperties) found.push(tooMany(path, count, s.maxProperties));
    if (s.minProperties !== undefined && count < s.minProperties) {
      found.push(invalid(path, count, `${path} in body should have at least ${s.minProperties} properties`));
    }
  }
  if (!Array.isArray(v)) return found;
  if (s.maxItems !== undefined && v.length > s.maxItems) found.push(tooMany(path, v.length, s.maxItems));
  if (s.minItems !== undefined && v.length < s.minItems) {
    found.push(invalid(path, v.length, `${path} in body should have at least ${s.minItems} items`));
  }
  return found;
};

const ofEnum: Check = (s, v, path) => {
  if (!s.enum || s.enum.some((e) => sameJson(e, v))) return [];
  const allowed = s.enum.map((e) => (typeof e === 'string' ? e : JSON.stringify(e)));
  return [notListed(path, v, allowed)];
};

const inList: CheckWithin = (s, v, path, old) => {
  if (!Array.isArray(v)) return [];
  const items = itemsOf(s);
  const unchanged = old !== undefined && sameJson(v, old);
  const before = (x: unknown): unknown => (unchanged ? x : correlated(s, x, old));
  const found = repeated(s, v, path);
  return items ? [...found, ...v.flatMap((x, i) => validateValue(items, x, `${path}[${i}]`, before(x)))] : found;
};

const inMap: CheckWithin = (s, v, path, old) => {
  if (!isMap(v)) return [];
  const found: FieldError[] = [];
  const at = (k: string): string => (path ? `${path}.${k}` : k);
  const before = (k: string): unknown => (isMap(old) && Object.hasOwn(old, k) ? old[k] : undefined);
  for (const k of s.required ?? []) if (v[k] === undefined) found.push(required(at(k)));
  for (const k of Object.keys(v)) {
    const own = s.properties && Object.hasOwn(s.properties, k) ? s.properties[k] : undefined;
    const schema = own ?? (typeof s.additionalProperties === 'object' ? s.additionalProperties : undefined);
    if (schema) found.push(...validateValue(schema, v[k], own ? at(k) : `${path}[${k}]`, before(k)));
  }
  if (s['x-kubernetes-embedded-resource']) {
    for (const k of ['apiVersion', 'kind']) if (!v[k]) found.push(required(at(k), 'must not be empty'));
  }
  return found;
};

/** allOf, anyOf, oneOf and not. */
const combined: Check = (s, v, path) => {
  const found: FieldError[] = (s.allOf ?? []).flatMap((x) => validateValue(x, v, path));
  const fits = (x: JSONSchemaProps): boolean => validateValue(x, v, path).length === 0;
  const say = (what: string): FieldError => invalid(path, v, `"${path}" must ${what}`);
  if (found.length > 0) found.push(say('validate all the schemas (allOf)'));
  if (s.anyOf && !s.anyOf.some(fits)) found.push(say('validate at least one schema (anyOf)'));
  if (s.oneOf) {
    const count = s.oneOf.filter(fits).length;
    const how = count === 0 ? 'Found none valid' : `Found ${count} valid alternatives`;
    if (count !== 1) found.push(say(`validate one and only one schema (oneOf). ${how}`));
  }
  if (s.not && fits(s.not)) found.push(say('not validate the schema (not)'));
  return found;
};

/**
 * All problems of a value. `path` is its JSON path, "" for the object itself.
 * @param old what it was before, if it was: what has not changed need not fulfil what is asked of a value by now ("validation
 * ratcheting"); what must be there, may not be twice, or is combined of schemas, it must.
 */
export function validateValue(s: JSONSchemaProps, v: unknown, path: string, old?: unknown): FieldError[] {
  const isKept = (): boolean => old !== undefined && sameJson(v, old);
  if (!hasType(s, v)) {
    const want = s['x-kubernetes-int-or-string'] ? 'integer,string' : (s.type ?? 'object');
    const got = goTypeOf(v);
    return isKept() ? [] : [typeInvalid(path, got, `${path} in body must be of type ${want}: "${got}"`)];
  }
  if (v === null) return [];
  const own = [ofEnum, ofNumber, ofText, ofSize].flatMap((check) => check(s, v, path));
  const within = [inList, inMap].flatMap((check) => check(s, v, path, old));
  return [...(own.length > 0 && isKept() ? [] : own), ...within, ...combined(s, v, path)];
}
