import { jsonFields } from '../../schema/decode.ts';
import { type AnyField, type ArraySchema, type ObjectSchema, resolveLazy, type Schema } from '../../schema/schema.ts';

type Json = Record<string, unknown>;

export const isObject = (v: unknown): v is Json => typeof v === 'object' && v !== null && !Array.isArray(v);

/** How server-side apply takes a value apart: by fields, by keys, by items, or not at all. */
export type Shape =
  | {
      readonly by: 'fields';
      readonly fields: Readonly<Record<string, AnyField>>;
      /** Path element of each field: made once, for V8 has to look up every new text that is to be a key. */
      readonly elements: Readonly<Record<string, string>>;
    }
  | { readonly by: 'keys'; readonly values: Schema }
  | { readonly by: 'items'; readonly list: ArraySchema }
  | undefined;

const fieldsShapes = new WeakMap<ObjectSchema, Shape>();
function fieldsShape(schema: ObjectSchema): Shape {
  let shape = fieldsShapes.get(schema);
  if (!shape) {
    const fields = jsonFields(schema);
    const elements: Record<string, string> = Object.create(null);
    for (const name in fields) elements[name] = `f:${name}`;
    shape = { by: 'fields', fields, elements };
    fieldsShapes.set(schema, shape);
  }
  return shape;
}

/** The path element that names the field or key `k`. */
export const fieldElement = (shape: NonNullable<Shape>, k: string): string =>
  (shape.by === 'fields' ? shape.elements[k] : undefined) ?? `f:${k}`;

/** Undefined: the value is owned and replaced as a whole. */
export function shapeOf(schema: Schema | undefined, value: unknown): Shape {
  if (!schema || typeof value !== 'object' || value === null) return undefined;
  const s = resolveLazy(schema);
  if (s.kind === 'array') {
    return Array.isArray(value) && (s.listType === 'map' || s.listType === 'set')
      ? { by: 'items', list: s }
      : undefined;
  }
  if (Array.isArray(value)) return undefined;
  if (s.kind === 'object') return s.structType === 'atomic' ? undefined : fieldsShape(s);
  return s.kind === 'map' && s.mapType !== 'atomic' ? { by: 'keys', values: s.values } : undefined;
}

/** Schema of the value under `key`. */
export const schemaUnder = (shape: NonNullable<Shape>, key: string): Schema | undefined =>
  shape.by === 'fields' ? shape.fields[key]?.schema : shape.by === 'keys' ? shape.values : shape.list.items;

interface Key {
  readonly name: string;
  /** The name in JSON, with a colon. */
  readonly label: string;
  readonly preset: unknown;
}

/** Keys of a list in the order of path elements, with the default an item may leave to the server. */
const keysOf = new WeakMap<ArraySchema, readonly Key[]>();
function listKeys(list: ArraySchema): readonly Key[] {
  let keys = keysOf.get(list);
  if (!keys) {
    const items = resolveLazy(list.items);
    const fields = items.kind === 'object' ? jsonFields(items) : {};
    keys = [...(list.mapKeys ?? [])].sort().map((name) => ({
      name,
      label: `${JSON.stringify(name)}:`,
      // A required scalar's zero is no name for an item.
      preset: fields[name]?.required ? undefined : fields[name]?.default,
    }));
    keysOf.set(list, keys);
  }
  return keys;
}

/** The path element that names an item, or undefined when it lacks every key. */
export function itemElement(list: ArraySchema, item: unknown): string | undefined {
  if (list.listType === 'set') return `v:${JSON.stringify(item)}`;
  if (!isObject(item)) return undefined;
  let named = '';
  let any = false;
  for (const { name, label, preset } of listKeys(list)) {
    const value = item[name] ?? preset;
    if (value === undefined) continue;
    named += `${named ? ',' : ''}${label}${JSON.stringify(value)}`;
    any ||= item[name] !== undefined;
  }
  return any ? `k:{${named}}` : undefined;
}

/** Items that share their keys: legal in some lists (environment variables), owned as one value. */
export class Duplicates {
  readonly items: readonly unknown[];
  constructor(items: readonly unknown[]) {
    this.items = items;
  }
}

/** Items by path element, in order; those that have none are left out. */
export function itemsByElement(list: ArraySchema, items: readonly unknown[]): Map<string, unknown> {
  const found = new Map<string, unknown>();
  for (const item of items) {
    const element = itemElement(list, item);
    if (element === undefined) continue;
    const other = found.get(element);
    if (!found.has(element)) found.set(element, item);
    else found.set(element, new Duplicates([...(other instanceof Duplicates ? other.items : [other]), item]));
  }
  return found;
}
