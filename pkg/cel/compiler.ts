import { asOptional, asOptionalType, callOf, either, elementAt, elementType, fieldOf } from './access.ts';
import { compileList, compileMap, compileOptMap } from './aggregates.ts';
import type { Literal, Node } from './ast.ts';
import { EvaluationError, type Issue, noSuchOverload } from './errors.ts';
import { foldCompiler } from './folds.ts';
import { type Compiled, charge, type Run } from './frame.ts';
import type { Overload } from './functions.ts';
import { assignable, BOOL, DYN, INT, joined, largest, STRING, substituted, type Type, typeText } from './types.ts';
import { CelMap, Double, NONE, Optional, plainText, sizeOf, TypeValue, Uint, type Value } from './values.ts';

export interface Scope {
  readonly functions: ReadonlyMap<string, readonly Overload[]>;
  readonly types: Readonly<Record<string, string>>;
  readonly variables: Readonly<Record<string, Type>>;
}

interface Local {
  readonly name: string;
  readonly type: Type;
  readonly slot: number;
  readonly size: number;
}

function literalOf(value: Literal): [Value, Type] {
  if (value === null) return [null, { kind: 'null' }];
  if (typeof value === 'boolean') return [value, BOOL];
  if (typeof value === 'string') return [value, STRING];
  if (typeof value === 'number' || typeof value === 'bigint') return [value, INT];
  if ('uint' in value) return [new Uint(value.uint), { kind: 'uint' }];
  if ('double' in value) return [new Double(value.double), { kind: 'double' }];
  return [value.bytes, { kind: 'bytes' }];
}

/** "a.b.c" of a chain of selections; undefined for anything else. */
function dottedName(node: Node): string | undefined {
  if (node.op === 'ident') return node.name;
  if (node.op !== 'select' || node.optional) return undefined;
  const of = dottedName(node.of);
  return of && `${of}.${node.field}`;
}
const rootOf = (dotted: string): string => dotted.split('.', 1)[0] ?? '';

/** Types, checks and turns the nodes of one expression into closures. */
export class Compiler {
  readonly #scope: Scope;
  readonly #locals: Local[] = [];
  readonly issues: Issue[] = [];
  /** Variables that the expression speaks of. */
  readonly references = new Set<string>();

  constructor(scope: Scope) {
    this.#scope = scope;
  }

  compile(node: Node): Compiled {
    switch (node.op) {
      case 'literal':
        return this.#literal(node.value, node.at);
      case 'ident':
        return this.#ident(node.name, node.at);
      case 'select':
        return this.#select(node);
      case 'has':
        return this.#has(node);
      case 'index':
        return this.#index(node);
      case 'call':
        return this.#call(node);
      case 'and':
      case 'or':
        return this.#logic(node);
      case 'conditional':
        return this.#conditional(node);
      case 'list':
        return compileList(this, node);
      case 'map':
        return compileMap(this, node);
      case 'optMap':
        return compileOptMap(this, node);
      case 'fold':
        return foldCompiler(this, node);
    }
  }

  fail(at: number, message: string): Compiled {
    this.issues.push({ at, message });
    const run = (): never => {
      throw new EvaluationError(message);
    };
    return { type: DYN, run, cost: 0, size: 1 };
  }

  /** Compiles with variables of a macro in sight. @returns the slots the variables have, and the outcome */
  within<T>(names: readonly { name: string; type: Type; size: number }[], work: (slots: readonly number[]) => T): T {
    const start = this.#locals.length;
    for (const [i, n] of names.entries()) this.#locals.push({ ...n, slot: start + i });
    try {
      return work(names.map((_, i) => start + i));
    } finally {
      this.#locals.length = start;
    }
  }

  #literal(literal: Literal, at: number): Compiled {
    const [value, type] = literalOf(literal);
    if (value === 2n ** 63n) return this.fail(at, 'Syntax error: invalid int literal');
    return { type, run: () => value, cost: 0, size: sizeOf(value) };
  }

  #ident(name: string, at: number): Compiled {
    const local = this.#locals.findLast((l) => l.name === name);
    if (local) {
      const { slot, type, size } = local;
      return {
        type,
        run: (f) => {
          charge(f, 1);
          return f.slots[slot] ?? null;
        },
        cost: 1,
        size,
      };
    }
    const { variables, types } = this.#scope;
    const type = Object.hasOwn(variables, name) ? variables[name] : undefined;
    if (type) {
      this.references.add(name);
      const run: Run = (f) => {
        charge(f, 1);
        const value = f.globals[name];
        if (value === undefined) throw new EvaluationError(`no such attribute(s): ${name}`);
        return value;
      };
      return { type, run, cost: 1, size: largest(type) };
    }
    if (Object.hasOwn(types, name)) {
      const value = new TypeValue(types[name] ?? name);
      return { type: { kind: 'type' }, run: () => value, cost: 0, size: 1 };
    }
    return this.fail(at, `undeclared reference to '${name}' (in container '')`);
  }

  /** The type of a field, wherever it is looked for. */
  #fieldType(of: Type, field: string, at: number): Type | undefined {
    switch (of.kind) {
      case 'dyn':
        return DYN;
      case 'map':
        return of.value;
      case 'optional':
        return this.#fieldType(of.item, field, at);
      case 'object': {
        const type = of.field(field);
        if (!type) this.fail(at, `undefined field '${field}'`);
        return type;
      }
      default:
        this.fail(at, `type '${typeText(of)}' does not support field selection`);
        return undefined;
    }
  }

  #select({ of, field, optional, at }: Extract<Node, { op: 'select' }>): Compiled {
    const dotted = dottedName(of);
    const named = dotted && `${dotted}.${field}`;
    // "google.protobuf.Timestamp" is the name of a type, and variables may have dots in their names, too.
    if (named && this.#isDeclared(named)) return this.#ident(named, at);
    const from = this.compile(of);
    const type = this.#fieldType(from.type, field, at) ?? DYN;
    const soft = optional || from.type.kind === 'optional';
    const run: Run = (f) => {
      const value = from.run(f);
      charge(f, 1);
      if (value instanceof Optional) {
        const found = value.value === undefined ? undefined : fieldOf(value.value, field);
        return found === undefined ? NONE : asOptional(found);
      }
      const found = fieldOf(value, field);
      if (optional) return found === undefined ? NONE : asOptional(found);
      if (found === undefined) throw new EvaluationError(`no such key: ${field}`);
      return found;
    };
    return { type: soft ? asOptionalType(type) : type, run, cost: from.cost + 1, size: largest(type) };
  }

  #has({ of, field, at }: Extract<Node, { op: 'has' }>): Compiled {
    const from = this.compile(of);
    this.#fieldType(from.type, field, at);
    const run: Run = (f) => {
      const value = from.run(f);
      charge(f, 1);
      const inner = value instanceof Optional ? value.value : value;
      return inner !== undefined && fieldOf(inner, field) !== undefined;
    };
    return { type: BOOL, run, cost: from.cost + 1, size: 1 };
  }

  #index({ of, key, optional, at }: Extract<Node, { op: 'index' }>): Compiled {
    const from = this.compile(of);
    const by = this.compile(key);
    const outer = from.type.kind === 'optional' ? from.type.item : from.type;
    const type = elementType(outer, by.type);
    if (!type) {
      return this.fail(
        at,
        `found no matching overload for '_[_]' applied to '(${typeText(from.type)}, ${typeText(by.type)})'`,
      );
    }
    const soft = optional || from.type.kind === 'optional';
    const run: Run = (f) => {
      const whole = from.run(f);
      const k = by.run(f);
      charge(f, 1);
      if (whole instanceof Optional || optional) {
        const value = whole instanceof Optional ? whole.value : whole;
        const found = value === undefined ? undefined : elementAt(value, k);
        return found === undefined ? NONE : asOptional(found);
      }
      const found = elementAt(whole, k);
      if (found !== undefined) return found;
      throw new EvaluationError(
        whole instanceof CelMap ? `no such key: ${plainText(k)}` : `index out of bounds: ${plainText(k)}`,
      );
    };
    return { type: soft ? asOptionalType(type) : type, run, cost: from.cost + by.cost + 1, size: largest(type) };
  }

  #isDeclared(dotted: string): boolean {
    const root = rootOf(dotted);
    if (this.#locals.some((l) => l.name === root)) return false;
    if (Object.hasOwn(this.#scope.variables, dotted)) return true;
    return Object.hasOwn(this.#scope.types, dotted) && !this.#isVariable(root);
  }

  #isVariable(name: string): boolean {
    return Object.hasOwn(this.#scope.variables, name) || this.#locals.some((l) => l.name === name);
  }

  /** "ip.isCanonical(x)" is a function with a dot in its name, not a call on something named ip. */
  #call(node: Extract<Node, { op: 'call' }>): Compiled {
    const dotted = node.target && dottedName(node.target);
    const full = dotted === undefined ? undefined : `${dotted}.${node.name}`;
    if (full !== undefined && !this.#isVariable(rootOf(full)) && this.#scope.functions.has(full)) {
      return this.#apply(full, false, node.args, node.at);
    }
    const [arg] = node.args;
    if (node.name === '-_' && arg?.op === 'literal' && arg.value === 2n ** 63n) {
      const value = -(2n ** 63n);
      return { type: INT, run: () => value, cost: 0, size: 1 };
    }
    return this.#apply(
      node.name,
      node.target !== undefined,
      node.target ? [node.target, ...node.args] : node.args,
      node.at,
    );
  }

  #apply(name: string, member: boolean, nodes: readonly Node[], at: number): Compiled {
    const args = nodes.map((n) => this.compile(n));
    const known = this.#scope.functions.get(name);
    if (!known) return this.fail(at, `undeclared reference to '${name}' (in container '')`);
    const fitting: { overload: Overload; result: Type }[] = [];
    for (const overload of known) {
      if (overload.member !== member || overload.params.length !== args.length) continue;
      const bound = new Map<string, Type>();
      if (!overload.params.every((p, i) => assignable(args[i]?.type ?? DYN, p, bound))) continue;
      fitting.push({ overload, result: substituted(overload.result, bound) });
    }
    const [first] = fitting;
    if (!first) {
      const texts = args.map((a) => typeText(a.type));
      const applied = member ? `${texts[0]}.(${texts.slice(1).join(', ')})` : `(${texts.join(', ')})`;
      return this.fail(at, `found no matching overload for '${name}' applied to '${applied}'`);
    }
    const results = fitting.map((x) => x.result);
    const type = results.every((r) => r.kind === first.result.kind) ? first.result : DYN;
    const candidates = fitting.map((x) => x.overload);
    const sizes = args.map((a) => a.size);
    const own = Math.max(...candidates.map((c) => 1 + (c.cost?.(...sizes) ?? 0)));
    const size = Math.max(...candidates.map((c, i) => c.size?.(...sizes) ?? largest(results[i] ?? DYN)));
    return {
      type,
      run: callOf(
        candidates,
        args.map((a) => a.run),
      ),
      cost: args.reduce((sum, a) => sum + a.cost, own),
      size,
    };
  }

  #logic({ op, left, right, at }: Extract<Node, { op: 'and' | 'or' }>): Compiled {
    const a = this.compile(left);
    const b = this.compile(right);
    for (const side of [a, b]) {
      if (side.type.kind === 'bool' || side.type.kind === 'dyn') continue;
      const name = op === 'and' ? '_&&_' : '_||_';
      return this.fail(
        at,
        `found no matching overload for '${name}' applied to '(${typeText(a.type)}, ${typeText(b.type)})'`,
      );
    }
    const decisive = op === 'or';
    return { type: BOOL, run: (f) => either(a.run, b.run, decisive, f), cost: a.cost + b.cost, size: 1 };
  }

  #conditional({ test, yes, no, at }: Extract<Node, { op: 'conditional' }>): Compiled {
    const t = this.compile(test);
    const y = this.compile(yes);
    const n = this.compile(no);
    const bound = new Map<string, Type>();
    const choice: Type = { kind: 'parameter', name: 'A' };
    if (!assignable(t.type, BOOL, bound) || !assignable(y.type, choice, bound) || !assignable(n.type, choice, bound)) {
      const types = [t, y, n].map((x) => typeText(x.type)).join(', ');
      return this.fail(at, `found no matching overload for '_?_:_' applied to '(${types})'`);
    }
    const run: Run = (f) => {
      const which = t.run(f);
      if (typeof which !== 'boolean') throw noSuchOverload();
      return which ? y.run(f) : n.run(f);
    };
    return {
      type: joined(y.type, n.type),
      run,
      cost: t.cost + Math.max(y.cost, n.cost),
      size: Math.max(y.size, n.size),
    };
  }
}
