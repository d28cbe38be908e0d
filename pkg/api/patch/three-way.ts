import { sameJson } from '../meta/equal.ts';
import { type ArraySchema, type ObjectSchema, resolveLazy, type Schema } from '../schema/schema.ts';
import { mergePatchBetween } from './merge-patch.ts';
import {
  DELETE_FROM,
  DIRECTIVE,
  fieldOf,
  fieldSchema,
  isWhole,
  mergesItems,
  ORDER,
  RETAIN,
  retainsKeys,
} from './strategy.ts';

type Json = Record<string, unknown>;
const isObject = (v: unknown): v is Json => typeof v === 'object' && v !== null && !Array.isArray(v);
const isEmpty = (o: Json): boolean => Object.keys(o).length === 0;
const listIn = (v: unknown): unknown[] => (Array.isArray(v) ? v : []);

/** One field in its three states. */
interface States {
  /** In what was applied last. */
  readonly was: unknown;
  /** As it is wanted. */
  readonly value: unknown;
  /** As it is. */
  readonly is: unknown;
}

/** What `modified` sets differently from `current`, and what it no longer sets of `last`. */
function diff(schema: Schema | undefined, last: Json, modified: Json, current: Json): Json {
  const patch: Json = {};
  for (const [name, value] of Object.entries(modified)) {
    if (value === null || value === undefined) continue;
    Object.assign(patch, fieldDiff(schema, name, { was: last[name], value, is: current[name] }));
  }
  for (const name of Object.keys(last)) {
    if ((modified[name] === undefined || modified[name] === null) && current[name] !== undefined) patch[name] = null;
  }
  return patch;
}

/** The part of a patch that speaks of one field; empty when there is nothing to change. */
function fieldDiff(parent: Schema | undefined, name: string, f: States): Json {
  const field = fieldOf(parent, name);
  const schema = fieldSchema(parent, name);
  const s = schema && resolveLazy(schema);
  if (Array.isArray(f.value) && s?.kind === 'array' && mergesItems(s)) {
    return s.mergeKey === undefined ? setDiff(name, f) : keyedDiff(name, s, s.mergeKey, f);
  }
  if (isObject(f.value) && isObject(f.is) && !isWhole(field, s)) {
    const deeper = diff(s, isObject(f.was) ? f.was : {}, f.value, f.is);
    return isEmpty(deeper) ? {} : { [name]: { ...deeper, ...(retainsKeys(field) ? retained(f.value) : {}) } };
  }
  return sameJson(f.value, f.is) ? {} : { [name]: f.value };
}

/** Says which keys are to be left: those that are wanted. */
const retained = (wanted: Json): Json => ({
  [RETAIN]: Object.keys(wanted)
    .filter((k) => wanted[k] !== null && wanted[k] !== undefined)
    .sort(),
});

/** Whether the items of two lists that both have stand in different order. */
function reordered(wanted: unknown[], is: unknown[]): boolean {
  const both = (a: unknown[], b: unknown[]): unknown[] => a.filter((x) => b.some((y) => sameJson(x, y)));
  return !sameJson(both(wanted, is), both(is, wanted));
}

/** Of a list of scalars that is merged as a set. */
function setDiff(name: string, f: States): Json {
  const [was, value, is] = [listIn(f.was), listIn(f.value), listIn(f.is)];
  const has = (list: unknown[], x: unknown): boolean => list.some((y) => sameJson(x, y));
  const added = value.filter((x) => !has(is, x));
  const removed = was.filter((x) => has(is, x) && !has(value, x));
  if (added.length + removed.length === 0 && !reordered(value, is)) return {};
  return {
    [`${ORDER}${name}`]: value,
    ...(removed.length > 0 ? { [`${DELETE_FROM}${name}`]: removed } : {}),
    ...(added.length > 0 ? { [name]: added } : {}),
  };
}

/** Every item is an object with a key of its own, so that items can be told apart by it. */
const areDistinct = (list: unknown[], key: string): boolean =>
  list.every((x) => isObject(x) && x[key] !== undefined && x[key] !== null) &&
  new Set(list.map((x) => JSON.stringify((x as Json)[key]))).size === list.length;

/** Of a list whose items are merged by a key. */
function keyedDiff(name: string, s: ArraySchema, key: string, f: States): Json {
  const [was, value, is] = [listIn(f.was), listIn(f.value), listIn(f.is)];
  if (!areDistinct(value, key) || !areDistinct(is, key))
    return sameJson(value, is) ? {} : { [name]: [...value, { [DIRECTIVE]: 'replace' }] };
  const [wanted, there] = [value as Json[], is as Json[]];
  const byKey = (list: readonly unknown[], id: unknown): Json | undefined =>
    list.find((x): x is Json => isObject(x) && sameJson(x[key], id));
  const items: Json[] = [];
  for (const item of wanted) {
    const now = byKey(there, item[key]);
    if (!now) {
      items.push(item);
      continue;
    }
    const deeper = diff(s.items, byKey(was, item[key]) ?? {}, item, now);
    if (!isEmpty(deeper)) items.push({ ...deeper, ...(retainsKeys(s) ? retained(item) : {}), [key]: item[key] });
  }
  for (const item of was) {
    if (!isObject(item) || byKey(wanted, item[key]) || !byKey(there, item[key])) continue;
    items.push({ [DIRECTIVE]: 'delete', [key]: item[key] });
  }
  const keys = (list: readonly Json[]): unknown[] => list.map((x) => x[key]);
  if (items.length === 0 && !reordered(keys(wanted), keys(there))) return {};
  return {
    [`${ORDER}${name}`]: wanted.map((x) => ({ [key]: x[key] })),
    ...(items.length > 0 ? { [name]: items } : {}),
  };
}

/** The strategic patch of a declarative apply: from what was applied last, what is wanted, and what is there. */
export const threeWayStrategicPatch = (schema: ObjectSchema, last: object, modified: object, current: object): Json =>
  diff(schema, last as Json, modified as Json, current as Json);

/** The same for kinds whose schema is not known: lists are replaced as a whole. */
export function threeWayMergePatch(last: object, modified: object, current: object): Json {
  const additions = (from: unknown, to: unknown): Json => {
    const all = mergePatchBetween(from, to);
    const strip = (p: Json): Json =>
      Object.fromEntries(Object.entries(p).flatMap(([k, v]) => (v === null ? [] : [[k, isObject(v) ? strip(v) : v]])));
    return strip(all);
  };
  const removals = (was: Json, now: Json, is: Json): Json => {
    const out: Json = {};
    for (const [k, v] of Object.entries(was)) {
      if (now[k] === undefined || now[k] === null) {
        if (is[k] !== undefined) out[k] = null;
      } else if (isObject(v) && isObject(now[k]) && isObject(is[k])) {
        const deeper = removals(v, now[k], is[k]);
        if (!isEmpty(deeper)) out[k] = deeper;
      }
    }
    return out;
  };
  const combine = (a: Json, b: Json): Json => {
    const out: Json = { ...a };
    for (const [k, v] of Object.entries(b)) out[k] = isObject(v) && isObject(out[k]) ? combine(out[k], v) : v;
    return out;
  };
  return combine(additions(current, modified), removals(last as Json, modified as Json, current as Json));
}
