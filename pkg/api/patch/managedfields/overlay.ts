import { errors } from '../../meta/errors.ts';
import type { ArraySchema, Schema } from '../../schema/schema.ts';
import { pathsOf } from './fieldset.ts';
import { isObject, itemElement, schemaUnder, shapeOf } from './shape.ts';

type Json = Record<string, unknown>;

/**
 * `applied` laid over `live`: structs and maps by key, lists by their type, all else replaced. Shares unchanged parts
 * with both arguments. @throws StatusError 400 when a list holds an item twice or one without its key
 */
export function overlay(schema: Schema | undefined, live: unknown, applied: unknown, path = ''): unknown {
  const shape = shapeOf(schema, applied);
  if (!shape) return applied;
  if (shape.by === 'items') return overlayList(shape.list, Array.isArray(live) ? live : [], applied as unknown[], path);
  const out: Json = isObject(live) ? { ...live } : {};
  for (const [k, v] of Object.entries(applied as Json)) {
    out[k] = overlay(schemaUnder(shape, k), out[k], v, `${path}.${k}`);
  }
  return out;
}

/** Applied items by element. */
function indexed(list: ArraySchema, applied: readonly unknown[], path: string): Map<string, unknown> {
  const found = new Map<string, unknown>();
  for (const [i, item] of applied.entries()) {
    const element = itemElement(list, item);
    if (element === undefined) {
      throw errors.badRequest(
        `${path}: element ${i}: associative list with keys has an element that omits key field "${list.mapKeys?.[0]}" (and doesn't have default value)`,
      );
    }
    if (found.has(element)) {
      throw errors.badRequest(`${path}: duplicate entries for key ${pathsOf({ [element]: {} })[0]}`);
    }
    found.set(element, item);
  }
  return found;
}

/** Applied items come in their order; items only in the live list keep their place between them. */
function overlayList(
  list: ArraySchema,
  live: readonly unknown[],
  applied: readonly unknown[],
  path: string,
): unknown[] {
  const wanted = indexed(list, applied, path);
  const present = new Map(live.map((item) => [itemElement(list, item), item]));
  const rest = wanted.entries();
  const placed = new Set<string>();
  const out: unknown[] = [];
  const placeNext = (): string | undefined => {
    const next = rest.next();
    if (next.done) return undefined;
    const [element, item] = next.value;
    const old = present.get(element);
    out.push(old === undefined ? item : overlay(list.items, old, item, `${path}[]`));
    placed.add(element);
    return element;
  };
  for (const item of live) {
    const element = itemElement(list, item);
    if (element === undefined || !wanted.has(element)) out.push(item);
    else while (!placed.has(element)) placeNext();
  }
  while (placeNext() !== undefined);
  return out;
}
