/**
 * Resource quantities ("Quantity" in the Kubernetes API reference): a decimal number with a suffix — binary (Ki, Mi, …),
 * decimal (n, u, m, k, M, …) or an exponent. Exact: amounts are BigInts of nano-units.
 */

type Format = 'binary' | 'decimal' | 'exponent';

interface Parsed {
  /** Value × 10⁹, rounded up. */
  readonly nano: bigint;
  readonly format: Format;
  /** Made when first asked for. */
  canonical?: string;
}

const NANO = 1_000_000_000n;
const PATTERN = /^([+-]?)(\d+(?:\.\d*)?|\.\d+)(?:(Ki|Mi|Gi|Ti|Pi|Ei)|(n|u|m|k|M|G|T|P|E)|[eE]([+-]?\d+))?$/;

const BINARY: Record<string, bigint> = {
  Ki: 1n << 10n,
  Mi: 1n << 20n,
  Gi: 1n << 30n,
  Ti: 1n << 40n,
  Pi: 1n << 50n,
  Ei: 1n << 60n,
};
const DECIMAL: Record<string, number> = { n: -9, u: -6, m: -3, k: 3, M: 6, G: 9, T: 12, P: 15, E: 18 };

/** The message Kubernetes gives for text that is no quantity. */
export const QUANTITY_MESSAGE =
  "quantities must match the regular expression '^([+-]?[0-9.]+)([eEinumkKMGTP]*[-+]?[0-9]*)$'";

const memo = new Map<string, Parsed>();
const MEMO_LIMIT = 4096;
/** Longer numbers mean nothing, but to read one of a megabyte takes seconds. */
const MAX_LENGTH = 256;
const MAX_SCALE = 400;
/** What is more is taken for this, as Kubernetes documents it: 2⁶³-1 units. */
const MAX_NANO = ((1n << 63n) - 1n) * NANO;

function parse(text: string): Parsed {
  const known = memo.get(text);
  if (known) return known;
  const m = text.length <= MAX_LENGTH ? PATTERN.exec(text) : null;
  if (!m) throw new RangeError(QUANTITY_MESSAGE);
  const [, sign, digits = '0', binary, decimal, exponent] = m;
  const [whole = '0', fraction = ''] = digits.split('.');
  let mantissa = BigInt(`${whole}${fraction}` || '0');
  let scale = 9 - fraction.length;
  let format: Format = 'decimal';
  if (binary) {
    mantissa *= BINARY[binary] ?? 1n;
    format = 'binary';
  } else if (decimal) scale += DECIMAL[decimal] ?? 0;
  else if (exponent !== undefined) {
    scale += Number(exponent);
    format = 'exponent';
  }
  // Beyond these exponents every amount but 0 is the greatest or the least there is.
  const exact = BigInt(Math.min(Math.max(scale, -MAX_SCALE), MAX_SCALE));
  let nano = exact >= 0n ? mantissa * 10n ** exact : divideUp(mantissa, 10n ** -exact);
  if (nano > MAX_NANO) nano = MAX_NANO;
  if (sign === '-') nano = -nano;
  const parsed: Parsed = { nano, format };
  if (memo.size >= MEMO_LIMIT) memo.clear();
  memo.set(text, parsed);
  return parsed;
}

const divideUp = (a: bigint, b: bigint): bigint => (a % b === 0n ? a / b : a / b + 1n);

export const isQuantity = (text: string): boolean => {
  try {
    parse(text);
    return true;
  } catch {
    return false;
  }
};

/** In thousandths, rounded up: millicores for cpu. @throws RangeError */
export const milliValue = (text: string): number => {
  const { nano } = parse(text);
  return Number(nano >= 0n ? divideUp(nano, 1_000_000n) : -(-nano / 1_000_000n));
};

/** In whole units, rounded up: bytes for memory. @throws RangeError */
export const wholeValue = (text: string): number => {
  const { nano } = parse(text);
  return Number(nano >= 0n ? divideUp(nano, NANO) : -(-nano / NANO));
};

/** In billionths, rounded up beyond that. @throws RangeError */
export const nanoValue = (text: string): bigint => parse(text).nano;

/** -1, 0 or 1. @throws RangeError */
export function compareQuantities(a: string, b: string): number {
  const x = parse(a).nano;
  const y = parse(b).nano;
  return x < y ? -1 : x > y ? 1 : 0;
}

export const addQuantities = (a: string, b: string): string => {
  const x = parse(a);
  return format(x.nano + parse(b).nano, x.nano === 0n ? parse(b).format : x.format);
};

export const subtractQuantities = (a: string, b: string): string => {
  const x = parse(a);
  return format(x.nano - parse(b).nano, x.format);
};

const DECIMAL_STEPS: [string, bigint][] = [
  ['E', 10n ** 27n],
  ['P', 10n ** 24n],
  ['T', 10n ** 21n],
  ['G', 10n ** 18n],
  ['M', 10n ** 15n],
  ['k', 10n ** 12n],
  ['', NANO],
  ['m', 1_000_000n],
  ['u', 1000n],
  ['n', 1n],
];
const BINARY_STEPS: [string, bigint][] = Object.entries(BINARY).reverse() as [string, bigint][];

function format(nano: bigint, as: Format): string {
  if (nano === 0n) return '0';
  const negative = nano < 0n;
  const amount = negative ? -nano : nano;
  const sign = negative ? '-' : '';
  if (as === 'binary' && amount % NANO === 0n && amount / NANO >= 1024n) {
    const units = amount / NANO;
    for (const [suffix, step] of BINARY_STEPS) if (units % step === 0n) return `${sign}${units / step}${suffix}`;
    return `${sign}${units}`;
  }
  for (const [suffix, step] of DECIMAL_STEPS) {
    if (amount % step !== 0n) continue;
    if (as !== 'exponent' || suffix === '') return `${sign}${amount / step}${suffix}`;
    return `${sign}${amount / step}e${DECIMAL[suffix]}`;
  }
  return `${sign}${amount}n`;
}

/** The canonical text: no fraction, the largest suffix that keeps it exact. @throws RangeError */
export function canonicalQuantity(text: string): string {
  const parsed = parse(text);
  parsed.canonical ??= format(parsed.nano, parsed.format);
  return parsed.canonical;
}
