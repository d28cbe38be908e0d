import type { KubeObject, ManagedFieldsEntry } from '../../meta/objectmeta.ts';
import type { ObjectSchema } from '../../schema/schema.ts';
import { compare, difference, type FieldSet, isEmptySet, setOf, union } from './fieldset.ts';

/** Fields no manager owns: identity and what the server keeps ("Server-Side Apply", field management). */
const UNOWNED_META = [
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
  'generateName',
] as const;

/** The part of an object whose fields can be owned through `subresource`. */
export function ownable(o: KubeObject, hasStatus: boolean, subresource: string): KubeObject {
  const { apiVersion: _v, kind: _k, metadata, ...rest } = o as KubeObject & { status?: unknown };
  const meta: Record<string, unknown> = { ...metadata };
  for (const k of UNOWNED_META) delete meta[k];
  if (subresource === 'status')
    return { ...(rest.status === undefined ? {} : { status: rest.status }), metadata: meta } as KubeObject;
  if (hasStatus) delete rest.status;
  return { ...rest, ...(Object.keys(meta).length > 0 ? { metadata: meta } : {}) } as KubeObject;
}

export interface TrackRequest {
  readonly schema: ObjectSchema;
  readonly hasStatus: boolean;
  readonly old: KubeObject | undefined;
  readonly new: KubeObject;
  readonly managedFields: readonly ManagedFieldsEntry[];
  readonly manager: string;
  readonly subresource: string;
  readonly apiVersion: string;
  /** RFC 3339. */
  readonly now: string;
}

const isMine = (e: ManagedFieldsEntry, r: TrackRequest): boolean =>
  e.manager === r.manager &&
  e.operation === 'Update' &&
  e.apiVersion === r.apiVersion &&
  (e.subresource ?? '') === r.subresource;

/** managedFields after an ordinary write: the writer owns what it changed, and nobody owns what is gone. */
export function trackUpdate(r: TrackRequest): ManagedFieldsEntry[] {
  const now = ownable(r.new, r.hasStatus, r.subresource);
  const was = r.old && ownable(r.old, r.hasStatus, r.subresource);
  const { changed, removed } = was ? compare(r.schema, was, now) : { changed: setOf(r.schema, now), removed: {} };
  if (isEmptySet(changed) && isEmptySet(removed)) return [...r.managedFields];
  const lost = union(changed, removed);
  const entries: ManagedFieldsEntry[] = [];
  let mine: ManagedFieldsEntry | undefined;
  for (const e of r.managedFields) {
    if (isMine(e, r)) {
      mine = e;
      continue;
    }
    const left = difference(e.fieldsV1 as FieldSet, lost);
    if (!isEmptySet(left)) entries.push(left === e.fieldsV1 ? e : { ...e, fieldsV1: left });
  }
  const owned = union(difference((mine?.fieldsV1 ?? {}) as FieldSet, removed), changed);
  if (!isEmptySet(owned)) {
    entries.push({
      manager: r.manager,
      operation: 'Update',
      apiVersion: r.apiVersion,
      time: r.now,
      fieldsType: 'FieldsV1',
      fieldsV1: owned,
      ...(r.subresource ? { subresource: r.subresource } : {}),
    });
  }
  return entries;
}
