import { sameJson } from '../../meta/equal.ts';
import { jsonFields } from '../../schema/decode.ts';
import { type ArraySchema, type ObjectSchema, resolveLazy, type Schema } from '../../schema/schema.ts';

/**
 * A set of fields in the FieldsV1 form: a tree whose keys are path elements — `f:name` (field or map key),
 * `k:{…}` (item of a keyed list), `v:…` (item of a set) — and where `.` or an empty node means "this one itself".
 */
export interface FieldSet {
  [element: string]: FieldSet;
}

type Json = Record<string, unknown>;

const isObject = (v: unknown): v is Json => typeof v === 'object' && v !== null && !Array.isArray(v);

/** The element that names an item of a list, or undefined when the list is one value. */
export function itemElement(s: ArraySchema, item: unknown): string | undefined {
  if (s.listType === 'set') return `v:${JSON.stringify(item)}`;
  if (s.listType !== 'map' || !isObject(item)) return undefined;
  const keys: Json = {};
  for (const k of s.mapKeys ?? []) if (item[k] !== undefined) keys[k] = item[k];
  return `k:${JSON.stringify(keys)}`;
}

const isGranularList = (s: ArraySchema): boolean => s.listType === 'map' || s.listType === 'set';

/** How a value is taken apart: by fields, by keys, by items, or not at all. */
type Shape =
  | { readonly by: 'struct'; readonly schema: ObjectSchema }
  | { readonly by: 'map'; readonly values: Schema }
  | { readonly by: 'list'; readonly schema: ArraySchema }
  | { readonly by: 'value' };

function shapeOf(schema: Schema | undefined, value: unknown): Shape {
  const s = schema && resolveLazy(schema);
  if (s?.kind === 'object' && s.structType !== 'atomic' && isObject(value)) return { by: 'struct', schema: s };
  if (s?.kind === 'map' && s.mapType !== 'atomic' && isObject(value)) return { by: 'map', values: s.values };
  if (s?.kind === 'array' && isGranularList(s) && Array.isArray(value)) return { by: 'list', schema: s };
  return { by: 'value' };
}

/** Every field a value sets. */
export function setOf(schema: Schema | undefined, value: unknown): FieldSet {
  const shape = shapeOf(schema, value);
  const set: FieldSet = {};
  if (shape.by === 'struct') {
    const fields = jsonFields(shape.schema);
    for (const [k, v] of Object.entries(value as Json))
      if (v !== undefined) set[`f:${k}`] = setOf(fields[k]?.schema, v);
  } else if (shape.by === 'map') {
    const entries = Object.entries(value as Json);
    if (entries.length > 0) set['.'] = {};
    for (const [k, v] of entries) if (v !== undefined) set[`f:${k}`] = setOf(shape.values, v);
  } else if (shape.by === 'list') {
    for (const item of value as unknown[]) {
      const element = itemElement(shape.schema, item);
      if (element === undefined) continue;
      const inside = shape.schema.listType === 'map' ? setOf(shape.schema.items, item) : {};
      set[element] = shape.schema.listType === 'map' ? { '.': {}, ...inside } : inside;
    }
  }
  return set;
}

export const isEmptySet = (s: FieldSet | undefined): boolean => !s || Object.keys(s).length === 0;

const hasSelf = (s: FieldSet): boolean => s['.'] !== undefined || Object.keys(s).length === 0;

export function union(a: FieldSet, b: FieldSet): FieldSet {
  const out: FieldSet = { ...a };
  for (const [k, v] of Object.entries(b)) {
    const mine = out[k];
    if (!mine) out[k] = v;
    else if (k !== '.') {
      const both = union(mine, v);
      // A leaf merged with an inner node is both itself and its parts.
      if ((isEmptySet(mine) || isEmptySet(v)) && !isEmptySet(both)) both['.'] = {};
      out[k] = both;
    }
  }
  return out;
}

/** Members of `a` that are not in `b`; undefined when none is left. */
function minus(a: FieldSet, b: FieldSet): FieldSet | undefined {
  const out: FieldSet = {};
  const leaf = Object.keys(a).length === 0;
  if (leaf) return hasSelf(b) ? undefined : {};
  for (const [k, v] of Object.entries(a)) {
    const other = b[k];
    if (k === '.') {
      if (!hasSelf(b)) out['.'] = {};
    } else if (!other) out[k] = v;
    else {
      const rest = minus(v, other);
      if (rest) out[k] = rest;
    }
  }
  return Object.keys(out).length > 0 ? out : undefined;
}

export const difference = (a: FieldSet, b: FieldSet): FieldSet => {
  if (Object.keys(a).length === 0) return a;
  const out: FieldSet = {};
  for (const [k, v] of Object.entries(a)) {
    const other = b[k];
    const rest = other ? minus(v, other) : v;
    if (rest) out[k] = rest;
  }
  return out;
};

function both(a: FieldSet, b: FieldSet): FieldSet | undefined {
  if (hasSelf(a) && hasSelf(b) && (Object.keys(a).length === 0 || Object.keys(b).length === 0)) return {};
  const out: FieldSet = {};
  if (a['.'] && b['.']) out['.'] = {};
  for (const [k, v] of Object.entries(a)) {
    if (k === '.' || !b[k]) continue;
    const common = both(v, b[k]);
    if (common) out[k] = common;
  }
  return Object.keys(out).length > 0 ? out : undefined;
}

export const intersection = (a: FieldSet, b: FieldSet): FieldSet => {
  const out: FieldSet = {};
  for (const [k, v] of Object.entries(a)) {
    const other = b[k];
    const common = other && both(v, other);
    if (common) out[k] = common;
  }
  return out;
};

/** Fields that differ between two values: `changed` are in `b` (new or other), `removed` only in `a`. */
export function compare(schema: Schema | undefined, a: unknown, b: unknown): { changed: FieldSet; removed: FieldSet } {
  const changed: FieldSet = {};
  const removed: FieldSet = {};
  const visit = (element: string, inner: Schema | undefined, x: unknown, y: unknown, self: boolean): void => {
    if (x === undefined && y === undefined) return;
    if (x === undefined) {
      const set = setOf(inner, y);
      changed[element] = self ? { '.': {}, ...set } : set;
    } else if (y === undefined) {
      const set = setOf(inner, x);
      removed[element] = self ? { '.': {}, ...set } : set;
    } else if (!sameJson(x, y)) {
      if (shapeOf(inner, x).by === 'value' || shapeOf(inner, y).by === 'value') {
        changed[element] = setOf(inner, y);
        return;
      }
      const deeper = compare(inner, x, y);
      if (!isEmptySet(deeper.changed)) changed[element] = deeper.changed;
      if (!isEmptySet(deeper.removed)) removed[element] = deeper.removed;
    }
  };
  const shape = shapeOf(schema, b);
  if (shape.by === 'struct' || shape.by === 'map') {
    const x = (a ?? {}) as Json;
    const y = b as Json;
    const innerOf = (k: string): Schema | undefined =>
      shape.by === 'map' ? shape.values : jsonFields(shape.schema)[k]?.schema;
    for (const k of new Set([...Object.keys(x), ...Object.keys(y)])) visit(`f:${k}`, innerOf(k), x[k], y[k], false);
  } else if (shape.by === 'list') {
    const items = (list: unknown): Map<string, unknown> =>
      new Map(
        ((list ?? []) as unknown[]).flatMap((i) => {
          const e = itemElement(shape.schema, i);
          return e === undefined ? [] : [[e, i] as const];
        }),
      );
    const x = items(a);
    const y = items(b);
    const keyed = shape.schema.listType === 'map';
    for (const e of new Set([...x.keys(), ...y.keys()])) {
      visit(e, keyed ? shape.schema.items : undefined, x.get(e), y.get(e), keyed);
    }
  }
  return { changed, removed };
}

/** Dotted paths of the leaves, as conflict messages name them: `.spec.containers[name="x"].image`. */
export function pathsOf(set: FieldSet, at = ''): string[] {
  return Object.entries(set).flatMap(([k, v]) => {
    const path = k === '.' ? at : at + elementText(k);
    return k === '.' || Object.keys(v).length === 0 ? [path] : pathsOf(v, path);
  });
}

function elementText(e: string): string {
  if (e.startsWith('f:')) return `.${e.slice(2)}`;
  if (e.startsWith('v:')) return `[=${e.slice(2)}]`;
  const keys = JSON.parse(e.slice(2)) as Json;
  return `[${Object.entries(keys)
    .map(([k, v]) => `${k}=${JSON.stringify(v)}`)
    .join(',')}]`;
}
