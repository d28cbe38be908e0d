import { sameJson } from '../../meta/equal.ts';
import type { AnyField, Schema } from '../../schema/schema.ts';
import { type FieldSet, isEmptySet, isMember, LEAF, withSelf } from './fieldset.ts';
import {
  Duplicates,
  fieldElement,
  isObject,
  itemElement,
  itemsByElement,
  type Shape,
  schemaUnder,
  shapeOf,
} from './shape.ts';

type Json = Record<string, unknown>;
type Growing = Record<string, FieldSet>;
type Granular = NonNullable<Shape>;

const noneOf = (set: FieldSet): FieldSet | undefined => (isEmptySet(set) ? undefined : set);

/**
 * The fields a configuration sets, as "apply" owns them: leaves, items, keys of maps, and empty structs and maps.
 * Undefined: nothing, as of an empty list whose items would be owned one by one.
 */
export function appliedSet(schema: Schema | undefined, value: unknown): FieldSet | undefined {
  const shape = shapeOf(schema, value);
  if (!shape) return LEAF;
  const set: Growing = {};
  if (shape.by === 'items') {
    for (const [element, item] of itemsByElement(shape.list, value as unknown[])) {
      set[element] = item instanceof Duplicates ? LEAF : withSelf(appliedSet(shape.list.items, item));
    }
    return noneOf(set);
  }
  for (const k in value as Json) {
    const v = (value as Json)[k];
    if (v === undefined) continue;
    const below = appliedSet(schemaUnder(shape, k), v);
    const node = shape.by === 'keys' || (isObject(v) && isEmptySet(below)) ? withSelf(below) : below;
    if (node) set[fieldElement(shape, k)] = node;
  }
  return noneOf(set);
}

/** A value that was not there before, as "update" owns it: every node of it. */
function wholeSet(schema: Schema | undefined, value: unknown): FieldSet {
  const shape = shapeOf(schema, value);
  if (!shape) return LEAF;
  const set: Growing = { '.': LEAF };
  let any = false;
  if (shape.by === 'items') {
    for (const [element, item] of itemsByElement(shape.list, value as unknown[])) {
      set[element] = item instanceof Duplicates ? LEAF : wholeSet(shape.list.items, item);
      any = true;
    }
  } else {
    for (const k in value as Json) {
      const v = (value as Json)[k];
      if (v === undefined) continue;
      set[fieldElement(shape, k)] = wholeSet(schemaUnder(shape, k), v);
      any = true;
    }
  }
  return any ? set : LEAF;
}

/** The field is written though nobody has set it: Go has a zero value where it has no pointer. */
function isUnset(field: AnyField | undefined, value: unknown, below: FieldSet): boolean {
  if (field?.default === undefined) return false;
  if (isObject(value) && isObject(field.default)) {
    return shapeOf(field.schema, value) ? isEmptySet(below) : Object.keys(value).length === 0;
  }
  return field.required && field.default === value && !value;
}

/** The fields of a new object. Its outer structs (spec, template…) are always there and belong to nobody. */
export function createdSet(schema: Schema | undefined, value: unknown): FieldSet {
  const shape = shapeOf(schema, value);
  if (shape?.by !== 'fields') return wholeSet(schema, value);
  const set: Growing = {};
  for (const k in value as Json) {
    const v = (value as Json)[k];
    if (v === undefined) continue;
    const below = createdSet(shape.fields[k]?.schema, v);
    if (!isUnset(shape.fields[k], v, below)) set[fieldElement(shape, k)] = below;
  }
  return set;
}

export interface Comparison {
  /** New in `b`, or with another value there. */
  readonly changed: FieldSet;
  /** Only in `a`. */
  readonly removed: FieldSet;
}

const SAME: Comparison = { changed: LEAF, removed: LEAF };

/** What differs between two values of one shape. */
export function compare(schema: Schema | undefined, a: unknown, b: unknown): Comparison {
  if (a === b) return SAME;
  const shape = shapeOf(schema, b);
  if (!shape) return SAME;
  const changed: Growing = {};
  const removed: Growing = {};
  const visit = (element: string, inner: Schema | undefined, x: unknown, y: unknown): void => {
    if (x === y) return;
    if (x === undefined) changed[element] = wholeSet(inner, y);
    else if (y === undefined) removed[element] = wholeSet(inner, x);
    // Most of an object does not change: a plain comparison is faster than naming its items.
    else if (sameJson(x, y)) return;
    else if (shapeOf(inner, x) && shapeOf(inner, y)) {
      const deeper = compare(inner, x, y);
      if (!isEmptySet(deeper.changed)) changed[element] = deeper.changed;
      if (!isEmptySet(deeper.removed)) removed[element] = deeper.removed;
    } else changed[element] = LEAF;
  };
  if (shape.by === 'items') compareItems(shape, a, b, visit);
  else {
    const x = (a ?? {}) as Json;
    const y = b as Json;
    for (const k in y) visit(fieldElement(shape, k), schemaUnder(shape, k), x[k], y[k]);
    for (const k in x) if (y[k] === undefined) visit(fieldElement(shape, k), schemaUnder(shape, k), x[k], undefined);
  }
  return { changed, removed };
}

function compareItems(
  shape: Granular & { by: 'items' },
  a: unknown,
  b: unknown,
  visit: (element: string, inner: Schema | undefined, x: unknown, y: unknown) => void,
): void {
  const x = itemsByElement(shape.list, (a ?? []) as unknown[]);
  const y = itemsByElement(shape.list, b as unknown[]);
  const plain = (v: unknown): unknown => (v instanceof Duplicates ? v.items : v);
  for (const [e, item] of y) visit(e, shape.list.items, plain(x.get(e)), plain(item));
  for (const [e, item] of x) if (!y.has(e)) visit(e, shape.list.items, plain(item), undefined);
}

/**
 * The set with every struct field above its members in it. A field whose parts a manager stops applying goes as a whole
 * then, with what the server filled in below it: an abandoned probe leaves no half of a probe behind.
 */
export function withNamedFields(schema: Schema | undefined, set: FieldSet, value: unknown): FieldSet {
  const shape = shapeOf(schema, value);
  if (!shape) return set;
  const items = shape.by === 'items' ? itemsByElement(shape.list, value as unknown[]) : undefined;
  const out: Growing = {};
  for (const e in set) {
    const node = set[e] as FieldSet;
    if (e === '.' || isEmptySet(node)) {
      out[e] = node;
      continue;
    }
    const below = items ? items.get(e) : (value as Json)[e.slice(2)];
    const deeper = withNamedFields(schemaUnder(shape, e.slice(2)), node, below);
    out[e] = shape.by === 'fields' ? withSelf(deeper) : deeper;
  }
  return out;
}

/** The value without the members of `set` and all below them; undefined when nothing is left of it. */
export function removeFields(schema: Schema | undefined, value: unknown, set: FieldSet): unknown {
  const shape = shapeOf(schema, value);
  if (!shape) return value;
  if (shape.by === 'items') {
    const left = (value as unknown[]).flatMap((item) => {
      const node = set[itemElement(shape.list, item) ?? ''];
      if (!node) return [item];
      return isMember(node) ? [] : [removeFields(shape.list.items, item, node) ?? {}];
    });
    return left.length > 0 ? left : undefined;
  }
  const out: Json = { ...(value as Json) };
  for (const e in set) {
    const k = e.slice(2);
    if (out[k] === undefined || e === '.') continue;
    const node = set[e] as FieldSet;
    const left = isMember(node) ? undefined : removeFields(schemaUnder(shape, k), out[k], node);
    if (left === undefined) delete out[k];
    else out[k] = left;
  }
  return isEmptySet(out as FieldSet) ? undefined : out;
}
