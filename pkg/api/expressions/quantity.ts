import { Double, EvaluationError, fn, type Int, int, type Library, Opaque, traversal } from '#cel/index.ts';
import {
  addQuantities,
  canonicalQuantity,
  isQuantity,
  nanoValue,
  QUANTITY_MESSAGE,
  subtractQuantities,
} from '../meta/quantity.ts';

const NAME = 'kubernetes.Quantity';
/** Longest text that is looked at. */
const MAX_TEXT = 100;
const NANO = 1_000_000_000n;

class Quantity extends Opaque {
  readonly typeName = NAME;
  readonly source: string;
  readonly nano: bigint;

  constructor(source: string) {
    super();
    this.source = source;
    if (source.length > MAX_TEXT) throw new EvaluationError(QUANTITY_MESSAGE);
    try {
      this.nano = nanoValue(source);
    } catch (e) {
      throw new EvaluationError((e as Error).message, { cause: e });
    }
  }

  equals(other: Opaque): boolean {
    return other instanceof Quantity && other.nano === this.nano;
  }

  compare(other: Quantity): number {
    return this.nano < other.nano ? -1 : this.nano > other.nano ? 1 : 0;
  }

  override text(): string {
    return canonicalQuantity(this.source);
  }
}

const isInteger = ({ nano }: Quantity): boolean => {
  const whole = nano / NANO;
  return nano % NANO === 0n && whole >= -(2n ** 63n) && whole < 2n ** 63n;
};

function asInteger(q: Quantity): Int {
  if (!isInteger(q)) throw new EvaluationError('cannot convert value to integer');
  return int(q.nano / NANO);
}

const other = (q: Quantity | Int): string => (q instanceof Quantity ? q.source : String(q));
const plus = (a: Quantity, b: Quantity | Int): Quantity => new Quantity(addQuantities(a.source, other(b)));
const minus = (a: Quantity, b: Quantity | Int): Quantity => new Quantity(subtractQuantities(a.source, other(b)));

/** Kubernetes' quantity library. */
export const quantities: Library = {
  functions: [
    fn(`quantity(string) ${NAME}`, (s: string) => new Quantity(s), { cost: traversal }),
    fn('isQuantity(string) bool', (s: string) => s.length <= MAX_TEXT && isQuantity(s), { cost: traversal }),
    fn(`${NAME}::sign() int`, (q: Quantity) => (q.nano > 0n ? 1 : q.nano < 0n ? -1 : 0)),
    fn(`${NAME}::isInteger() bool`, isInteger),
    fn(`${NAME}::asInteger() int`, asInteger),
    fn(`${NAME}::asApproximateFloat() double`, (q: Quantity) => new Double(Number(q.nano) / 1e9)),
    fn(`${NAME}::compareTo(${NAME}) int`, (a: Quantity, b: Quantity) => a.compare(b)),
    fn(`${NAME}::isLessThan(${NAME}) bool`, (a: Quantity, b: Quantity) => a.compare(b) < 0),
    fn(`${NAME}::isGreaterThan(${NAME}) bool`, (a: Quantity, b: Quantity) => a.compare(b) > 0),
    fn(`${NAME}::add(${NAME}) ${NAME}`, plus),
    fn(`${NAME}::add(int) ${NAME}`, plus),
    fn(`${NAME}::sub(${NAME}) ${NAME}`, minus),
    fn(`${NAME}::sub(int) ${NAME}`, minus),
  ],
};
