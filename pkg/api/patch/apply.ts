import { sameJson } from '../meta/equal.ts';
import { errors } from '../meta/errors.ts';
import type { KubeObject, ManagedFieldsEntry } from '../meta/objectmeta.ts';
import { jsonFields } from '../schema/decode.ts';
import { type ArraySchema, type ObjectSchema, resolveLazy, type Schema } from '../schema/schema.ts';
import {
  compare,
  difference,
  type FieldSet,
  intersection,
  isEmptySet,
  itemElement,
  pathsOf,
  setOf,
  union,
} from './managedfields/fieldset.ts';
import { ownable } from './managedfields/track.ts';

export interface ApplyRequest {
  readonly schema: ObjectSchema;
  readonly hasStatus: boolean;
  readonly live: KubeObject | undefined;
  readonly managedFields: readonly ManagedFieldsEntry[];
  readonly applied: KubeObject;
  readonly manager: string;
  readonly force: boolean;
  readonly apiVersion: string;
  readonly subresource: string;
  readonly now: string;
}

type Json = Record<string, unknown>;
const isObject = (v: unknown): v is Json => typeof v === 'object' && v !== null && !Array.isArray(v);

/** `applied` laid over `live`: structs and maps by key, lists by their type, all else replaced. */
function overlay(schema: Schema | undefined, live: unknown, applied: unknown): unknown {
  const s = schema && resolveLazy(schema);
  if (
    isObject(applied) &&
    isObject(live) &&
    !(s?.kind === 'object' && s.structType === 'atomic') &&
    !(s?.kind === 'map' && s.mapType === 'atomic') &&
    (s?.kind === 'object' || s?.kind === 'map')
  ) {
    const out: Json = { ...live };
    for (const [k, v] of Object.entries(applied)) {
      out[k] = overlay(s.kind === 'map' ? s.values : jsonFields(s)[k]?.schema, live[k], v);
    }
    return out;
  }
  if (
    Array.isArray(applied) &&
    Array.isArray(live) &&
    s?.kind === 'array' &&
    (s.listType === 'map' || s.listType === 'set')
  ) {
    return overlayList(s, live, applied);
  }
  return structuredClone(applied);
}

/** Applied items come in their order, each after those of the live list that stood before it. */
function overlayList(s: ArraySchema, live: unknown[], applied: unknown[]): unknown[] {
  const byElement = new Map(applied.map((i) => [itemElement(s, i), i]));
  const rest = [...byElement.keys()];
  const out: unknown[] = [];
  for (const item of live) {
    const e = itemElement(s, item);
    if (!byElement.has(e)) {
      out.push(item);
      continue;
    }
    while (rest.length > 0) {
      const next = rest.shift();
      const before = live.find((l) => itemElement(s, l) === next);
      out.push(
        before === undefined ? structuredClone(byElement.get(next)) : overlay(s.items, before, byElement.get(next)),
      );
      if (next === e) break;
    }
  }
  for (const e of rest) {
    if (out.some((o) => itemElement(s, o) === e)) continue;
    out.push(structuredClone(byElement.get(e)));
  }
  return out.filter((o, i) => out.findIndex((p) => itemElement(s, p) === itemElement(s, o)) === i);
}

/** Takes the fields of `set` out of a value. */
function removeFields(schema: Schema | undefined, value: unknown, set: FieldSet): unknown {
  const s = schema && resolveLazy(schema);
  if (isObject(value) && (s?.kind === 'object' || s?.kind === 'map')) {
    const out: Json = { ...value };
    for (const [e, inner] of Object.entries(set)) {
      const k = e.slice(2);
      if (!e.startsWith('f:') || out[k] === undefined) continue;
      const next = isEmptySet(inner)
        ? undefined
        : removeFields(s.kind === 'map' ? s.values : jsonFields(s)[k]?.schema, out[k], inner);
      if (next === undefined || (inner['.'] && isObject(next) && Object.keys(next).length === 0)) delete out[k];
      else out[k] = next;
    }
    return out;
  }
  if (Array.isArray(value) && s?.kind === 'array') {
    return value.flatMap((item) => {
      const inner = set[itemElement(s, item) ?? ''];
      if (!inner) return [item];
      if (isEmptySet(inner) || inner['.']) return [];
      return [removeFields(s.items, item, inner)];
    });
  }
  return value;
}

/** Which of `set` differ in value between the live object and the applied one. */
function differing(schema: ObjectSchema, live: KubeObject, applied: KubeObject, set: FieldSet): FieldSet {
  return intersection(compare(schema, live, overlay(schema, live, applied)).changed, set);
}

function findConflicts(
  r: ApplyRequest,
  live: KubeObject,
  applied: KubeObject,
  wanted: FieldSet,
): { entry: ManagedFieldsEntry; set: FieldSet }[] {
  const changed = differing(r.schema, live, applied, wanted);
  if (isEmptySet(changed)) return [];
  return r.managedFields.flatMap((entry) => {
    if (entry.operation === 'Apply' && entry.manager === r.manager && (entry.subresource ?? '') === r.subresource)
      return [];
    const set = intersection(entry.fieldsV1 as FieldSet, changed);
    return isEmptySet(set) ? [] : [{ entry, set }];
  });
}

function refuse(conflicts: readonly { entry: ManagedFieldsEntry; set: FieldSet }[]): never {
  const causes = conflicts.flatMap(({ entry, set }) => {
    const how = entry.operation === 'Apply' ? '' : ` using ${entry.apiVersion}`;
    const who = `conflict with "${entry.manager}"${entry.subresource ? ` with subresource "${entry.subresource}"` : ''}${how}`;
    return pathsOf(set).map((field) => ({ reason: 'FieldManagerConflict', message: who, field }));
  });
  const list = causes.map((c) => `${c.message}: ${c.field}`);
  const text =
    list.length === 1
      ? list[0]
      : `conflicts ${[...new Set(causes.map((c) => c.message.replace(/^conflict /, '')))]
          .map(
            (m) =>
              `${m}:\n${causes
                .filter((c) => c.message === `conflict ${m}`)
                .map((c) => `- ${c.field}`)
                .join('\n')}`,
          )
          .join('\n')}`;
  throw errors.applyConflict(
    `Apply failed with ${list.length} conflict${list.length === 1 ? '' : 's'}: ${text}`,
    causes,
  );
}

/**
 * Server-side apply: the manager owns exactly what it applies; what it owned before and no longer applies goes, unless
 * somebody else owns it too. @throws StatusError 409 naming each conflict, unless forced
 */
export function applyPatch(r: ApplyRequest): { object: KubeObject; managedFields: ManagedFieldsEntry[] } {
  const applied = ownable(r.applied, r.hasStatus, r.subresource);
  const wanted = setOf(r.schema, applied);
  const live = r.live ?? { apiVersion: r.applied.apiVersion, kind: r.applied.kind, metadata: r.applied.metadata };
  const conflicts = r.live ? findConflicts(r, ownable(live, r.hasStatus, r.subresource), applied, wanted) : [];
  if (conflicts.length > 0 && !r.force) refuse(conflicts);
  const lost = conflicts.reduce<FieldSet>((all, c) => union(all, c.set), {});
  const others: ManagedFieldsEntry[] = [];
  let mine: ManagedFieldsEntry | undefined;
  for (const e of r.managedFields) {
    if (e.operation === 'Apply' && e.manager === r.manager && (e.subresource ?? '') === r.subresource) mine = e;
    else {
      const left = difference(e.fieldsV1 as FieldSet, lost);
      if (!isEmptySet(left)) others.push({ ...e, fieldsV1: left });
    }
  }
  const dropped = others.reduce(
    (set, e) => difference(set, e.fieldsV1 as FieldSet),
    difference((mine?.fieldsV1 ?? {}) as FieldSet, wanted),
  );
  let object = overlay(r.schema, live, applied) as KubeObject;
  if (!isEmptySet(dropped)) object = removeFields(r.schema, object, dropped) as KubeObject;
  const same =
    mine &&
    sameJson(mine.fieldsV1, wanted) &&
    r.live &&
    sameJson(ownable(object, r.hasStatus, r.subresource), ownable(live, r.hasStatus, r.subresource));
  const entry: ManagedFieldsEntry = {
    manager: r.manager,
    operation: 'Apply',
    apiVersion: r.apiVersion,
    time: same ? (mine?.time ?? r.now) : r.now,
    fieldsType: 'FieldsV1',
    fieldsV1: wanted,
    ...(r.subresource ? { subresource: r.subresource } : {}),
  };
  return { object, managedFields: isEmptySet(wanted) ? others : [entry, ...others] };
}
