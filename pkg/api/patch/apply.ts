import { copyJson } from '../meta/copy.ts';
import { sameJson } from '../meta/equal.ts';
import type { KubeObject, ManagedFieldsEntry } from '../meta/objectmeta.ts';
import type { ObjectSchema } from '../schema/schema.ts';
import { type Conflict, conflictError } from './managedfields/conflicts.ts';
import { setIn, storedEntries } from './managedfields/entries.ts';
import { difference, type FieldSet, intersection, isEmptySet, LEAF, sameSet, union } from './managedfields/fieldset.ts';
import { overlay } from './managedfields/overlay.ts';
import { changesByVersion, type InVersion, ownable, settle, trackUpdate } from './managedfields/track.ts';
import { appliedSet, compare, removeFields, withNamedFields } from './managedfields/walk.ts';

export interface ApplyRequest {
  readonly schema: ObjectSchema;
  readonly hasStatus: boolean;
  /** Undefined: the object does not exist yet. */
  readonly live: KubeObject | undefined;
  readonly managedFields: readonly ManagedFieldsEntry[];
  /** What the manager wants, and nothing else. */
  readonly applied: KubeObject;
  readonly manager: string;
  /** Take fields from other managers instead of a conflict. */
  readonly force: boolean;
  readonly apiVersion: string;
  readonly subresource: string;
  /** RFC 3339. */
  readonly now: string;
  /** For other managers, who may have written in other versions. */
  readonly inVersion?: InVersion | undefined;
}

export interface Applied {
  /** Shares parts with `applied` when there is no live object. */
  readonly object: KubeObject;
  readonly managedFields: ManagedFieldsEntry[];
}

/** Owner of what an object without any entries holds. */
const BEFORE_FIRST_APPLY = 'before-first-apply';
const LAST_APPLIED = 'kubectl.kubernetes.io/last-applied-configuration';
/** The manager kubectl applies as. Only for it the annotation of client-side apply is kept in step. */
const KUBECTL = 'kubectl';
/** What never goes as a whole: a manager owns labels and annotations, not the name beside them. */
const ALWAYS: FieldSet = { 'f:metadata': LEAF };

const isMine = (e: ManagedFieldsEntry, r: ApplyRequest): boolean =>
  e.operation === 'Apply' && e.manager === r.manager && (e.subresource ?? '') === r.subresource;

/** The entries before this apply; an object without any belongs to one made-up manager. */
function entriesOf(r: ApplyRequest): readonly ManagedFieldsEntry[] {
  if (r.managedFields.length > 0 || !r.live) return r.managedFields;
  const { schema, hasStatus, apiVersion, now, live } = r;
  const whole = { schema, hasStatus, old: undefined, new: live, managedFields: [], subresource: '', apiVersion, now };
  return trackUpdate({ ...whole, manager: BEFORE_FIRST_APPLY });
}

/** `merged` without what the manager applied before and neither it nor anybody else owns any more. */
function pruned(r: ApplyRequest, merged: KubeObject, last: FieldSet, owned: readonly FieldSet[]): KubeObject {
  if (isEmptySet(last)) return merged;
  const dropped = difference(
    withNamedFields(r.schema, last, merged),
    withNamedFields(r.schema, owned.reduce(union, ALWAYS), merged),
  );
  return isEmptySet(dropped) ? merged : ((removeFields(r.schema, merged, dropped) ?? {}) as KubeObject);
}

function keepLastApplied(r: ApplyRequest, object: KubeObject): KubeObject {
  const annotations = object.metadata?.annotations;
  if (r.manager !== KUBECTL || annotations?.[LAST_APPLIED] === undefined) return object;
  const { managedFields: _m, ...metadata } = r.applied.metadata ?? {};
  const { [LAST_APPLIED]: _a, ...others } = metadata.annotations ?? {};
  const config = { ...r.applied, metadata: { ...metadata, ...(metadata.annotations ? { annotations: others } : {}) } };
  return {
    ...object,
    metadata: {
      ...object.metadata,
      annotations: { ...annotations, [LAST_APPLIED]: `${JSON.stringify(config)}\n` },
    },
  };
}

/**
 * Server-side apply: the manager owns exactly what it applies; what it applied before and no longer does goes, unless
 * somebody else owns it too. @throws StatusError 409 naming each conflict, unless forced; 400 for a list that holds an
 * item twice
 */
export function applyPatch(r: ApplyRequest): Applied {
  const applied = ownable(r.applied, r.hasStatus, r.subresource);
  const wanted = appliedSet(r.schema, applied) ?? {};
  const live: KubeObject = r.live ?? {
    apiVersion: r.applied.apiVersion,
    kind: r.applied.kind,
    metadata: r.applied.metadata,
  };
  const entries = entriesOf(r);
  const mine = entries.find((e) => isMine(e, r));
  const others = entries.filter((e) => e !== mine);

  const merged = overlay(r.schema, live, applied) as KubeObject;
  const object = pruned(r, merged, mine ? setIn(mine) : {}, [wanted, ...others.map(setIn)]);

  const before = ownable(live, r.hasStatus, r.subresource);
  const after = ownable(object, r.hasStatus, r.subresource);
  const here = r.live ? compare(r.schema, before, after) : { changed: {}, removed: {} };
  const changesIn = changesByVersion({ ...r, old: live, new: object }, [[r.apiVersion, here]]);
  const conflicts: Conflict[] = [];
  const left = others.flatMap((entry) => {
    const changes = changesIn(entry.apiVersion);
    // Nobody can write in its version any more.
    if (!changes) return [];
    const { changed, removed } = changes;
    const fields = intersection(setIn(entry), changed);
    if (!isEmptySet(fields)) conflicts.push({ entry, fields });
    const rest = difference(difference(setIn(entry), changed), removed);
    return rest === entry.fieldsV1 ? entry : { ...entry, fieldsV1: rest };
  });
  if (conflicts.length > 0 && !r.force) throw conflictError(conflicts);

  const same = mine !== undefined && sameSet(setIn(mine), wanted) && sameJson(before, after);
  const entry: ManagedFieldsEntry = {
    manager: r.manager,
    operation: 'Apply',
    apiVersion: r.apiVersion,
    time: same ? (mine.time ?? r.now) : r.now,
    fieldsType: 'FieldsV1',
    fieldsV1: wanted,
    ...(r.subresource ? { subresource: r.subresource } : {}),
  };
  const result = keepLastApplied(r, object);
  const managedFields = settle(storedEntries([entry, ...left]));
  // The caller may change what it gets; `live` is a cached object.
  return { object: r.live ? copyJson(result) : result, managedFields };
}
