import { EvaluationError } from './errors.ts';

/**
 * Values at run time. An int is a JavaScript number while that is exact, and a bigint beyond; a double is boxed, so that
 * 1 and 1.0 differ.
 */
export type Int = number | bigint;
export type Value =
  | null
  | boolean
  | Int
  | string
  | Uint8Array
  | Double
  | Uint
  | Timestamp
  | Duration
  | TypeValue
  | CelList
  | CelMap
  | Optional
  | Opaque;

export class Double {
  readonly value: number;
  constructor(value: number) {
    this.value = value;
  }
}

export class Uint {
  readonly value: bigint;
  constructor(value: bigint) {
    this.value = value;
  }
}

/** A point in time: nanoseconds since 1970. */
export class Timestamp {
  readonly nanos: bigint;
  constructor(nanos: bigint) {
    this.nanos = nanos;
  }
}

export class Duration {
  readonly nanos: bigint;
  constructor(nanos: bigint) {
    this.nanos = nanos;
  }
}

/** What `type(x)` gives. */
export class TypeValue {
  readonly name: string;
  constructor(name: string) {
    this.name = name;
  }
}

export class Optional {
  readonly value: Value | undefined;
  constructor(value: Value | undefined) {
    this.value = value;
  }
}
export const NONE = new Optional(undefined);

/** Values of libraries: URLs, addresses, quantities and such. */
export abstract class Opaque {
  abstract readonly typeName: string;
  abstract equals(other: Opaque): boolean;
  /** Order relative to another of the type; undefined: they have none. */
  text?(): string;
}

export abstract class CelList {
  abstract readonly size: number;
  /** @param i from 0 to size - 1 */
  abstract at(i: number): Value;
  /** Set when equality is not that of sequences, as for lists that are sets. */
  equals?(other: CelList): boolean;
  /** Set when `+` is not a plain concatenation. */
  concat?(other: CelList): CelList;
  *[Symbol.iterator](): Generator<Value> {
    for (let i = 0; i < this.size; i++) yield this.at(i);
  }
}

export class ArrayList extends CelList {
  readonly items: readonly Value[];
  constructor(items: readonly Value[]) {
    super();
    this.items = items;
  }
  get size(): number {
    return this.items.length;
  }
  at(i: number): Value {
    return this.items[i] ?? null;
  }
}

export abstract class CelMap {
  abstract readonly size: number;
  /** @returns undefined when the key is not there */
  abstract get(key: Value): Value | undefined;
  abstract keys(): readonly Value[];
}

/** Keys that are equal have the same id: 1, 1u and 1.0 are. */
function keyId(key: Value): string {
  if (typeof key === 'string') return `s${key}`;
  if (typeof key === 'boolean') return `b${key}`;
  const n = numberOf(key);
  if (n === undefined) throw new EvaluationError('unsupported key type');
  return typeof n === 'number' && Number.isInteger(n) ? `n${BigInt(n)}` : `n${n}`;
}

/** A map that an expression made. */
export class EntryMap extends CelMap {
  readonly #entries = new Map<string, readonly [Value, Value]>();
  get size(): number {
    return this.#entries.size;
  }
  /** @throws EvaluationError for a key that is there, or is none */
  put(key: Value, value: Value): void {
    const id = keyId(key);
    if (this.#entries.has(id)) throw new EvaluationError(`insert failed: key ${plainText(key)} already exists`);
    this.#entries.set(id, [key, value]);
  }
  get(key: Value): Value | undefined {
    return this.#entries.get(keyId(key))?.[1];
  }
  keys(): readonly Value[] {
    return [...this.#entries.values()].map(([k]) => k);
  }
}

/** Turns JSON into values as it is read. */
export type Adapter = (json: unknown) => Value;

export class JsonList extends CelList {
  readonly json: readonly unknown[];
  readonly #adapt: Adapter;
  constructor(json: readonly unknown[], adapt: Adapter) {
    super();
    this.json = json;
    this.#adapt = adapt;
  }
  get size(): number {
    return this.json.length;
  }
  at(i: number): Value {
    return this.#adapt(this.json[i]);
  }
}

export class JsonMap extends CelMap {
  readonly json: Readonly<Record<string, unknown>>;
  readonly #adapt: Adapter;
  constructor(json: Readonly<Record<string, unknown>>, adapt: Adapter) {
    super();
    this.json = json;
    this.#adapt = adapt;
  }
  get size(): number {
    return this.keys().length;
  }
  get(key: Value): Value | undefined {
    if (typeof key !== 'string' || !Object.hasOwn(this.json, key)) return undefined;
    const value = this.json[key];
    return value === undefined ? undefined : this.#adapt(value);
  }
  keys(): readonly string[] {
    return Object.keys(this.json).filter((k) => this.json[k] !== undefined);
  }
}

/** JSON without a schema: whole numbers are ints. */
export function dynamicValue(json: unknown): Value {
  switch (typeof json) {
    case 'string':
    case 'boolean':
      return json;
    case 'number':
      return Number.isSafeInteger(json) ? json : new Double(json);
    case 'object':
      if (json === null) return null;
      if (Array.isArray(json)) return new JsonList(json, dynamicValue);
      return new JsonMap(json as Record<string, unknown>, dynamicValue);
    default:
      return null;
  }
}

/** The number a value is; undefined when it is none. */
export function numberOf(v: Value): number | bigint | undefined {
  if (typeof v === 'number' || typeof v === 'bigint') return v;
  if (v instanceof Double || v instanceof Uint) return v.value;
  return undefined;
}

export function typeName(v: Value): string {
  if (typeof v === 'boolean') return 'bool';
  if (typeof v === 'number' || typeof v === 'bigint') return 'int';
  if (typeof v === 'string') return 'string';
  if (v === null) return 'null_type';
  if (v instanceof Double) return 'double';
  if (v instanceof Uint) return 'uint';
  if (v instanceof CelList) return 'list';
  if (v instanceof CelMap) return 'map';
  if (v instanceof Uint8Array) return 'bytes';
  if (v instanceof Timestamp) return 'google.protobuf.Timestamp';
  if (v instanceof Duration) return 'google.protobuf.Duration';
  if (v instanceof Optional) return 'optional_type';
  return v instanceof TypeValue ? 'type' : v.typeName;
}

/** A value in a message. */
export function plainText(v: Value): string {
  const n = numberOf(v);
  return typeof v === 'string' ? v : n === undefined ? typeName(v) : String(n);
}

/** How large a value is: characters, bytes, elements; 1 for all else. */
export function sizeOf(v: Value): number {
  if (typeof v === 'string' || v instanceof Uint8Array) return v.length;
  return v instanceof CelList || v instanceof CelMap ? v.size : 1;
}

const isNested = (v: Value): v is CelList | CelMap => v instanceof CelList || v instanceof CelMap;

/** How much there is to look at in a value: as `sizeOf`, but with all that lies within lists and maps. */
export function weightOf(v: Value): number {
  if (!isNested(v)) return sizeOf(v);
  const children = v instanceof CelList ? v : v.keys().map((k) => v.get(k) ?? null);
  let weight = 0;
  for (const c of children) weight += isNested(c) ? 1 + weightOf(c) : 1 + Math.floor(sizeOf(c) / TEXT_PER_UNIT);
  return weight;
}
/** So many characters within a list or map count as one element. */
const TEXT_PER_UNIT = 10;

function sameLists(a: CelList, b: CelList): boolean {
  if (a.equals) return a.equals(b);
  if (b.equals) return b.equals(a);
  if (a.size !== b.size) return false;
  for (let i = 0; i < a.size; i++) if (!equal(a.at(i), b.at(i))) return false;
  return true;
}

function sameMaps(a: CelMap, b: CelMap): boolean {
  if (a.size !== b.size) return false;
  return a.keys().every((k) => {
    const x = a.get(k);
    const y = b.get(k);
    return x !== undefined && y !== undefined && equal(x, y);
  });
}

/** `==`: numbers by their value, whatever their types; values of different types differ. */
export function equal(a: Value, b: Value): boolean {
  if (a === b) return true;
  const x = numberOf(a);
  if (x !== undefined) {
    const y = numberOf(b);
    // biome-ignore lint/suspicious/noDoubleEquals: a number and a bigint may be the same
    return y !== undefined && x == y;
  }
  if (a === null || b === null || typeof a !== 'object' || typeof b !== 'object') return false;
  if (a instanceof CelList) return b instanceof CelList && sameLists(a, b);
  if (a instanceof CelMap) return b instanceof CelMap && sameMaps(a, b);
  if (a instanceof Uint8Array) return b instanceof Uint8Array && Buffer.compare(a, b) === 0;
  if (a instanceof Timestamp) return b instanceof Timestamp && a.nanos === b.nanos;
  if (a instanceof Duration) return b instanceof Duration && a.nanos === b.nanos;
  if (a instanceof TypeValue) return b instanceof TypeValue && a.name === b.name;
  if (a instanceof Optional) {
    if (!(b instanceof Optional)) return false;
    return a.value === undefined || b.value === undefined ? a.value === b.value : equal(a.value, b.value);
  }
  return a instanceof Opaque && b instanceof Opaque && a.typeName === b.typeName && a.equals(b);
}

const SURROGATE = /[\ud800-\udfff]/;
const order = <T extends number | bigint | string | boolean>(a: T, b: T): number => (a < b ? -1 : a > b ? 1 : 0);

/** -1, 0 or 1; NaN when one of them is NaN; undefined when values of these types have no order. */
export function compare(a: Value, b: Value): number | undefined {
  const x = numberOf(a);
  const y = numberOf(b);
  if (x !== undefined && y !== undefined) {
    if (Number.isNaN(x) || Number.isNaN(y)) return Number.NaN;
    return x < y ? -1 : x > y ? 1 : 0;
  }
  if (typeof a === 'string' && typeof b === 'string') {
    // Strings are ordered by code points; beyond the basic plane that is not the order of UTF-16.
    if (SURROGATE.test(a) || SURROGATE.test(b)) return Buffer.compare(Buffer.from(a), Buffer.from(b));
    return order(a, b);
  }
  if (typeof a === 'boolean' && typeof b === 'boolean') return order(a, b);
  if (a instanceof Timestamp && b instanceof Timestamp) return order(a.nanos, b.nanos);
  if (a instanceof Duration && b instanceof Duration) return order(a.nanos, b.nanos);
  if (a instanceof Uint8Array && b instanceof Uint8Array) return Buffer.compare(a, b);
  return undefined;
}
