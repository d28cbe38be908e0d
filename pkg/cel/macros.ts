import type { Fold, Node } from './ast.ts';

type Call = Extract<Node, { op: 'call' }>;
type Fail = (at: number, message: string) => never;

const ONE_VARIABLE: Readonly<Record<string, Fold>> = {
  all: 'all',
  exists: 'exists',
  exists_one: 'exists_one',
  existsOne: 'exists_one',
  map: 'map',
  filter: 'filter',
};
const TWO_VARIABLES: Readonly<Record<string, Fold>> = {
  all: 'all',
  exists: 'exists',
  existsOne: 'exists_one',
  transformList: 'transformList',
  transformMap: 'transformMap',
  transformMapEntry: 'transformMapEntry',
};

function nameOf(node: Node | undefined, fail: Fail): string {
  if (node?.op === 'ident') return node.name;
  return fail(node?.at ?? 0, 'argument must be a simple name');
}

function folded(call: Call & { target: Node }, fail: Fail): Node | undefined {
  const { at, name, target, args } = call;
  const own = (table: Readonly<Record<string, Fold>>): Fold | undefined =>
    Object.hasOwn(table, name) ? table[name] : undefined;
  const one = own(ONE_VARIABLE);
  const [first, second, third, fourth] = args;
  if (one && args.length === 2 && second) {
    return { op: 'fold', at, fold: one, range: target, item: nameOf(first, fail), body: second };
  }
  if (one === 'map' && second && third && args.length === 3) {
    return { op: 'fold', at, fold: 'map', range: target, item: nameOf(first, fail), filter: second, body: third };
  }
  const two = own(TWO_VARIABLES);
  if (!two || !third) return undefined;
  const variables = { key: nameOf(first, fail), item: nameOf(second, fail) };
  if (variables.key === variables.item) fail(at, `overlapping variable name: ${variables.key}`);
  if (args.length === 3) return { op: 'fold', at, fold: two, range: target, ...variables, body: third };
  if (args.length !== 4 || !fourth || !two.startsWith('transform')) return undefined;
  return { op: 'fold', at, fold: two, range: target, ...variables, filter: third, body: fourth };
}

/** The macros of CEL: has, all, exists, exists_one, map, filter, their forms with two variables, optMap and optFlatMap. */
export function expandMacro(call: Call, fail: Fail): Node {
  const { at, name, target, args } = call;
  if (!target) {
    if (name !== 'has' || args.length !== 1) return call;
    const [of] = args;
    if (of?.op !== 'select' || of.optional) return fail(of?.at ?? at, 'invalid argument to has() macro');
    return { op: 'has', at, of: of.of, field: of.field };
  }
  if ((name === 'optMap' || name === 'optFlatMap') && args.length === 2 && args[1]) {
    return { op: 'optMap', at, of: target, name: nameOf(args[0], fail), body: args[1], flat: name === 'optFlatMap' };
  }
  return folded({ ...call, target }, fail) ?? call;
}
