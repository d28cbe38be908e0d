import { EvaluationError, noSuchOverload } from '../errors.ts';
import { type Cost, elements, fn, type Library } from '../functions.ts';
import { ofDoubles, ofInts, ofUints } from '../numbers.ts';
import { type CelList, compare, Double, Duration, equal, type Int, Uint, type Value } from '../values.ts';

/** Kubernetes' list library, and the sets of cel-go's. */
function isSorted(list: CelList): boolean {
  for (let i = 1; i < list.size; i++) {
    const order = compare(list.at(i - 1), list.at(i));
    if (order === undefined) throw noSuchOverload();
    if (order > 0) return false;
  }
  return true;
}

const addInts = ofInts('+');
const addUints = ofUints('+');
const addDoubles = ofDoubles('+');

const isInt = (v: Value): v is Int => typeof v === 'number' || typeof v === 'bigint';

function plus(a: Value, b: Value): Value {
  if (a instanceof Double && b instanceof Double) return addDoubles(a, b);
  if (a instanceof Uint && b instanceof Uint) return addUints(a, b);
  if (a instanceof Duration && b instanceof Duration) return new Duration(a.nanos + b.nanos);
  if (!isInt(a) || !isInt(b)) throw noSuchOverload();
  return addInts(a, b);
}

/** Of an empty list: zero. */
function sum(list: CelList): Value {
  let total: Value | undefined;
  for (const x of list) total = total === undefined ? x : plus(total, x);
  return total ?? 0;
}

const extreme =
  (name: string, wanted: number) =>
  (list: CelList): Value => {
    let best: Value | undefined;
    for (const x of list) {
      const order = best === undefined ? wanted : compare(x, best);
      if (order === undefined) throw noSuchOverload();
      if (order === wanted) best = x;
    }
    if (best === undefined) throw new EvaluationError(`${name} called on empty list`);
    return best;
  };

function indexOf(list: CelList, item: Value): number {
  for (let i = 0; i < list.size; i++) if (equal(list.at(i), item)) return i;
  return -1;
}
function lastIndexOf(list: CelList, item: Value): number {
  for (let i = list.size - 1; i >= 0; i--) if (equal(list.at(i), item)) return i;
  return -1;
}

const containsAll = (a: CelList, b: CelList): boolean => [...b].every((x) => indexOf(a, x) >= 0);
const product: Cost = (a = 0, b = 0) => Math.max(1, a) * Math.max(1, b);

export const lists: Library = {
  functions: [
    fn('list<A>::isSorted() bool', isSorted, { cost: elements }),
    fn('list<A>::sum() A', sum, { cost: elements }),
    fn('list<A>::min() A', extreme('min', -1), { cost: elements }),
    fn('list<A>::max() A', extreme('max', 1), { cost: elements }),
    fn('list<A>::indexOf(A) int', indexOf, { cost: elements }),
    fn('list<A>::lastIndexOf(A) int', lastIndexOf, { cost: elements }),
    fn('sets.contains(list<A>, list<A>) bool', containsAll, { cost: product }),
    fn('sets.intersects(list<A>, list<A>) bool', (a: CelList, b: CelList) => [...a].some((x) => indexOf(b, x) >= 0), {
      cost: product,
    }),
    fn('sets.equivalent(list<A>, list<A>) bool', (a: CelList, b: CelList) => containsAll(a, b) && containsAll(b, a), {
      cost: product,
    }),
  ],
};
