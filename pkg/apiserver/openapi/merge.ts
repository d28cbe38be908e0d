import { sameJson } from '#api/meta/equal.ts';

type Json = Record<string, unknown>;

/** What is read of an OpenAPI v2 document. */
export interface OpenApiV2 {
  readonly paths?: Json;
  readonly definitions?: Json;
}

const PREFIX = '#/definitions/';

/** The names of definitions that a value refers to. */
function* references(value: unknown): Generator<string> {
  if (Array.isArray(value)) for (const v of value) yield* references(v);
  else if (typeof value === 'object' && value !== null) {
    for (const [k, v] of Object.entries(value)) {
      if (k === '$ref' && typeof v === 'string' && v.startsWith(PREFIX)) yield v.slice(PREFIX.length);
      else yield* references(v);
    }
  }
}

function renamed(value: unknown, names: ReadonlyMap<string, string>): unknown {
  if (Array.isArray(value)) return value.map((v) => renamed(v, names));
  if (typeof value !== 'object' || value === null) return value;
  const entries = Object.entries(value).map(([k, v]) => {
    const name = k === '$ref' && typeof v === 'string' ? names.get(v.slice(PREFIX.length)) : undefined;
    return [k, name === undefined ? renamed(v, names) : PREFIX + name];
  });
  return Object.fromEntries(entries);
}

/** The definitions that the paths need, directly or through others. */
function needed(paths: Json, definitions: Json): Map<string, unknown> {
  const found = new Map<string, unknown>();
  const open = [...references(paths)];
  for (let name = open.pop(); name !== undefined; name = open.pop()) {
    if (found.has(name) || definitions[name] === undefined) continue;
    found.set(name, definitions[name]);
    open.push(...references(definitions[name]));
  }
  return found;
}

/** A name that nobody has yet: the first further one is `_v2`. */
function freeName(name: string, taken: Json): string {
  let n = 2;
  while (taken[`${name}_v${n}`] !== undefined) n++;
  return `${name}_v${n}`;
}

/**
 * Adds what another server documents of one group and version: its paths, and the definitions they need. A definition
 * that means something else here comes in under another name.
 */
export function mergeOpenApiV2<T extends Required<OpenApiV2>>(into: T, other: OpenApiV2, root: string): T {
  const paths = Object.fromEntries(Object.entries(other.paths ?? {}).filter(([p]) => p.startsWith(root)));
  const definitions: Json = { ...into.definitions };
  const names = new Map<string, string>();
  const added = needed(paths, other.definitions ?? {});
  for (const [name, definition] of added) {
    const here = into.definitions[name];
    if (here !== undefined && !sameJson(here, definition)) names.set(name, freeName(name, definitions));
  }
  for (const [name, definition] of added) definitions[names.get(name) ?? name] ??= renamed(definition, names);
  return { ...into, paths: { ...into.paths, ...(renamed(paths, names) as Json) }, definitions };
}
