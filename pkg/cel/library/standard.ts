import { EvaluationError, noSuchOverload } from '../errors.ts';
import { type Cost, elements, fn, type Library, type Overload, scan, traversal } from '../functions.ts';
import { doubleText, int, type Operator, ofDoubles, ofInts, ofUints, truncated, uint } from '../numbers.ts';
import { regexOf } from '../regex/regex.ts';
import { RegexError } from '../regex/syntax.ts';
import {
  ArrayList,
  type CelList,
  type CelMap,
  compare,
  Double,
  type Duration,
  equal,
  type Int,
  type Timestamp,
  TypeValue,
  typeName,
  type Uint,
  type Value,
} from '../values.ts';

const OPERATORS: readonly Operator[] = ['+', '-', '*', '/', '%'];
const arithmetic: Overload[] = OPERATORS.flatMap((o) => [
  fn(`_${o}_(int, int) int`, ofInts(o)),
  fn(`_${o}_(uint, uint) uint`, ofUints(o)),
  ...(o === '%' ? [] : [fn(`_${o}_(double, double) double`, ofDoubles(o))]),
]);

const both: Cost = (a = 0, b = 0) => Math.ceil((a + b) * 0.1);
const smaller: Cost = (a = 0, b = 0) => Math.ceil(Math.min(a, b) * 0.1);
const sum: Cost = (a = 0, b = 0) => a + b;

function joinLists(a: CelList, b: CelList): CelList {
  if (a.concat) return a.concat(b);
  return new ArrayList([...a, ...b]);
}

const additions: Overload[] = [
  fn('_+_(string, string) string', (a: string, b: string) => a + b, { cost: both, size: sum }),
  fn('_+_(bytes, bytes) bytes', (a: Uint8Array, b: Uint8Array) => Buffer.concat([a, b]), { cost: both, size: sum }),
  fn('_+_(list<A>, list<A>) list<A>', joinLists, { cost: both, size: sum }),
  fn('-_(int) int', (a: Int) => ofInts('-')(0, a)),
  fn('-_(double) double', (a: Double) => new Double(-a.value)),
  fn('!_(bool) bool', (a: boolean) => !a),
];

const ORDERED = ['bool', 'string', 'bytes', 'timestamp', 'duration', 'int', 'uint', 'double'];
const NUMBERS = ['int', 'uint', 'double'];
/** NaN is neither smaller nor larger than anything. */
const ORDERS: Readonly<Record<string, (c: number) => boolean>> = {
  '<': (c) => c < 0,
  '<=': (c) => c <= 0,
  '>': (c) => c > 0,
  '>=': (c) => c >= 0,
};
const relations: Overload[] = Object.entries(ORDERS).flatMap(([sign, holds]) => {
  const call = (a: Value, b: Value): boolean => {
    const order = compare(a, b);
    if (order === undefined) throw noSuchOverload();
    return holds(order);
  };
  const pairs = [
    ...ORDERED.map((t) => [t, t]),
    ...NUMBERS.flatMap((a) => NUMBERS.filter((b) => a !== b).map((b) => [a, b])),
  ];
  return pairs.map(([a, b]) => fn(`_${sign}_(${a}, ${b}) bool`, call, { cost: smaller }));
});

function contains(item: Value, list: CelList): boolean {
  for (const x of list) if (equal(x, item)) return true;
  return false;
}

const equality: Overload[] = [
  fn('_==_(A, A) bool', equal, { cost: smaller }),
  fn('_!=_(A, A) bool', (a: Value, b: Value) => !equal(a, b), { cost: smaller }),
  fn('@in(A, list<A>) bool', contains, { cost: (_item = 0, list = 0) => list }),
  fn('@in(A, map<A, B>) bool', (key: Value, map: CelMap) => map.get(key) !== undefined),
];

const points = (s: string): number => (/[\ud800-\udbff]/.test(s) ? [...s].length : s.length);
const SIZES: readonly [string, (v: never) => number][] = [
  ['string', points],
  ['bytes', (b: Uint8Array) => b.length],
  ['list<A>', (l: CelList) => l.size],
  ['map<A, B>', (m: CelMap) => m.size],
];
const sizes: Overload[] = SIZES.flatMap(([type, size], i) => [
  fn(`size(${type}) int`, size, i === 0 ? { cost: scan } : {}),
  fn(`${type}::size() int`, size, i === 0 ? { cost: scan } : {}),
]);

/** matches(): the text times the expression, as cel-go weighs it. */
const matching: Cost = (text = 0, pattern = 0) => Math.ceil((text + 1) * 0.1) * Math.ceil(pattern * 0.25);

/** @throws EvaluationError for an expression that is none */
export function matches(text: string, pattern: string): boolean {
  try {
    return regexOf(pattern).test(text);
  } catch (e) {
    if (e instanceof RegexError) throw new EvaluationError(e.message);
    throw e;
  }
}
const TESTS: readonly [string, (a: string, b: string) => boolean][] = [
  ['contains', (a, b) => a.includes(b)],
  ['startsWith', (a, b) => a.startsWith(b)],
  ['endsWith', (a, b) => a.endsWith(b)],
];
const text: Overload[] = [
  ...TESTS.map(([name, test]) =>
    fn(`string::${name}(string) bool`, test, {
      cost: (a = 0, b = 0) => (name === 'contains' ? Math.ceil(a * 0.1) * Math.ceil(b * 0.1) : Math.ceil(b * 0.1)),
    }),
  ),
  fn('string::matches(string) bool', matches, { cost: matching }),
  fn('matches(string, string) bool', matches, { cost: matching }),
];

const bad = (what: string, to: string): never => {
  throw new EvaluationError(`type conversion error from '${what}' to '${to}'`);
};
const intOf = (s: string): Int => (/^[+-]?\d{1,40}$/.test(s) ? int(BigInt(s.replace('+', ''))) : bad('string', 'int'));
const uintOf = (s: string): Uint => (/^\d{1,40}$/.test(s) ? uint(BigInt(s)) : bad('string', 'uint'));
const doubleOf = (s: string): Double => {
  if (/^[+-]?(?:\d+(?:\.\d*)?|\.\d+)(?:[eE][+-]?\d+)?$/.test(s)) return new Double(Number(s));
  const special: Readonly<Record<string, number>> = {
    nan: Number.NaN,
    inf: Infinity,
    '+inf': Infinity,
    '-inf': -Infinity,
  };
  const value = special[s.toLowerCase().replace('infinity', 'inf')];
  return value === undefined ? bad('string', 'double') : new Double(value);
};
const boolOf = (s: string): boolean => {
  if (['1', 't', 'T', 'TRUE', 'true', 'True'].includes(s)) return true;
  return ['0', 'f', 'F', 'FALSE', 'false', 'False'].includes(s) ? false : bad('string', 'bool');
};
const utf8 = new TextDecoder('utf-8', { fatal: true });
function textOf(b: Uint8Array): string {
  try {
    return utf8.decode(b);
  } catch {
    throw new EvaluationError('invalid UTF-8 in bytes, cannot convert to string');
  }
}
const SECOND = 1_000_000_000n;
const floored = (a: bigint, b: bigint): bigint => (a < 0n && a % b !== 0n ? a / b - 1n : a / b);

const same = (v: Value): Value => v;
const conversions: Overload[] = [
  ...['int', 'uint', 'double', 'string', 'bytes', 'bool', 'timestamp', 'duration'].map((t) =>
    fn(`${t}(${t}) ${t}`, same),
  ),
  fn('int(uint) int', (u: Uint) => int(u.value)),
  fn('int(double) int', (d: Double) => int(truncated(d))),
  fn('int(string) int', intOf, { cost: traversal }),
  fn('int(timestamp) int', (t: Timestamp) => int(floored(t.nanos, SECOND))),
  fn('int(duration) int', (d: Duration) => int(d.nanos)),
  fn('uint(int) uint', (i: Int) => uint(BigInt(i))),
  fn('uint(double) uint', (d: Double) => uint(truncated(d))),
  fn('uint(string) uint', uintOf, { cost: traversal }),
  fn('double(int) double', (i: Int) => new Double(Number(i))),
  fn('double(uint) double', (u: Uint) => new Double(Number(u.value))),
  fn('double(string) double', doubleOf, { cost: traversal }),
  fn('string(int) string', String, { size: () => 20 }),
  fn('string(uint) string', (u: Uint) => String(u.value), { size: () => 20 }),
  fn('string(double) string', (d: Double) => doubleText(d.value), { size: () => 32 }),
  fn('string(bool) string', String, { size: () => 5 }),
  fn('string(bytes) string', textOf, { cost: traversal, size: elements }),
  fn('bytes(string) bytes', (s: string) => Buffer.from(s), { cost: traversal, size: (n = 0) => 4 * n }),
  fn('bool(string) bool', boolOf),
  fn('dyn(A) dyn', same),
  fn('type(A) type', (v: Value) => new TypeValue(typeName(v))),
];

const TYPE_NAMES = [
  'int',
  'uint',
  'double',
  'bool',
  'string',
  'bytes',
  'list',
  'map',
  'null_type',
  'type',
  'optional_type',
  'google.protobuf.Timestamp',
  'google.protobuf.Duration',
];

/** Operators, conversions and the functions every CEL has ("List of Standard Definitions"). */
export const standard: Library = {
  functions: [...arithmetic, ...additions, ...relations, ...equality, ...sizes, ...text, ...conversions],
  types: Object.fromEntries(TYPE_NAMES.map((t) => [t, t])),
};
