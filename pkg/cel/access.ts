import { EvaluationError, noSuchOverload } from './errors.ts';
import { charge, type Run } from './frame.ts';
import { hasType, type Overload, overloadFor } from './functions.ts';
import { assignable, DYN, INT, optionalOf, type Type } from './types.ts';
import { CelList, CelMap, numberOf, Optional, type Value, weightOf } from './values.ts';

/** The element at an index or key; undefined when there is none. @throws EvaluationError for a key of the wrong type */
export function elementAt(of: Value, key: Value): Value | undefined {
  if (of instanceof CelMap) return of.get(key);
  const i = numberOf(key);
  if (!(of instanceof CelList) || i === undefined) throw noSuchOverload();
  if (typeof i === 'number' && !Number.isInteger(i)) throw noSuchOverload();
  return i >= 0 && i < of.size ? of.at(Number(i)) : undefined;
}

export function fieldOf(of: Value, field: string): Value | undefined {
  if (of instanceof CelMap) return of.get(field);
  throw noSuchOverload();
}

export const asOptional = (v: Value): Value => (v instanceof Optional ? v : new Optional(v));
export const asOptionalType = (t: Type): Type => (t.kind === 'optional' ? t : optionalOf(t));

/** The type of what an index or key leads to; undefined when the type has no such elements. */
export function elementType(of: Type, key: Type): Type | undefined {
  const bound = new Map<string, Type>();
  if (of.kind === 'dyn') return DYN;
  if (of.kind === 'list') return assignable(key, INT, bound) ? of.item : undefined;
  return of.kind === 'map' && assignable(key, of.key, bound) ? of.value : undefined;
}

/** `&&` and `||`: one side that decides is enough, also when the other one fails. */
export function either(left: Run, right: Run, decisive: boolean, f: Parameters<Run>[0]): boolean {
  let failure: EvaluationError | undefined;
  for (const side of [left, right]) {
    try {
      const value = side(f);
      if (value === decisive) return decisive;
      if (typeof value !== 'boolean') failure ??= noSuchOverload();
    } catch (e) {
      if (!(e instanceof EvaluationError)) throw e;
      failure ??= e;
    }
  }
  if (failure) throw failure;
  return !decisive;
}

export function callOf(candidates: readonly Overload[], runs: readonly Run[]): Run {
  const [only] = candidates;
  return (f) => {
    const args: Value[] = [];
    for (const run of runs) args.push(run(f));
    const single =
      candidates.length === 1 && only?.params.every((p, i) => hasType(args[i] as Value, p)) ? only : undefined;
    const { call, cost } = single ?? overloadFor(candidates, args);
    charge(f, 1 + (cost ? cost(...args.map(weightOf)) : 0));
    return call(...args);
  };
}
