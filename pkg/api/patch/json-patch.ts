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

type Container = Record<string, unknown> | unknown[];
const isContainer = (v: unknown): v is Container => typeof v === 'object' && v !== null;

/** The parts of a path; none for the whole document. */
function pointer(path: unknown): string[] {
  if (typeof path !== 'string' || (path !== '' && !path.startsWith('/')))
    throw refused(`"${String(path)}" is not a JSON pointer`);
  return path
    .split('/')
    .slice(1)
    .map((p) => p.replaceAll('~1', '/').replaceAll('~0', '~'));
}

/** An index below zero counts from the end; `size` is how many places there are. */
function indexIn(key: string, size: number): number {
  const given = /^[+-]?\d+$/.test(key) ? Number(key) : Number.NaN;
  const i = given < 0 ? given + size : given;
  if (!(i >= 0 && i < size)) throw refused(`index ${key} is out of bounds`);
  return i;
}

/** What is there; an object has nothing under names that it does not know. */
const child = (c: Container, key: string): unknown =>
  Array.isArray(c) ? c[indexIn(key, c.length)] : Object.hasOwn(c, key) ? c[key] : undefined;

/** Where a path leads to: the container, and the name or index in it. */
function place(doc: unknown, path: unknown): { readonly parent: Container; readonly key: string } {
  const parts = pointer(path);
  const key = parts.pop();
  if (key === undefined) throw refused('the operation is not for a whole object');
  let parent = doc;
  for (const part of parts) {
    parent = isContainer(parent) ? child(parent, part) : undefined;
    if (!isContainer(parent)) throw refused(`the way of ${String(path)} ends at "${part}"`);
  }
  return { parent: parent as Container, key };
}

function read(doc: unknown, path: unknown): unknown {
  const { parent, key } = place(doc, path);
  return child(parent, key) ?? null;
}

/** Any name may be a field's, "__proto__" too. */
const set = (parent: object, key: string | number, value: unknown): void => {
  Object.defineProperty(parent, key, { value, writable: true, enumerable: true, configurable: true });
};

function add(doc: unknown, path: unknown, value: unknown): void {
  const { parent, key } = place(doc, path);
  if (!Array.isArray(parent)) set(parent, key, value);
  else if (key === '-') parent.push(value);
  else parent.splice(indexIn(key, parent.length + 1), 0, value);
}

function remove(doc: unknown, path: unknown): void {
  const { parent, key } = place(doc, path);
  if (Array.isArray(parent)) parent.splice(indexIn(key, parent.length), 1);
  else if (Object.hasOwn(parent, key)) delete parent[key];
  else throw refused(`there is no ${String(path)}`);
}

function replace(doc: unknown, path: unknown, value: unknown): unknown {
  if (path === '') {
    if (!isContainer(value)) throw refused('an object is replaced by an object');
    return value;
  }
  const { parent, key } = place(doc, path);
  set(parent, Array.isArray(parent) ? indexIn(key, parent.length) : key, value);
  return doc;
}

/** @returns the document: a new one where it is replaced */
function applyOne(doc: unknown, { op, path, from, value = null }: Operation): unknown {
  switch (op) {
    case 'add':
      add(doc, path, value);
      return doc;
    case 'remove':
      remove(doc, path);
      return doc;
    case 'replace':
      return replace(doc, path, value);
    case 'move': {
      const moved = read(doc, from);
      remove(doc, from);
      add(doc, path, moved);
      return doc;
    }
    case 'copy':
      add(doc, path, copyJson(read(doc, from)));
      return doc;
    case 'test':
      if (!sameJson(path === '' ? doc : read(doc, path), value)) throw refused(`testing path ${path} failed`);
      return doc;
    default:
      throw refused(`Unexpected kind: ${typeof op === 'string' ? op : 'unknown'}`);
  }
}

/**
 * RFC 6902, read as Kubernetes reads it: an index below zero counts from the end, what an object does not have is null to
 * a test and to a copy, and may be replaced. Works on a copy.
 * @throws StatusError 422 when an operation does not apply, 400 when one is none, 413 on too many
 */
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
