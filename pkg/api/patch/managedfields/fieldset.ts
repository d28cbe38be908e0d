/**
 * A set of fields in the FieldsV1 form: a tree whose keys are path elements — `f:name` (field or map key),
 * `k:{…}` (item of a keyed list), `v:…` (item of a set). A node is itself a member when it is empty or has `.`.
 * Sets are never changed once made and share parts.
 */
export interface FieldSet {
  readonly [element: string]: FieldSet;
}

type Growing = Record<string, FieldSet>;

/** A node without anything below it. */
export const LEAF: FieldSet = Object.freeze({});
const SELF = '.';

export function isEmptySet(s: FieldSet | undefined): boolean {
  for (const _ in s) return false;
  return true;
}

/** Whether the node itself, not only something below it, is in the set. */
export const isMember = (node: FieldSet): boolean => node[SELF] !== undefined || isEmptySet(node);

/** The node with itself in the set. */
export const withSelf = (below: FieldSet | undefined): FieldSet =>
  !below || isEmptySet(below) ? LEAF : below[SELF] ? below : { [SELF]: LEAF, ...below };

export function union(a: FieldSet, b: FieldSet): FieldSet {
  if (a === b || isEmptySet(b)) return a;
  const out: Growing = { ...a };
  for (const k in b) {
    const x = a[k];
    const y = b[k] as FieldSet;
    out[k] = x ? unionNodes(x, y) : y;
  }
  return out;
}

function unionNodes(a: FieldSet, b: FieldSet): FieldSet {
  if (a === b) return a;
  if (isEmptySet(a)) return withSelf(b);
  if (isEmptySet(b)) return withSelf(a);
  return union(a, b);
}

/** Members of node `a` that are not in node `b`; undefined when none is left, `a` itself when all are. */
function minus(a: FieldSet, b: FieldSet): FieldSet | undefined {
  const itself = isMember(a);
  const keepsItself = itself && !isMember(b);
  let same = itself === keepsItself;
  let any = false;
  const out: Growing = keepsItself ? { [SELF]: LEAF } : {};
  for (const k in a) {
    if (k === SELF) continue;
    const x = a[k] as FieldSet;
    const y = b[k];
    const rest = y ? minus(x, y) : x;
    if (rest !== x) same = false;
    if (!rest) continue;
    out[k] = rest;
    any = true;
  }
  if (same) return a;
  return any ? out : keepsItself ? LEAF : undefined;
}

/** Members of `a` that are not in `b`; `a` itself when they have nothing in common. */
export function difference(a: FieldSet, b: FieldSet): FieldSet {
  let same = true;
  const out: Growing = {};
  for (const k in a) {
    const x = a[k] as FieldSet;
    const y = b[k];
    const rest = y ? minus(x, y) : x;
    if (rest !== x) same = false;
    if (rest) out[k] = rest;
  }
  return same ? a : out;
}

function common(a: FieldSet, b: FieldSet): FieldSet | undefined {
  const both = isMember(a) && isMember(b);
  let any = false;
  const out: Growing = both ? { [SELF]: LEAF } : {};
  for (const k in a) {
    const y = b[k];
    if (k === SELF || !y) continue;
    const shared = common(a[k] as FieldSet, y);
    if (!shared) continue;
    out[k] = shared;
    any = true;
  }
  return any ? out : both ? LEAF : undefined;
}

export function intersection(a: FieldSet, b: FieldSet): FieldSet {
  const out: Growing = {};
  for (const k in a) {
    const y = b[k];
    const shared = y && common(a[k] as FieldSet, y);
    if (shared) out[k] = shared;
  }
  return out;
}

/** Whether two sets have the same members. */
export const sameSet = (a: FieldSet, b: FieldSet): boolean =>
  a === b || (isEmptySet(difference(a, b)) && isEmptySet(difference(b, a)));

/** Dotted paths of the members, as conflict messages name them: `.spec.containers[name="x"].image`. */
export function pathsOf(set: FieldSet, at = ''): string[] {
  const found: string[] = [];
  for (const k in set) {
    const node = set[k] as FieldSet;
    if (k === SELF) found.push(at);
    else if (isEmptySet(node)) found.push(at + elementText(k));
    else found.push(...pathsOf(node, at + elementText(k)));
  }
  return found;
}

function elementText(e: string): string {
  if (e.startsWith('f:')) return `.${e.slice(2)}`;
  if (e.startsWith('v:')) return `[=${e.slice(2)}]`;
  if (!e.startsWith('k:')) return `[${e.slice(2)}]`;
  const keys = JSON.parse(e.slice(2)) as Record<string, unknown>;
  const text = Object.entries(keys).map(([k, v]) => `${k}=${JSON.stringify(v)}`);
  return `[${text.join(',')}]`;
}
