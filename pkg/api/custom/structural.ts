import type { JSONSchemaProps } from '../kinds/apiextensions/jsonschema.ts';
import { copyJson } from '../meta/copy.ts';
import { setOwn } from '../schema/own.ts';

/** Structural schemas at work: pruning and defaulting ("Extend the Kubernetes API with CustomResourceDefinitions"). */
type Json = Record<string, unknown>;
export const isMap = (v: unknown): v is Json => typeof v === 'object' && v !== null && !Array.isArray(v);

const TYPE_META = new Set(['apiVersion', 'kind', 'metadata']);

export const itemsOf = (s: JSONSchemaProps): JSONSchemaProps | undefined =>
  Array.isArray(s.items) ? undefined : s.items;
const othersOf = (s: JSONSchemaProps): JSONSchemaProps | undefined =>
  typeof s.additionalProperties === 'object' ? s.additionalProperties : undefined;
const keepsAll = (s: JSONSchemaProps): boolean =>
  s['x-kubernetes-preserve-unknown-fields'] === true || s.additionalProperties === true;

/** A null is no value where the schema has a default and does not allow null. */
const isVoid = (s: JSONSchemaProps | undefined, v: unknown): boolean =>
  v === null && s !== undefined && !s.nullable && s.default !== undefined;

/**
 * A copy without what the schema does not know. `unknown` receives the paths of what was left out.
 * @param root apiVersion, kind and metadata are the server's there.
 */
export function pruned(s: JSONSchemaProps, v: unknown, path: string, unknown: string[], root = false): unknown {
  if (Array.isArray(v)) {
    const items = itemsOf(s);
    return items ? v.map((x, i) => pruned(items, x, `${path}[${i}]`, unknown)) : copyJson(v);
  }
  if (!isMap(v)) return v;
  const out: Json = {};
  const embedded = root || s['x-kubernetes-embedded-resource'] === true;
  for (const [k, x] of Object.entries(v)) {
    const at = path ? `${path}.${k}` : k;
    const known = s.properties && Object.hasOwn(s.properties, k) ? s.properties[k] : othersOf(s);
    if (isVoid(known, x)) continue;
    if (embedded && TYPE_META.has(k)) setOwn(out, k, copyJson(x));
    else if (known) setOwn(out, k, pruned(known, x, at, unknown));
    else if (keepsAll(s)) setOwn(out, k, copyJson(x));
    else unknown.push(`unknown field "${at}"`);
  }
  return out;
}

/** Fills in defaults, in place, at every depth that is there. */
export function fillDefaults(s: JSONSchemaProps, v: unknown): void {
  if (Array.isArray(v)) {
    const items = itemsOf(s);
    if (items) for (const x of v) fillDefaults(items, x);
    return;
  }
  if (!isMap(v)) return;
  for (const [k, p] of Object.entries(s.properties ?? {})) {
    if (p.default !== undefined && (v[k] === undefined || isVoid(p, v[k]))) v[k] = copyJson(p.default);
    if (v[k] !== undefined) fillDefaults(p, v[k]);
  }
  const others = othersOf(s);
  if (!others) return;
  for (const [k, x] of Object.entries(v)) if (!s.properties?.[k]) fillDefaults(others, x);
}

/** The old element of a list that belongs to a new one: that with the same keys, in lists that are maps. */
export function correlated(s: JSONSchemaProps, item: unknown, old: unknown): unknown {
  const keys = s['x-kubernetes-list-map-keys'] ?? [];
  if (s['x-kubernetes-list-type'] !== 'map' || !isMap(item) || !Array.isArray(old)) return undefined;
  const id = JSON.stringify(keys.map((k) => item[k]));
  return old.find((o) => isMap(o) && JSON.stringify(keys.map((k) => o[k])) === id);
}
