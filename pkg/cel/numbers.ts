import { EvaluationError } from './errors.ts';
import { Double, Duration, type Int, Timestamp, Uint, type Value } from './values.ts';

/** Arithmetic as CEL has it: 64 bits, and an error instead of wrapping around. */
const MIN = -(2n ** 63n);
const MAX = 2n ** 63n - 1n;
const MAX_UINT = 2n ** 64n - 1n;
/** 0001-01-01T00:00:00Z and 9999-12-31T23:59:59.999999999Z. */
const FIRST_TIME = -62_135_596_800_000_000_000n;
const LAST_TIME = 253_402_300_799_999_999_999n;

const overflow = (what = 'integer'): EvaluationError => new EvaluationError(`${what} overflow`);

/** An int from a bigint, in its one form. @throws EvaluationError beyond 64 bits */
export function int(v: bigint): Int {
  if (v < MIN || v > MAX) throw overflow();
  const n = Number(v);
  return Number.isSafeInteger(n) ? n : v;
}
export function uint(v: bigint): Uint {
  if (v < 0n || v > MAX_UINT) throw overflow('unsigned integer');
  return new Uint(v);
}
export function duration(nanos: bigint): Duration {
  if (nanos < MIN || nanos > MAX) throw overflow('duration');
  return new Duration(nanos);
}
export function timestamp(nanos: bigint): Timestamp {
  if (nanos < FIRST_TIME || nanos > LAST_TIME) throw overflow('timestamp');
  return new Timestamp(nanos);
}

export type Operator = '+' | '-' | '*' | '/' | '%';

const BIG: Readonly<Record<Operator, (a: bigint, b: bigint) => bigint>> = {
  '+': (a, b) => a + b,
  '-': (a, b) => a - b,
  '*': (a, b) => a * b,
  '/': (a, b) => a / b,
  '%': (a, b) => a % b,
};
const PLAIN: Readonly<Record<Operator, (a: number, b: number) => number>> = {
  '+': (a, b) => a + b,
  '-': (a, b) => a - b,
  '*': (a, b) => a * b,
  '/': (a, b) => Math.trunc(a / b),
  '%': (a, b) => a % b,
};

function checkDivisor(operator: Operator, zero: boolean): void {
  if (zero && operator === '/') throw new EvaluationError('division by zero');
  if (zero && operator === '%') throw new EvaluationError('modulus by zero');
}

export const ofInts = (operator: Operator) => {
  const plain = PLAIN[operator];
  const big = BIG[operator];
  return (a: Int, b: Int): Int => {
    checkDivisor(operator, b === 0);
    if (typeof a === 'number' && typeof b === 'number') {
      const r = plain(a, b);
      if (Number.isSafeInteger(r)) return r + 0;
    }
    return int(big(BigInt(a), BigInt(b)));
  };
};

export const ofUints = (operator: Operator) => {
  const big = BIG[operator];
  return (a: Uint, b: Uint): Uint => {
    checkDivisor(operator, b.value === 0n);
    return uint(big(a.value, b.value));
  };
};

export const ofDoubles = (operator: Operator) => {
  const plain = operator === '/' ? (a: number, b: number) => a / b : PLAIN[operator];
  return (a: Double, b: Double): Double => new Double(plain(a.value, b.value));
};

/** A double truncated to an int. @throws EvaluationError beyond 64 bits */
export function truncated({ value }: Double): bigint {
  if (!(Math.abs(value) < 2 ** 64)) throw overflow();
  return BigInt(Math.trunc(value));
}

/** A double as Go's %g with the shortest digits writes it. */
export function doubleText(v: number): string {
  if (Number.isNaN(v)) return 'NaN';
  if (!Number.isFinite(v)) return v > 0 ? '+Inf' : '-Inf';
  if (Object.is(v, -0)) return '-0';
  const small = v !== 0 && Math.abs(v) < 1e-4;
  const text = small ? v.toExponential() : String(v);
  return text.replace(/e([+-])(\d)$/, 'e$10$2');
}

/** The number as a plain JavaScript one. */
export const plainNumber = (v: Exclude<Value, null>): number =>
  v instanceof Double ? v.value : v instanceof Uint ? Number(v.value) : Number(v as Int);
