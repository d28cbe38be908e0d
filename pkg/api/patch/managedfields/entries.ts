import { sameJson } from '../../meta/equal.ts';
import type { ManagedFieldsEntry } from '../../meta/objectmeta.ts';
import { type FieldSet, isEmptySet, union } from './fieldset.ts';

/** More entries of ordinary writers than this are merged, oldest first. */
const MAX_UPDATERS = 10;
/** Owner of what merged entries held. */
const ANCIENT = 'ancient-changes';

export const setIn = (e: ManagedFieldsEntry): FieldSet => (e.fieldsV1 ?? {}) as FieldSet;

const isEntry = (e: ManagedFieldsEntry): boolean =>
  (e.operation === 'Apply' || e.operation === 'Update') &&
  e.fieldsType === 'FieldsV1' &&
  typeof e.fieldsV1 === 'object' &&
  !Array.isArray(e.fieldsV1) &&
  isTree(e.fieldsV1);

function isTree(set: object): boolean {
  for (const [k, v] of Object.entries(set)) {
    if (k !== '.' && !/^[fkvi]:/.test(k)) return false;
    if (typeof v !== 'object' || v === null || Array.isArray(v) || !isTree(v)) return false;
    if (k.startsWith('k:') && !isJson(k.slice(2))) return false;
  }
  return true;
}

function isJson(text: string): boolean {
  try {
    JSON.parse(text);
    return true;
  } catch {
    return false;
  }
}

/**
 * The entries a write starts from, where the writer may have sent its own: one empty entry means "forget everything",
 * none or broken ones change nothing ("Clearing managedFields" in the server-side apply docs).
 */
export function startingEntries(
  sent: readonly ManagedFieldsEntry[],
  stored: readonly ManagedFieldsEntry[] | undefined,
): readonly ManagedFieldsEntry[] {
  // Most writers send what they got: to compare that is cheaper than to look whether it is well made.
  if (stored && sameJson(sent, stored)) return stored;
  if (sent.length === 1 && Object.keys(sent[0] ?? {}).length === 0) return [];
  return sent.length > 0 && sent.every(isEntry) ? sent : (stored ?? []);
}

const before = (a: string | undefined, b: string | undefined): number => {
  const x = a ?? '';
  const y = b ?? '';
  return x < y ? -1 : x > y ? 1 : 0;
};

/** Appliers first, then by age: the order Kubernetes stores them in. */
const order = (a: ManagedFieldsEntry, b: ManagedFieldsEntry): number =>
  before(a.operation, b.operation) ||
  before(a.time, b.time) ||
  before(a.manager, b.manager) ||
  before(a.apiVersion, b.apiVersion) ||
  before(a.subresource, b.subresource);

const withoutSubresource = ({ subresource: _s, ...e }: ManagedFieldsEntry): ManagedFieldsEntry => e;

/** Merges the oldest updaters into one per API version, so that the list stays short. */
function capped(sorted: ManagedFieldsEntry[]): ManagedFieldsEntry[] {
  const updaters = sorted.filter((e) => e.operation === 'Update');
  if (updaters.length <= MAX_UPDATERS) return sorted;
  const recent = updaters.filter((e) => e.manager !== ANCIENT).slice(1 - MAX_UPDATERS);
  const buckets = new Map<string, ManagedFieldsEntry>();
  for (const e of updaters) {
    if (recent.includes(e)) continue;
    const version = e.apiVersion ?? '';
    const bucket = buckets.get(version);
    buckets.set(version, {
      ...withoutSubresource(e),
      manager: ANCIENT,
      fieldsV1: union(bucket ? setIn(bucket) : {}, setIn(e)),
    });
  }
  return [...sorted.filter((e) => e.operation === 'Apply'), ...recent, ...buckets.values()].sort(order);
}

/** The entries as they are stored: none empty, in order, not too many. */
export const storedEntries = (entries: readonly ManagedFieldsEntry[]): ManagedFieldsEntry[] =>
  capped(entries.filter((e) => !isEmptySet(setIn(e))).sort(order));
