import { sameJson } from '../meta/equal.ts';
import { errors } from '../meta/errors.ts';
import { type AnyField, type ArraySchema, type ObjectSchema, resolveLazy, type Schema } from '../schema/schema.ts';
import { arranged, checkOrder } from './list-order.ts';
import { DELETE_FROM, DIRECTIVE, fieldOf, fieldSchema, isWhole, mergesItems, ORDER, RETAIN } from './strategy.ts';

/**
 * Strategic merge patch ("Update API Objects in Place Using kubectl patch"): like a merge patch, but lists with a merge
 * key are merged item by item, and directives ($patch, $deleteFromPrimitiveList, $setElementOrder, $retainKeys) say more.
 */
type Json = Record<string, unknown>;

const isObject = (v: unknown): v is Json => typeof v === 'object' && v !== null && !Array.isArray(v);
const saysMore = (key: string): boolean =>
  key === DIRECTIVE || key === RETAIN || key.startsWith(ORDER) || key.startsWith(DELETE_FROM);
const misread = (directive: string): Error => errors.badRequest(`invalid patch format of ${directive}`);

function mergeObject(schema: Schema | undefined, target: Json, patch: Json): Json {
  const directive = patch[DIRECTIVE];
  if (directive === 'replace') return stripped(patch) as Json;
  if (directive === 'delete') return {};
  if (directive !== undefined && directive !== 'merge') {
    throw errors.badRequest(`Unknown patch type found: ${String(directive)}`);
  }
  const out = retained(target, patch);
  const live: Json = { ...out };
  for (const [name, value] of Object.entries(patch)) {
    if (name.startsWith(DELETE_FROM)) without(out, name.slice(DELETE_FROM.length), value);
    else if (value === null) delete out[name];
    else if (!saysMore(name)) {
      const merged = mergeValue(fieldSchema(schema, name), out[name], value, fieldOf(schema, name));
      if (merged === undefined) delete out[name];
      else out[name] = merged;
    }
  }
  for (const [name, order] of Object.entries(patch)) {
    if (!name.startsWith(ORDER)) continue;
    if (!Array.isArray(order)) throw misread('setElementOrder list');
    const list = name.slice(ORDER.length);
    const inner = fieldSchema(schema, list);
    const s = inner && resolveLazy(inner);
    if (s?.kind !== 'array' || !mergesItems(s)) continue;
    checkOrder(patch[list], order, s.mergeKey);
    const [is, was] = [out[list], live[list]];
    if (Array.isArray(is)) out[list] = arranged(is, order, Array.isArray(was) ? was : [], s.mergeKey);
  }
  return out;
}

/** What of the target stays where the patch may name the keys that are left. @throws StatusError 400: it sets another one */
function retained(target: Json, patch: Json): Json {
  if (!(RETAIN in patch)) return { ...target };
  const keys = patch[RETAIN];
  if (!Array.isArray(keys)) throw misread('retainKeys');
  if (Object.entries(patch).some(([k, v]) => v !== null && !saysMore(k) && !keys.includes(k)))
    throw misread('retainKeys');
  return Object.fromEntries(Object.entries(target).filter(([k]) => keys.includes(k)));
}

/** Takes items out of a list of scalars. */
function without(out: Json, list: string, doomed: unknown): void {
  if (!Array.isArray(doomed)) throw misread('primitive list');
  const items = out[list];
  if (Array.isArray(items)) out[list] = items.filter((x) => !doomed.some((d) => sameJson(d, x)));
}

/** @returns undefined for nothing */
function mergeValue(schema: Schema | undefined, target: unknown, patch: unknown, field?: AnyField): unknown {
  const s = schema && resolveLazy(schema);
  if (isObject(patch)) {
    if (isWhole(field, s)) return field?.patchStrategy === 'replace' ? stripped(patch) : patch;
    if (isObject(target)) return mergeObject(schema, target, patch);
    return patch[DIRECTIVE] === 'delete' ? undefined : stripped(patch);
  }
  if (Array.isArray(patch) && Array.isArray(target) && s?.kind === 'array' && mergesItems(s)) {
    return mergeList(s, target, patch);
  }
  return stripped(patch);
}

function mergeList(s: ArraySchema, target: unknown[], patch: unknown[]): unknown[] {
  if (patch.some((p) => isObject(p) && p[DIRECTIVE] === 'replace')) return stripped(patch) as unknown[];
  const key = s.mergeKey;
  if (key === undefined) {
    const all = [...target, ...patch];
    const distinct = all.filter((x, i) => all.findIndex((y) => sameJson(x, y)) === i);
    return arranged(distinct, patch, target, key);
  }
  let out = [...target];
  for (const item of patch) {
    if (!isObject(item)) throw errors.badRequest('expected a list of objects to merge');
    const id = item[key];
    if (id === undefined)
      throw errors.badRequest(`map: ${JSON.stringify(item)} does not contain declared merge key: ${key}`);
    const at = out.findIndex((t) => isObject(t) && sameJson(t[key], id));
    if (item[DIRECTIVE] === 'delete') out = out.filter((t) => !(isObject(t) && sameJson(t[key], id)));
    else if (at < 0) out.push(stripped(item));
    else out[at] = mergeObject(s.items, out[at] as Json, item);
  }
  return arranged(out, patch, target, key);
}

/** A value without the directives in it, and the items of lists that are nothing but one. */
function stripped(v: unknown): unknown {
  if (Array.isArray(v)) return v.filter((x) => !(isObject(x) && DIRECTIVE in x)).map(stripped);
  if (!isObject(v)) return v;
  const out: Json = {};
  for (const [k, x] of Object.entries(v)) {
    if (saysMore(k) || x === null || (isObject(x) && x[DIRECTIVE] === 'delete')) continue;
    out[k] = stripped(x);
  }
  return out;
}

/**
 * Applies a strategic merge patch. Shares unchanged parts with `target`; changes neither argument.
 * @throws StatusError 400 for directives that contradict each other, or what they stand beside
 */
export function strategicMerge(schema: ObjectSchema, target: object, patch: object): unknown {
  return mergeObject(schema, target as Json, patch as Json);
}
