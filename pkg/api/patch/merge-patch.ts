import { sameJson } from '../meta/equal.ts';

type Json = Record<string, unknown>;

const isObject = (v: unknown): v is Json => typeof v === 'object' && v !== null && !Array.isArray(v);

function merge(target: unknown, patch: unknown): unknown {
  if (!isObject(patch)) return patch;
  const out: Json = isObject(target) ? { ...target } : {};
  for (const [k, v] of Object.entries(patch)) {
    if (v === null) delete out[k];
    else out[k] = merge(out[k], v);
  }
  return out;
}

/** RFC 7386. Shares unchanged parts with `target`, changes neither argument. */
export function mergePatch(target: object, patch: object): unknown {
  return merge(target, patch);
}

/** The merge patch that turns `from` into `to`. */
export function mergePatchBetween(from: unknown, to: unknown): Json {
  const patch: Json = {};
  const a = isObject(from) ? from : {};
  const b = isObject(to) ? to : {};
  for (const k of Object.keys(a)) if (b[k] === undefined) patch[k] = null;
  for (const [k, v] of Object.entries(b)) {
    if (isObject(v) && isObject(a[k])) {
      const inner = mergePatchBetween(a[k], v);
      if (Object.keys(inner).length > 0) patch[k] = inner;
    } else if (v !== undefined && !sameJson(a[k], v)) patch[k] = v;
  }
  return patch;
}
