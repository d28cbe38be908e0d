import { EvaluationError } from '../errors.ts';
import { fn, type Library } from '../functions.ts';
import { CelList, CelMap, Duration, NONE, numberOf, Optional, sizeOf, type Value } from '../values.ts';

function isZero(v: Value): boolean {
  const n = numberOf(v);
  if (n !== undefined) return Number(n) === 0;
  if (v === null || v === false || (v instanceof Duration && v.nanos === 0n)) return true;
  const sized = typeof v === 'string' || v instanceof Uint8Array || v instanceof CelList || v instanceof CelMap;
  return sized && sizeOf(v) === 0;
}

function dereferenced(o: Optional): Value {
  if (o.value === undefined) throw new EvaluationError('optional.none() dereference');
  return o.value;
}

/** Optional values (cel-go's optional types; `?.`, `[?]` and optMap are part of the language here). */
export const optionals: Library = {
  functions: [
    fn('optional.of(A) optional<A>', (v: Value) => new Optional(v)),
    fn('optional.ofNonZeroValue(A) optional<A>', (v: Value) => (isZero(v) ? NONE : new Optional(v))),
    fn('optional.none() optional<A>', () => NONE),
    fn('optional<A>::hasValue() bool', (o: Optional) => o.value !== undefined),
    fn('optional<A>::value() A', dereferenced),
    fn('optional<A>::or(optional<A>) optional<A>', (o: Optional, other: Optional) =>
      o.value === undefined ? other : o,
    ),
    fn('optional<A>::orValue(A) A', (o: Optional, other: Value) => (o.value === undefined ? other : o.value)),
  ],
};
