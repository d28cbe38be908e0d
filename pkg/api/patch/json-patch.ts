import { copyJson } from '../meta/copy.ts';
import { sameJson } from '../meta/equal.ts';
import { errors } from '../meta/errors.ts';

export interface Operation {
  readonly op: string;
  readonly path: string;
  readonly from?: string;
  readonly value?: unknown;
}

/** Kubernetes refuses patches with more operations. */
const MAX_OPERATIONS = 10_000;

const refused = (why: string): Error => {
  const e = errors.badRequest(`the server rejected our request due to an error in our request: ${why}`);
  e.status.code = 422;
  e.status.reason = 'Invalid';
  return e;
};

function pointer(path: unknown): string[] {
  if (typeof path !== 'string' || (path !== '' && !path.startsWith('/')))
    throw refused(`"${String(path)}" is not a JSON pointer`);
  return path
    .split('/')
    .slice(1)
    .map((p) => p.replaceAll('~1', '/').replaceAll('~0', '~'));
}

type Container = Record<string, unknown> | unknown[];

function indexIn(list: unknown[], key: string, forAdd: boolean): number {
  if (key === '-' && forAdd) return list.length;
  const i = /^(0|[1-9]\d*)$/.test(key) ? Number(key) : -1;
  if (i < 0 || i > list.length || (!forAdd && i >= list.length)) throw refused(`index ${key} is out of bounds`);
  return i;
}

function child(c: Container, key: string): unknown {
  if (Array.isArray(c)) return c[indexIn(c, key, false)];
  if (!Object.hasOwn(c, key)) throw refused(`the path has no "${key}"`);
  return c[key];
}

function parentOf(doc: unknown, parts: string[]): Container {
  let at = doc;
  for (const part of parts.slice(0, -1)) at = child(at as Container, part);
  if (typeof at !== 'object' || at === null)
    throw refused(`/${parts.join('/')} leads through a value that has no fields`);
  return at as Container;
}

function read(doc: unknown, path: string): unknown {
  let at = doc;
  for (const part of pointer(path)) {
    if (typeof at !== 'object' || at === null) throw refused(`${path} does not exist`);
    at = child(at as Container, part);
  }
  return at;
}

/** What is not there is null to a test. */
function holds(doc: unknown, path: string, value: unknown = null): boolean {
  const parts = pointer(path);
  const key = parts.at(-1);
  if (key === undefined) return sameJson(doc, value);
  const parent = parentOf(doc, parts);
  return sameJson(Array.isArray(parent) ? child(parent, key) : Object.hasOwn(parent, key) ? parent[key] : null, value);
}

function add(doc: unknown, path: string, value: unknown): unknown {
  const parts = pointer(path);
  const key = parts.at(-1);
  if (key === undefined) return value;
  const parent = parentOf(doc, parts);
  if (Array.isArray(parent)) parent.splice(indexIn(parent, key, true), 0, value);
  else parent[key] = value;
  return doc;
}

function remove(doc: unknown, path: string): unknown {
  const parts = pointer(path);
  const key = parts.at(-1);
  if (key === undefined) return null;
  const parent = parentOf(doc, parts);
  child(parent, key);
  if (Array.isArray(parent)) parent.splice(Number(key), 1);
  else delete parent[key];
  return doc;
}

function replace(doc: unknown, path: string, value: unknown): unknown {
  const parts = pointer(path);
  const key = parts.at(-1);
  if (key === undefined) return value;
  const parent = parentOf(doc, parts);
  child(parent, key);
  if (Array.isArray(parent)) parent[Number(key)] = value;
  else parent[key] = value;
  return doc;
}

function applyOne(doc: unknown, o: Operation): unknown {
  switch (o.op) {
    case 'add':
      return add(doc, o.path, o.value);
    case 'remove':
      return remove(doc, o.path);
    case 'replace':
      return replace(doc, o.path, o.value);
    case 'move': {
      const value = read(doc, o.from ?? '');
      return add(remove(doc, o.from ?? ''), o.path, value);
    }
    case 'copy':
      return add(doc, o.path, copyJson(read(doc, o.from ?? '')));
    case 'test':
      if (!holds(doc, o.path, o.value)) throw refused(`testing path ${o.path} failed`);
      return doc;
    default:
      throw refused(`Unexpected kind: ${o.op}`);
  }
}

/** RFC 6902. Works on a copy. @throws StatusError 422 when an operation does not apply, 413 on too many */
export function jsonPatch(doc: unknown, operations: readonly Operation[]): unknown {
  if (operations.length > MAX_OPERATIONS) {
    throw errors.tooLarge(
      `The allowed maximum operations in a JSON patch is ${MAX_OPERATIONS}, got ${operations.length}`,
    );
  }
  if (operations.some((o: unknown) => typeof o !== 'object' || o === null || Array.isArray(o))) {
    throw errors.badRequest('error decoding patch: an operation must be an object');
  }
  return operations.reduce<unknown>(
    (d, o) => applyOne(d, { ...o, ...(o.value === undefined ? {} : { value: copyJson(o.value) }) }),
    copyJson(doc),
  );
}
