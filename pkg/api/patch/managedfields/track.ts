import type { KubeObject, ManagedFieldsEntry } from '../../meta/objectmeta.ts';
import type { ObjectSchema } from '../../schema/schema.ts';
import { setIn, startingEntries, storedEntries } from './entries.ts';
import { difference, isEmptySet, union } from './fieldset.ts';
import { type Comparison, compare, createdSet } from './walk.ts';

/** Fields no manager owns: identity and what the server keeps ("Server-Side Apply", field management). */
const UNOWNED_META: ReadonlySet<string> = new Set([
  'name',
  'namespace',
  'uid',
  'resourceVersion',
  'generation',
  'creationTimestamp',
  'deletionTimestamp',
  'deletionGracePeriodSeconds',
  'managedFields',
  'selfLink',
]);

/** The part of an object whose fields can be owned through `subresource`. Shares its values with `o`. */
export function ownable(o: KubeObject, hasStatus: boolean, subresource: string): KubeObject {
  const out: Record<string, unknown> = {};
  const status = subresource === 'status';
  for (const k in o) {
    if (k === 'apiVersion' || k === 'kind' || k === 'metadata') continue;
    if (status ? k === 'status' : k !== 'status' || !hasStatus) out[k] = o[k as keyof KubeObject];
  }
  const meta: Record<string, unknown> = {};
  let any = false;
  for (const k in o.metadata) {
    if (UNOWNED_META.has(k)) continue;
    meta[k] = o.metadata[k as keyof KubeObject['metadata']];
    any = true;
  }
  if (any) out.metadata = meta;
  return out as KubeObject;
}

/** How objects look in another version, by whose names a manager owns fields. */
export interface VersionView {
  readonly schema: ObjectSchema;
  readonly shown: (o: KubeObject) => KubeObject;
}

/** @returns null where there is no such version, or no more; undefined where fields have the same names in it */
export type InVersion = (apiVersion: string) => VersionView | null | undefined;

export interface TrackRequest {
  readonly schema: ObjectSchema;
  readonly hasStatus: boolean;
  /** Undefined: the object is created. */
  readonly old: KubeObject | undefined;
  readonly new: KubeObject;
  /** The entries of the new object, as sent by the writer or taken over from the old one. */
  readonly managedFields: readonly ManagedFieldsEntry[];
  readonly manager: string;
  readonly subresource: string;
  readonly apiVersion: string;
  /** RFC 3339. */
  readonly now: string;
  /** The same change as the version shows it that the writer speaks, if that is another one. */
  readonly asked?: Pick<TrackRequest, 'schema' | 'old' | 'new' | 'apiVersion'> | undefined;
  /** For other managers, who may have written in further versions. */
  readonly inVersion?: InVersion | undefined;
}

/**
 * Entry lists that applyPatch has made. What differs between the live object and the applied one beyond them — defaults,
 * the work of admission — belongs to nobody, and must not become an "Update" of the applier.
 */
const settled = new WeakSet<readonly ManagedFieldsEntry[]>();

/** Marks entries as complete for the write they are part of. */
export function settle(entries: ManagedFieldsEntry[]): ManagedFieldsEntry[] {
  settled.add(entries);
  return entries;
}

const isMine = (e: ManagedFieldsEntry, r: TrackRequest, apiVersion: string): boolean =>
  e.manager === r.manager &&
  e.operation === 'Update' &&
  e.apiVersion === apiVersion &&
  (e.subresource ?? '') === r.subresource;

/** What a write changes and what it removes, by the names that a version has for its fields. */
function changesOf(
  { hasStatus, subresource }: Pick<TrackRequest, 'hasStatus' | 'subresource'>,
  { schema, old, new: next }: Pick<TrackRequest, 'schema' | 'old' | 'new'>,
) {
  const now = ownable(next, hasStatus, subresource);
  return old
    ? compare(schema, ownable(old, hasStatus, subresource), now)
    : { changed: createdSet(schema, now), removed: {} };
}

/**
 * What a write changes by the names of each version.
 * @param known by those that are known already; where nothing is said of names, the first of them
 * @returns a function that gives undefined for what is no version
 */
export function changesByVersion(
  how: Pick<TrackRequest, 'hasStatus' | 'subresource' | 'inVersion' | 'old' | 'new'>,
  known: readonly (readonly [apiVersion: string, Comparison])[],
): (apiVersion: string | undefined) => Comparison | undefined {
  const found = new Map<string, Comparison | undefined>(known);
  return (apiVersion = '') => {
    if (!found.has(apiVersion)) {
      const view = how.inVersion?.(apiVersion);
      const { old, new: next } = how;
      const changes = view
        ? changesOf(how, { schema: view.schema, old: old && view.shown(old), new: view.shown(next) })
        : known[0]?.[1];
      found.set(apiVersion, view === null ? undefined : changes);
    }
    return found.get(apiVersion);
  };
}

/** managedFields after an ordinary write: the writer owns what it changed, and nobody owns what is gone. */
export function trackUpdate(r: TrackRequest): ManagedFieldsEntry[] {
  // Entries that are the stored object's own come from an ordinary write after that apply.
  if (r.managedFields !== r.old?.metadata?.managedFields && settled.has(r.managedFields)) return [...r.managedFields];
  const entries = startingEntries(r.managedFields, r.old?.metadata?.managedFields);
  const stored = changesOf(r, r);
  if (isEmptySet(stored.changed) && isEmptySet(stored.removed)) return [...entries];
  const { apiVersion } = r.asked ?? r;
  const { changed, removed } = r.asked ? changesOf(r, r.asked) : stored;
  const changesIn = changesByVersion(r, [
    [r.apiVersion, stored],
    [apiVersion, { changed, removed }],
  ]);
  const kept: ManagedFieldsEntry[] = [];
  let mine: ManagedFieldsEntry | undefined;
  for (const e of entries) {
    if (isMine(e, r, apiVersion)) {
      mine = e;
      continue;
    }
    const lost = changesIn(e.apiVersion);
    // Nobody can write in its version any more.
    if (!lost) continue;
    const left = difference(difference(setIn(e), lost.changed), lost.removed);
    kept.push(left === e.fieldsV1 ? e : { ...e, fieldsV1: left });
  }
  kept.push({
    manager: r.manager,
    operation: 'Update',
    apiVersion,
    time: r.now,
    fieldsType: 'FieldsV1',
    fieldsV1: union(mine ? difference(setIn(mine), removed) : {}, changed),
    ...(r.subresource ? { subresource: r.subresource } : {}),
  });
  return storedEntries(kept);
}
