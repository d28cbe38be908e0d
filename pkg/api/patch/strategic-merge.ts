import { sameJson } from '../meta/equal.ts';
import { errors } from '../meta/errors.ts';
import { type AnyField, type ArraySchema, type ObjectSchema, resolveLazy, type Schema } from '../schema/schema.ts';
import { DELETE_FROM, DIRECTIVE, fieldOf, fieldSchema, isWhole, mergesItems, ORDER, RETAIN } from './strategy.ts';

/**
 * Strategic merge patch ("Update API Objects in Place Using kubectl patch"): like a merge patch, but lists with a merge
 * key are merged item by item, and directives ($patch, $deleteFromPrimitiveList, $setElementOrder, $retainKeys) say more.
 */
type Json = Record<string, unknown>;

const isObject = (v: unknown): v is Json => typeof v === 'object' && v !== null && !Array.isArray(v);

function mergeObject(schema: Schema | undefined, target: Json, patch: Json): Json {
  const directive = patch[DIRECTIVE];
  if (directive === 'replace') return stripped(patch) as Json;
  if (directive === 'delete') return {};
  if (directive !== undefined && directive !== 'merge') {
    throw errors.badRequest(`Unknown patch type found: ${String(directive)}`);
  }
  const out: Json = { ...target };
  const retain = patch[RETAIN];
  if (Array.isArray(retain)) for (const k of Object.keys(out)) if (!retain.includes(k)) delete out[k];
  for (const [name, value] of Object.entries(patch)) {
    if (name === DIRECTIVE || name === RETAIN || name.startsWith(ORDER)) continue;
    if (name.startsWith(DELETE_FROM)) {
      const list = name.slice(DELETE_FROM.length);
      const doomed = value as unknown[];
      if (Array.isArray(out[list]))
        out[list] = (out[list] as unknown[]).filter((x) => !doomed.some((d) => sameJson(d, x)));
      continue;
    }
    if (value === null) {
      delete out[name];
      continue;
    }
    out[name] = mergeValue(fieldSchema(schema, name), out[name], value, fieldOf(schema, name));
  }
  for (const [name, order] of Object.entries(patch)) {
    if (!name.startsWith(ORDER)) continue;
    const list = name.slice(ORDER.length);
    const inner = fieldSchema(schema, list);
    const s = inner && resolveLazy(inner);
    const given = out[list];
    if (s?.kind === 'array' && Array.isArray(given)) out[list] = ordered(given, order as unknown[], s.mergeKey);
  }
  return out;
}

function mergeValue(schema: Schema | undefined, target: unknown, patch: unknown, field?: AnyField): unknown {
  const s = schema && resolveLazy(schema);
  if (isObject(patch)) {
    if (isWhole(field, s)) return field?.patchStrategy === 'replace' ? stripped(patch) : patch;
    return mergeObject(schema, isObject(target) ? target : {}, patch);
  }
  if (Array.isArray(patch) && s?.kind === 'array' && mergesItems(s)) {
    return mergeList(s, Array.isArray(target) ? target : [], patch);
  }
  return Array.isArray(patch) ? patch.map(stripped) : patch;
}

function mergeList(s: ArraySchema, target: unknown[], patch: unknown[]): unknown[] {
  if (patch.some((p) => isObject(p) && p[DIRECTIVE] === 'replace')) {
    return patch.filter((p) => !(isObject(p) && p[DIRECTIVE] === 'replace')).map(stripped);
  }
  const key = s.mergeKey;
  if (key === undefined) return [...target, ...patch.filter((p) => !target.some((t) => sameJson(t, p)))];
  let out = [...target];
  for (const item of patch) {
    if (!isObject(item)) throw errors.badRequest('expected a list of objects to merge');
    const id = item[key];
    if (id === undefined)
      throw errors.badRequest(`map: ${JSON.stringify(item)} does not contain declared merge key: ${key}`);
    const at = out.findIndex((t) => isObject(t) && sameJson(t[key], id));
    if (item[DIRECTIVE] === 'delete') out = out.filter((t) => !(isObject(t) && sameJson(t[key], id)));
    else if (at < 0) out.push(mergeObject(s.items, {}, item));
    else out[at] = mergeObject(s.items, out[at] as Json, item);
  }
  return out;
}

/** Items named in `order` in that order; others keep their place relative to their neighbours. */
function ordered(list: unknown[], order: unknown[], key: string | undefined): unknown[] {
  const idOf = (x: unknown): unknown => (key !== undefined && isObject(x) ? x[key] : x);
  const rank = (x: unknown): number => order.findIndex((o) => sameJson(idOf(o), idOf(x)));
  const named = list.filter((x) => rank(x) >= 0).sort((a, b) => rank(a) - rank(b));
  // Places of named items are filled in the given order; items only the server knows keep theirs.
  let next = 0;
  return list.map((x) => (rank(x) < 0 ? x : named[next++]));
}

/** A value without the directives in it. */
function stripped(v: unknown): unknown {
  if (Array.isArray(v)) return v.map(stripped);
  if (!isObject(v)) return v;
  const out: Json = {};
  for (const [k, x] of Object.entries(v)) {
    if (k === DIRECTIVE || k === RETAIN || k.startsWith(ORDER) || k.startsWith(DELETE_FROM) || x === null) continue;
    out[k] = stripped(x);
  }
  return out;
}

/** Applies a strategic merge patch. Shares unchanged parts with `target`; changes neither argument. @throws StatusError 400 */
export function strategicMerge(schema: ObjectSchema, target: object, patch: object): unknown {
  return mergeObject(schema, target as Json, patch as Json);
}
