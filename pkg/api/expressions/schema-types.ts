import {
  type Adapter,
  ArrayList,
  BOOL,
  type CelList,
  Double,
  DYN,
  dynamicValue,
  equal,
  INT,
  JsonList,
  JsonMap,
  listOf,
  mapOf,
  type ObjectType,
  parseDuration,
  parseTimestamp,
  plainText,
  STRING,
  type Type,
  type Value,
} from '#cel/index.ts';
import { isMap, itemsOf } from '../custom/structural.ts';
import type { JSONSchemaProps } from '../kinds/apiextensions/jsonschema.ts';
import { escapedName } from './escape.ts';

/** A structural schema as expressions see it: its type, and how JSON becomes values of it. */
export interface Typed {
  readonly type: Type;
  readonly adapt: Adapter;
  /** Fewest bytes of JSON: how many fit into a request follows from it. */
  readonly least: number;
}

/** Largest request, bytes. */
const MAX_BYTES = 3 << 20;
/** Most characters of strings of these formats. */
const FORMAT_SIZES: Readonly<Record<string, number>> = { date: 10, 'date-time': 50, duration: 50 };

const failing =
  (parse: (text: string) => Value): Adapter =>
  (json) =>
    typeof json === 'string' ? parse(json) : dynamicValue(json);

const FORMATS: Readonly<Record<string, Pick<Typed, 'type' | 'adapt'>>> = {
  byte: { type: { kind: 'bytes' }, adapt: failing((s) => Buffer.from(s, 'base64')) },
  date: { type: { kind: 'timestamp' }, adapt: failing((s) => parseTimestamp(`${s}T00:00:00Z`)) },
  'date-time': { type: { kind: 'timestamp' }, adapt: failing(parseTimestamp) },
  datetime: { type: { kind: 'timestamp' }, adapt: failing(parseTimestamp) },
  duration: { type: { kind: 'duration' }, adapt: failing(parseDuration) },
};

function stringOf(s: JSONSchemaProps): Typed {
  const format = s.format && Object.hasOwn(FORMATS, s.format) ? FORMATS[s.format] : undefined;
  const least = 2;
  if (format && format.type.kind !== 'bytes') return { ...format, least };
  const longest = s.enum ? Math.max(0, ...s.enum.map((e) => String(e).length)) : undefined;
  const max = s.maxLength ?? longest ?? FORMAT_SIZES[s.format ?? ''] ?? MAX_BYTES - 2;
  return { type: { kind: format ? 'bytes' : 'string', max }, adapt: format?.adapt ?? dynamicValue, least };
}

/** Lists that are sets or maps: their order is no part of their value. */
class UnorderedList extends ArrayList {
  readonly #keys: readonly string[] | undefined;
  /** @param keys of a list that is a map; undefined: a set */
  constructor(items: readonly Value[], keys: readonly string[] | undefined) {
    super(items);
    this.#keys = keys;
  }

  /** Equal for elements that cannot both be in the list. */
  #id(v: Value): string {
    if (v instanceof JsonMap) return JSON.stringify((this.#keys ?? Object.keys(v.json).sort()).map((k) => v.json[k]));
    return `${typeof v} ${plainText(v)}`;
  }

  #byId(list: CelList): Map<string, Value> {
    return new Map([...list].map((v) => [this.#id(v), v]));
  }

  override equals(other: CelList): boolean {
    if (other.size !== this.size) return false;
    const theirs = this.#byId(other);
    return this.items.every((x) => {
      const y = theirs.get(this.#id(x));
      return y !== undefined && equal(x, y);
    });
  }

  /** A set takes what it has not; a map's elements of the same keys are replaced, where they are. */
  override concat(other: CelList): CelList {
    const merged = this.#byId(this);
    for (const [id, x] of this.#byId(other)) if (this.#keys || !merged.has(id)) merged.set(id, x);
    return new UnorderedList([...merged.values()], this.#keys);
  }
}

function listFor(s: JSONSchemaProps): Typed | undefined {
  const items = itemsOf(s);
  const item = items && typed(items);
  if (!item) return undefined;
  const max = s.maxItems ?? Math.floor((MAX_BYTES - 2) / (item.least + 1));
  const listType = s['x-kubernetes-list-type'];
  const keys = listType === 'map' ? (s['x-kubernetes-list-map-keys'] ?? []) : undefined;
  const plain = listType !== 'set' && listType !== 'map';
  const adapt: Adapter = (json) => {
    if (!Array.isArray(json)) return dynamicValue(json);
    return plain ? new JsonList(json, item.adapt) : new UnorderedList(json.map(item.adapt), keys);
  };
  return { type: listOf(item.type, max), adapt, least: 2 };
}

const TYPE_META: Readonly<Record<string, JSONSchemaProps>> = {
  apiVersion: { type: 'string' },
  kind: { type: 'string' },
  metadata: { type: 'object', properties: { name: { type: 'string' }, generateName: { type: 'string' } } },
};

/** An object whose fields are found under their escaped names. */
class JsonObject extends JsonMap {
  readonly #fields: ReadonlyMap<string, { readonly key: string; readonly adapt: Adapter }>;
  constructor(json: Readonly<Record<string, unknown>>, fields: JsonObject['fields']) {
    super(json, dynamicValue);
    this.#fields = fields;
  }
  get fields(): ReadonlyMap<string, { readonly key: string; readonly adapt: Adapter }> {
    return this.#fields;
  }
  override get(name: Value): Value | undefined {
    const field = typeof name === 'string' ? this.#fields.get(name) : undefined;
    if (!field || !Object.hasOwn(this.json, field.key)) return undefined;
    const value = this.json[field.key];
    return value === undefined ? undefined : field.adapt(value);
  }
  override keys(): readonly string[] {
    return [...this.#fields].filter(([, { key }]) => this.json[key] !== undefined).map(([name]) => name);
  }
}

let serial = 0;
function objectFor(s: JSONSchemaProps, isResource: boolean): Typed {
  const fields = new Map<string, Typed & { key: string }>();
  let least = 2;
  for (const [key, p] of Object.entries({ ...s.properties, ...(isResource ? TYPE_META : {}) })) {
    const name = escapedName(key);
    const value = typed(p);
    if (!value) continue;
    if (s.required?.includes(key) && p.default === undefined) least += key.length + 4 + value.least;
    if (name !== undefined) fields.set(name, { ...value, key });
  }
  const type: ObjectType = { kind: 'object', name: `selfType${++serial}`, field: (name) => fields.get(name)?.type };
  return { type, adapt: (json) => (isMap(json) ? new JsonObject(json, fields) : dynamicValue(json)), least };
}

function mapFor(values: JSONSchemaProps, s: JSONSchemaProps): Typed | undefined {
  const value = typed(values);
  if (!value) return undefined;
  const max = s.maxProperties ?? Math.floor((MAX_BYTES - 2) / (value.least + 6));
  const adapt: Adapter = (json) => (isMap(json) ? new JsonMap(json, value.adapt) : dynamicValue(json));
  return { type: mapOf(STRING, value.type, max), adapt, least: 2 };
}

/**
 * How expressions see values of the schema.
 * @param root it is that of a whole object: type and name are in sight whatever it says
 * @returns undefined when they cannot: nothing is known of the value
 */
export function typed(s: JSONSchemaProps, root = false): Typed | undefined {
  if (s['x-kubernetes-int-or-string']) return { type: DYN, adapt: dynamicValue, least: 1 };
  switch (s.type) {
    case 'object':
      if (typeof s.additionalProperties === 'object' && !s.properties) return mapFor(s.additionalProperties, s);
      return objectFor(s, root || s['x-kubernetes-embedded-resource'] === true);
    case 'array':
      return listFor(s);
    case 'string':
      return stringOf(s);
    case 'boolean':
      return { type: BOOL, adapt: dynamicValue, least: 4 };
    case 'integer':
      return { type: INT, adapt: dynamicValue, least: 1 };
    case 'number':
      return {
        type: { kind: 'double' },
        adapt: (v) => (typeof v === 'number' ? new Double(v) : dynamicValue(v)),
        least: 1,
      };
    default:
      return undefined;
  }
}
