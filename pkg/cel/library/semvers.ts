import { EvaluationError } from '../errors.ts';
import { fn, type Library, traversal } from '../functions.ts';
import { int } from '../numbers.ts';
import { type Int, Opaque } from '../values.ts';

const NAME = 'kubernetes.Semver';
const ID = '(?:0|[1-9]\\d*|\\d*[A-Za-z-][0-9A-Za-z-]*)';
const PATTERN = new RegExp(
  `^(0|[1-9]\\d*)\\.(0|[1-9]\\d*)\\.(0|[1-9]\\d*)(?:-(${ID}(?:\\.${ID})*))?(?:\\+([0-9A-Za-z-]+(?:\\.[0-9A-Za-z-]+)*))?$`,
);
const order = <T>(a: T, b: T): number => (a < b ? -1 : a > b ? 1 : 0);

/** Numbers below words, numbers by value ("Semantic Versioning 2.0.0", 11). */
function compareIds(a: string, b: string): number {
  const [x, y] = [/^\d+$/.test(a), /^\d+$/.test(b)];
  if (x && y) return order(BigInt(a), BigInt(b));
  return x === y ? order(a, b) : x ? -1 : 1;
}

class Semver extends Opaque {
  readonly typeName = NAME;
  readonly numbers: readonly bigint[];
  readonly #pre: readonly string[];

  constructor(text: string) {
    super();
    const m = PATTERN.exec(text);
    if (!m) throw new EvaluationError(`Invalid semver "${text}"`);
    this.numbers = m.slice(1, 4).map((n) => BigInt(n));
    this.#pre = m[4]?.split('.') ?? [];
  }

  equals(other: Opaque): boolean {
    return other instanceof Semver && this.compare(other) === 0;
  }

  compare(other: Semver): number {
    for (const [i, n] of this.numbers.entries()) {
      const c = order(n, other.numbers[i] ?? 0n);
      if (c !== 0) return c;
    }
    const [a, b] = [this.#pre, other.#pre];
    // A version comes after its own pre-releases.
    if (a.length === 0 || b.length === 0) return order(b.length, a.length) * (a.length === b.length ? 0 : 1);
    for (const [i, x] of a.entries()) {
      const y = b[i];
      const c = y === undefined ? 1 : compareIds(x, y);
      if (c !== 0) return c;
    }
    return order(a.length, b.length);
  }
}

/** A leading v, missing parts and leading zeros are put right. */
function normalized(text: string): string {
  const m = /^v?(\d+)(?:\.(\d+))?(?:\.(\d+))?([-+][\s\S]*)?$/.exec(text.trim());
  if (!m) return text;
  const numbers = m.slice(1, 4).map((n) => (n ?? '0').replace(/^0+(?=\d)/, ''));
  return `${numbers.join('.')}${m[4] ?? ''}`;
}

const make = (text: string, normalize = false): Semver => new Semver(normalize ? normalized(text) : text);
function isSemver(text: string, normalize = false): boolean {
  try {
    return make(text, normalize) !== undefined;
  } catch {
    return false;
  }
}
const part =
  (i: number) =>
  (v: Semver): Int =>
    int(v.numbers[i] ?? 0n);

/** Kubernetes' semver library. */
export const semvers: Library = {
  functions: [
    fn(`semver(string) ${NAME}`, make, { cost: traversal }),
    fn(`semver(string, bool) ${NAME}`, make, { cost: traversal }),
    fn('isSemver(string) bool', isSemver, { cost: traversal }),
    fn('isSemver(string, bool) bool', isSemver, { cost: traversal }),
    fn(`${NAME}::major() int`, part(0)),
    fn(`${NAME}::minor() int`, part(1)),
    fn(`${NAME}::patch() int`, part(2)),
    fn(`${NAME}::compareTo(${NAME}) int`, (a: Semver, b: Semver) => a.compare(b)),
    fn(`${NAME}::isLessThan(${NAME}) bool`, (a: Semver, b: Semver) => a.compare(b) < 0),
    fn(`${NAME}::isGreaterThan(${NAME}) bool`, (a: Semver, b: Semver) => a.compare(b) > 0),
  ],
};
