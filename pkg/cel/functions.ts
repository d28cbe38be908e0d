import { noSuchOverload } from './errors.ts';
import { BOOL, DYN, INT, listOf, mapOf, opaque, optionalOf, STRING, type Type } from './types.ts';
import {
  CelList,
  CelMap,
  Double,
  Duration,
  Opaque,
  Optional,
  Timestamp,
  TypeValue,
  Uint,
  type Value,
} from './values.ts';

/** What a call costs, by the sizes of its arguments: at run time the real ones (`weightOf`), in estimates the largest. */
export type Cost = (...sizes: number[]) => number;

export interface Overload {
  readonly name: string;
  readonly member: boolean;
  readonly params: readonly Type[];
  readonly result: Type;
  readonly call: (...args: Value[]) => Value;
  /** Default: 1. */
  readonly cost?: Cost;
  /** Largest size of the result, for estimates; default: by its type. */
  readonly size?: Cost;
}

/** A set of functions and named types that belong together. */
export interface Library {
  readonly functions: readonly Overload[];
  /** Identifiers that name types, such as `int`. */
  readonly types?: Readonly<Record<string, string>>;
}

const SCALARS: Readonly<Record<string, Type>> = {
  dyn: DYN,
  bool: BOOL,
  int: INT,
  string: STRING,
  bytes: { kind: 'bytes' },
  null: { kind: 'null' },
  uint: { kind: 'uint' },
  double: { kind: 'double' },
  timestamp: { kind: 'timestamp' },
  duration: { kind: 'duration' },
  type: { kind: 'type' },
};

/** Reads one type of a signature from the start of the text. @returns it and the rest */
function readType(text: string): [Type, string] {
  const name = /^[\w.]+/.exec(text)?.[0] ?? '';
  let rest = text.slice(name.length);
  const inner: Type[] = [];
  if (rest.startsWith('<')) {
    do {
      const [type, after] = readType(rest.slice(1).trimStart());
      inner.push(type);
      rest = after;
    } while (rest.startsWith(','));
    rest = rest.slice(1);
  }
  const [first = DYN, second = DYN] = inner;
  if (name === 'list') return [listOf(first), rest];
  if (name === 'map') return [mapOf(first, second), rest];
  if (name === 'optional') return [optionalOf(first), rest];
  if (/^[A-Z]$/.test(name)) return [{ kind: 'parameter', name }, rest];
  return [Object.hasOwn(SCALARS, name) ? (SCALARS[name] ?? DYN) : opaque(name), rest];
}

/** The type a signature's text names, such as "list<string>". */
export const typeNamed = (text: string): Type => readType(text)[0];

interface Costs {
  readonly cost?: Cost;
  readonly size?: Cost;
}

/**
 * Declares a function: `sets.contains(list<A>, list<A>) bool`, of a receiver `string::charAt(int) string`. Single capital
 * letters are parameters; names that are no type of the language are types of libraries.
 */
export function fn(signature: string, call: (...args: never[]) => Value, costs: Costs = {}): Overload {
  const m = /^(?:(.+?)::)?([^\s(]+)\((.*)\) (\S.*)$/.exec(signature);
  if (!m) throw new TypeError(`not a signature: ${signature}`);
  const [, receiver, name = '', list = '', result = ''] = m;
  const params: Type[] = receiver ? [typeNamed(receiver)] : [];
  let rest = list.trim();
  while (rest !== '') {
    const [type, after] = readType(rest);
    params.push(type);
    rest = after.replace(/^,\s*/, '');
  }
  return {
    name,
    member: receiver !== undefined,
    params,
    result: typeNamed(result),
    call: call as Overload['call'],
    ...costs,
  };
}

/** Costs per character looked at: a tenth, as cel-go has it. */
export const PER_CHARACTER = 0.1;
/** Cost of going once through the first argument. */
export const traversal: Cost = (first = 0) => Math.ceil(first * PER_CHARACTER);
/** Of going through the first for each character of the second, as a search does. */
export const search: Cost = (text = 0, what = 0) =>
  Math.ceil(text * PER_CHARACTER) * Math.max(1, Math.ceil(what * PER_CHARACTER));
/** Of a quick look over all of the first: counting its characters. */
export const scan: Cost = (first = 0) => Math.floor(first / 1000);
/** Of looking at each element of the first. */
export const elements: Cost = (first = 0) => Math.max(1, first);

/** Is the value of the type, as far as its outermost layer tells? */
export function hasType(v: Value, t: Type): boolean {
  switch (t.kind) {
    case 'dyn':
    case 'parameter':
      return true;
    case 'null':
      return v === null;
    case 'bool':
      return typeof v === 'boolean';
    case 'int':
      return typeof v === 'number' || typeof v === 'bigint';
    case 'string':
      return typeof v === 'string';
    case 'uint':
      return v instanceof Uint;
    case 'double':
      return v instanceof Double;
    case 'bytes':
      return v instanceof Uint8Array;
    case 'timestamp':
      return v instanceof Timestamp;
    case 'duration':
      return v instanceof Duration;
    case 'type':
      return v instanceof TypeValue;
    case 'list':
      return v instanceof CelList;
    case 'map':
    case 'object':
      return v instanceof CelMap;
    case 'optional':
      return v instanceof Optional;
    case 'opaque':
      return v instanceof Opaque && v.typeName === t.name;
  }
}

const takes = ({ params }: Overload, args: readonly Value[]): boolean =>
  params.every((p, i) => hasType(args[i] as Value, p));

/** The overload that takes the values. @throws EvaluationError when none does */
export function overloadFor(candidates: readonly Overload[], args: readonly Value[]): Overload {
  for (const c of candidates) if (takes(c, args)) return c;
  throw noSuchOverload();
}
