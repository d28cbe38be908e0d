import { EvaluationError } from '../errors.ts';
import { doubleText, plainNumber } from '../numbers.ts';
import {
  CelList,
  CelMap,
  Double,
  Duration,
  numberOf,
  Timestamp,
  TypeValue,
  typeName,
  type Uint,
  type Value,
} from '../values.ts';
import { durationText, timestampText } from './times.ts';

/** "…".format([…]) of cel-go's string extension. */
const fail = (why: string): never => {
  throw new EvaluationError(`error during formatting: ${why}`);
};

/** %s of any value. */
function text(v: Value): string {
  if (typeof v === 'string') return v;
  if (v === null) return 'null';
  if (typeof v === 'boolean') return String(v);
  if (v instanceof Double) return doubleText(v.value);
  const n = numberOf(v);
  if (n !== undefined) return String(n);
  if (v instanceof Uint8Array) return Buffer.from(v).toString();
  if (v instanceof Timestamp) return timestampText(v);
  if (v instanceof Duration) return durationText(v);
  if (v instanceof CelList) return `[${[...v].map(text).join(', ')}]`;
  if (v instanceof CelMap) {
    const entries = v.keys().map((k) => [text(k), text(v.get(k) ?? null)] as const);
    return `{${entries
      .sort(([a], [b]) => (a < b ? -1 : 1))
      .map(([k, x]) => `${k}: ${x}`)
      .join(', ')}}`;
  }
  if (v instanceof TypeValue) return v.name;
  return fail(
    `string clause can only be used on strings, bools, bytes, ints, doubles, maps, lists, types, durations, and timestamps, was given ${typeName(v)}`,
  );
}

function whole(v: Value, clause: string): bigint | number {
  const n = numberOf(v);
  if (n === undefined || v instanceof Double) {
    if (v instanceof Double && clause === 'decimal' && !Number.isFinite(v.value)) return v.value;
    return fail(`${clause} clause can only be used on integers, was given ${typeName(v)}`);
  }
  return BigInt(n);
}

function hexadecimal(v: Value, upper: boolean): string {
  let made: string;
  if (typeof v === 'string' || v instanceof Uint8Array) made = Buffer.from(v).toString('hex');
  else made = whole(v, 'hex').toString(16);
  return upper ? made.toUpperCase() : made;
}

function floating(v: Value, how: 'f' | 'e', precision: number): string {
  const n = numberOf(v);
  if (v === null || n === undefined)
    return fail(`fixed-point clause can only be used on doubles, was given ${typeName(v)}`);
  const value = plainNumber(v as Double | Uint | number);
  if (Number.isNaN(value)) return 'NaN';
  if (!Number.isFinite(value)) return value > 0 ? 'Infinity' : '-Infinity';
  if (how === 'f') return value.toFixed(precision);
  return value.toExponential(precision).replace(/e([+-])(\d)$/, 'e$10$2');
}

function clause(v: Value, letter: string, precision: number): string {
  switch (letter) {
    case 's':
      return text(v);
    case 'd':
      return String(whole(v, 'decimal'));
    case 'f':
    case 'e':
      return floating(v, letter, precision);
    case 'b':
      return typeof v === 'boolean' ? String(Number(v)) : whole(v, 'binary').toString(2);
    case 'o':
      return whole(v, 'octal').toString(8);
    case 'x':
    case 'X':
      return hexadecimal(v, letter === 'X');
    default:
      return fail(`could not parse formatting clause: unrecognized formatting clause "${letter}"`);
  }
}

const DEFAULT_PRECISION = 6;
const MAX_PRECISION = 100;

export function formatted(template: string, args: CelList): string {
  let next = 0;
  return template.replace(
    /%(?:%|(?:\.(\d+))?([\s\S]?))/g,
    (match, precision: string | undefined, letter: string | undefined) => {
      if (match === '%%') return '%';
      if (!letter) return fail('unexpected end of string');
      if (next >= args.size) return fail(`index ${next} out of range`);
      const digits = precision === undefined ? DEFAULT_PRECISION : Math.min(Number(precision), MAX_PRECISION);
      return clause(args.at(next++), letter, digits);
    },
  );
}
