import type { Node } from './ast.ts';
import type { Compiler } from './compiler.ts';
import { noSuchOverload } from './errors.ts';
import { type Compiled, charge, type Run } from './frame.ts';
import { DYN, joined, largest, listOf, mapOf, optionalOf, type Type, typeText } from './types.ts';
import { ArrayList, EntryMap, NONE, Optional, type Value } from './values.ts';

const LIST_COST = 10;
const MAP_COST = 30;

/** A list literal. */
export function compileList(compiler: Compiler, { items }: Extract<Node, { op: 'list' }>): Compiled {
  const parts = items.map((i) => ({ ...compiler.compile(i.value), optional: i.optional }));
  let item: Type | undefined;
  for (const p of parts) item = joined(item, p.optional && p.type.kind === 'optional' ? p.type.item : p.type);
  const run: Run = (f) => {
    const values: Value[] = [];
    for (const p of parts) {
      const value = p.run(f);
      if (!p.optional) values.push(value);
      else if (!(value instanceof Optional)) throw noSuchOverload();
      else if (value.value !== undefined) values.push(value.value);
    }
    charge(f, LIST_COST);
    return new ArrayList(values);
  };
  return {
    type: listOf(item ?? DYN),
    run,
    cost: parts.reduce((sum, p) => sum + p.cost, LIST_COST),
    size: parts.length,
  };
}

/** A map literal. */
export function compileMap(compiler: Compiler, { entries }: Extract<Node, { op: 'map' }>): Compiled {
  const parts = entries.map((e) => ({
    key: compiler.compile(e.key),
    value: compiler.compile(e.value),
    optional: e.optional,
  }));
  let key: Type | undefined;
  let value: Type | undefined;
  for (const p of parts) {
    key = joined(key, p.key.type);
    value = joined(value, p.optional && p.value.type.kind === 'optional' ? p.value.type.item : p.value.type);
  }
  const run: Run = (f) => {
    const made = new EntryMap();
    for (const p of parts) {
      const k = p.key.run(f);
      const v = p.value.run(f);
      if (!p.optional) made.put(k, v);
      else if (!(v instanceof Optional)) throw noSuchOverload();
      else if (v.value !== undefined) made.put(k, v.value);
    }
    charge(f, MAP_COST);
    return made;
  };
  const cost = parts.reduce((sum, p) => sum + p.key.cost + p.value.cost, MAP_COST);
  return { type: mapOf(key ?? DYN, value ?? DYN), run, cost, size: parts.length };
}

/** optMap and optFlatMap. */
export function compileOptMap(
  compiler: Compiler,
  { of, name, body, flat, at }: Extract<Node, { op: 'optMap' }>,
): Compiled {
  const from = compiler.compile(of);
  if (from.type.kind !== 'optional' && from.type.kind !== 'dyn') {
    return compiler.fail(at, `found no matching overload for 'optMap' applied to '${typeText(from.type)}.()'`);
  }
  const type = from.type.kind === 'optional' ? from.type.item : DYN;
  return compiler.within([{ name, type, size: largest(type) }], ([slot = 0]) => {
    const inner = compiler.compile(body);
    const run: Run = (f) => {
      const value = from.run(f);
      charge(f, 1);
      if (!(value instanceof Optional)) throw noSuchOverload();
      if (value.value === undefined) return NONE;
      f.slots[slot] = value.value;
      const result = inner.run(f);
      if (!flat) return new Optional(result);
      if (!(result instanceof Optional)) throw noSuchOverload();
      return result;
    };
    const result = flat ? inner.type : optionalOf(inner.type);
    return { type: result, run, cost: from.cost + inner.cost + 1, size: inner.size };
  });
}
