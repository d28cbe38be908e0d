import { sameJson } from '../meta/equal.ts';
import { jsonFields } from '../schema/decode.ts';
import { type ArraySchema, type ObjectSchema, resolveLazy, type Schema } from '../schema/schema.ts';
import { mergePatchBetween } from './merge-patch.ts';

type Json = Record<string, unknown>;
const isObject = (v: unknown): v is Json => typeof v === 'object' && v !== null && !Array.isArray(v);

const inner = (schema: Schema | undefined, name: string): Schema | undefined => {
  const s = schema && resolveLazy(schema);
  if (s?.kind === 'map') return s.values;
  return s?.kind === 'object' ? jsonFields(s)[name]?.schema : undefined;
};

/** Lists whose items are merged by key; sets of scalars are replaced as a whole. */
function keyedList(schema: Schema | undefined): (ArraySchema & { mergeKey: string }) | undefined {
  const s = schema && resolveLazy(schema);
  const merged = s?.kind === 'array' && s.mergeKey !== undefined && (s.patchStrategy ?? '').includes('merge');
  return merged ? (s as ArraySchema & { mergeKey: string }) : undefined;
}

/** What `modified` sets differently from `current`, and what it no longer sets of `last`. */
function diff(schema: Schema | undefined, last: Json, modified: Json, current: Json): Json {
  const patch: Json = {};
  for (const [name, value] of Object.entries(modified)) {
    if (value === null || value === undefined) continue;
    const is = current[name];
    const was = last[name];
    const s = inner(schema, name);
    const keyed = keyedList(s);
    if (keyed && Array.isArray(value)) {
      const list = diffList(keyed, Array.isArray(was) ? was : [], value, Array.isArray(is) ? is : []);
      if (list) {
        patch[`$setElementOrder/${name}`] = value.map((v) => ({ [keyed.mergeKey]: (v as Json)[keyed.mergeKey] }));
        patch[name] = list;
      }
    } else if (isObject(value) && isObject(is)) {
      const deeper = diff(s, isObject(was) ? was : {}, value, is);
      if (Object.keys(deeper).length > 0) patch[name] = deeper;
    } else if (!sameJson(value, is)) patch[name] = value;
  }
  for (const name of Object.keys(last)) {
    if ((modified[name] === undefined || modified[name] === null) && current[name] !== undefined) patch[name] = null;
  }
  return patch;
}

function diffList(
  s: ArraySchema & { mergeKey: string },
  last: unknown[],
  modified: unknown[],
  current: unknown[],
): Json[] | undefined {
  const key = s.mergeKey;
  const byKey = (list: unknown[], id: unknown): Json | undefined =>
    list.find((x) => isObject(x) && sameJson(x[key], id)) as Json | undefined;
  const patch: Json[] = [];
  for (const item of modified) {
    if (!isObject(item)) continue;
    const is = byKey(current, item[key]);
    if (!is) {
      patch.push(item);
      continue;
    }
    const deeper = diff(s.items, byKey(last, item[key]) ?? {}, item, is);
    if (Object.keys(deeper).length > 0) patch.push({ ...deeper, [key]: item[key] });
  }
  for (const item of last) {
    if (!isObject(item) || byKey(modified, item[key]) || !byKey(current, item[key])) continue;
    patch.push({ $patch: 'delete', [key]: item[key] });
  }
  return patch.length > 0 ? patch : undefined;
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
      if (now[k] === undefined) {
        if (is[k] !== undefined) out[k] = null;
      } else if (isObject(v) && isObject(now[k]) && isObject(is[k])) {
        const deeper = removals(v, now[k], is[k]);
        if (Object.keys(deeper).length > 0) out[k] = deeper;
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
