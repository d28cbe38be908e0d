import type { FoldNode } from './ast.ts';
import type { Compiler } from './compiler.ts';
import { EvaluationError, noSuchOverload } from './errors.ts';
import { type Compiled, charge, type Frame, type Run } from './frame.ts';
import { assignable, BOOL, DYN, INT, largest, listOf, mapOf, type Type, typeText } from './types.ts';
import { ArrayList, CelList, CelMap, EntryMap, type Value } from './values.ts';

/** One element of what a macro goes through. */
interface Step {
  readonly key: Value;
  readonly item: Value;
}
type Steps = Iterable<Step>;

/** Cost of going on by one, and of adding one result. */
const STEP_COST = 2;
const ADD_COST = 11;

interface Parts {
  readonly filter?: Run;
  readonly body: Run;
  /** Sets the variables. */
  readonly enter: (f: Frame, step: Step) => void;
}
type Evaluate = (parts: Parts, f: Frame, steps: Steps) => Value;

/** With one variable a map is its keys; with two, everything is pairs. */
function* stepsOf(range: Value, pairs: boolean): Generator<Step> {
  if (range instanceof CelList) {
    for (let i = 0; i < range.size; i++) yield { key: i, item: range.at(i) };
  } else if (range instanceof CelMap) {
    for (const key of range.keys()) yield { key, item: pairs ? (range.get(key) ?? null) : key };
  } else throw noSuchOverload();
}

function isTrue(run: Run, f: Frame): boolean {
  const value = run(f);
  if (typeof value !== 'boolean') throw noSuchOverload();
  return value;
}

/** all and exists: an element that decides is enough, also when others fail. */
const quantifier =
  (decisive: boolean): Evaluate =>
  ({ body, enter }, f, steps) => {
    let failure: EvaluationError | undefined;
    for (const step of steps) {
      charge(f, STEP_COST);
      enter(f, step);
      try {
        if (isTrue(body, f) === decisive) return decisive;
      } catch (e) {
        if (!(e instanceof EvaluationError)) throw e;
        failure ??= e;
      }
    }
    if (failure) throw failure;
    return !decisive;
  };

const existsOne: Evaluate = ({ body, enter }, f, steps) => {
  let count = 0;
  for (const step of steps) {
    charge(f, STEP_COST);
    enter(f, step);
    if (isTrue(body, f)) count++;
  }
  return count === 1;
};

/** Elements that pass the filter, in turn. */
function* passing({ filter, enter }: Parts, f: Frame, steps: Steps): Generator<Step> {
  for (const step of steps) {
    charge(f, STEP_COST);
    enter(f, step);
    if (filter && !isTrue(filter, f)) continue;
    charge(f, ADD_COST);
    yield step;
  }
}

const mapped: Evaluate = (parts, f, steps) => {
  const values: Value[] = [];
  for (const _ of passing(parts, f, steps)) values.push(parts.body(f));
  return new ArrayList(values);
};

const filtered: Evaluate = (parts, f, steps) => {
  const values: Value[] = [];
  for (const { item } of passing({ ...parts, filter: parts.body }, f, steps)) values.push(item);
  return new ArrayList(values);
};

const transformedMap: Evaluate = (parts, f, steps) => {
  const made = new EntryMap();
  for (const { key } of passing(parts, f, steps)) made.put(key, parts.body(f));
  return made;
};

const transformedEntries: Evaluate = (parts, f, steps) => {
  const made = new EntryMap();
  for (const _ of passing(parts, f, steps)) {
    const entry = parts.body(f);
    if (!(entry instanceof CelMap)) throw noSuchOverload();
    for (const k of entry.keys()) made.put(k, entry.get(k) ?? null);
  }
  return made;
};

const EVALUATE: Readonly<Record<FoldNode['fold'], Evaluate>> = {
  all: quantifier(false),
  exists: quantifier(true),
  exists_one: existsOne,
  map: mapped,
  filter: filtered,
  transformList: mapped,
  transformMap: transformedMap,
  transformMapEntry: transformedEntries,
};
const CONDITIONS: readonly FoldNode['fold'][] = ['all', 'exists', 'exists_one', 'filter'];

function variableTypes(range: Type, pairs: boolean): { key: Type; item: Type } | undefined {
  if (range.kind === 'dyn') return { key: DYN, item: DYN };
  if (range.kind === 'list') return { key: INT, item: range.item };
  if (range.kind === 'map') return { key: range.key, item: pairs ? range.value : range.key };
  return undefined;
}

function resultType(fold: FoldNode['fold'], range: Type, key: Type, item: Type, body: Type): Type {
  if (fold === 'filter') return listOf(item);
  if (CONDITIONS.includes(fold)) return BOOL;
  if (fold === 'transformMap') return mapOf(range.kind === 'dyn' ? DYN : key, body);
  if (fold === 'transformMapEntry') return body.kind === 'map' ? body : mapOf(DYN, DYN);
  return listOf(body);
}

/** Compiles a macro that goes through a list or map. */
export function foldCompiler(compiler: Compiler, node: FoldNode & { readonly at: number }): Compiled {
  const range = compiler.compile(node.range);
  const pairs = node.key !== undefined;
  const types = variableTypes(range.type, pairs);
  if (!types) {
    const why = `expression of type '${typeText(range.type)}' cannot be range of a comprehension (must be list, map, or dynamic)`;
    return compiler.fail(node.range.at, why);
  }
  const item = { name: node.item, type: types.item, size: largest(types.item) };
  const names = node.key === undefined ? [item] : [{ name: node.key, type: types.key, size: largest(types.key) }, item];
  return compiler.within(names, (slots) => {
    const filter = node.filter && compiler.compile(node.filter);
    const body = compiler.compile(node.body);
    for (const c of [filter, CONDITIONS.includes(node.fold) ? body : undefined]) {
      if (c && !assignable(c.type, BOOL, new Map())) {
        compiler.fail(node.body.at, `expected type 'bool' but found '${typeText(c.type)}'`);
      }
    }
    const itemSlot = slots.at(-1) ?? 0;
    const keySlot = pairs ? (slots[0] ?? 0) : undefined;
    const enter = (f: Frame, step: Step): void => {
      if (keySlot !== undefined) f.slots[keySlot] = step.key;
      f.slots[itemSlot] = step.item;
    };
    const parts: Parts = { body: body.run, enter, ...(filter ? { filter: filter.run } : {}) };
    const evaluate = EVALUATE[node.fold];
    const adds = node.fold.startsWith('exists') || node.fold === 'all' ? 0 : ADD_COST;
    const each = STEP_COST + adds + body.cost + (filter?.cost ?? 0);
    const type = resultType(node.fold, range.type, types.key, types.item, body.type);
    const run: Run = (f) => evaluate(parts, f, stepsOf(range.run(f), pairs));
    return { type, run, cost: range.cost + range.size * each, size: adds === 0 ? 1 : range.size };
  });
}
