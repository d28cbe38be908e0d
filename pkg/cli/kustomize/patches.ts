import { readFileSync } from 'node:fs';
import { jsonPatch, type Operation } from '#api/patch/json-patch.ts';
import { mergePatch } from '#api/patch/merge-patch.ts';
import { strategicMerge } from '#api/patch/strategic-merge.ts';
import { jsonFields } from '#api/schema/decode.ts';
import { resolveLazy, type Schema } from '#api/schema/schema.ts';
import { documentsIn } from '../documents.ts';
import { CliError } from '../errors.ts';
import type { Locate } from './generators.ts';
import type { PatchEntry } from './kustomization.ts';
import { groupVersion, identityText, isObject, type Json, matches, type Resource, sameIdentity } from './resource.ts';

/** The documents of a patch: operations of a JSON patch, or objects to merge. */
function documentsOf(p: PatchEntry, locate: Locate): { documents: unknown[]; from: string } {
  const text = p.path ? readFileSync(locate(p.path), 'utf8') : (p.patch ?? '');
  const from = p.path ?? 'patch';
  return { documents: documentsIn(text, from, false), from };
}

const isOperations = (d: unknown): d is Operation[] => Array.isArray(d) && d.every((o) => isObject(o) && 'op' in o);

const ORDER = '$setElementOrder/';

/** A patch whose lists say that their own items come first, in their order: as kustomize merges lists. */
function patchItemsFirst(schema: Schema | undefined, patch: unknown, target: unknown): unknown {
  const s = schema && resolveLazy(schema);
  if (!isObject(patch) || !s) return patch;
  const out: Json = {};
  for (const [name, value] of Object.entries(patch)) {
    const field = s.kind === 'object' ? jsonFields(s)[name] : undefined;
    const inner = s.kind === 'map' ? s.values : field?.schema;
    const old = isObject(target) ? target[name] : undefined;
    const list = inner && resolveLazy(inner);
    const key = list?.kind === 'array' && list.patchStrategy?.includes('merge') ? list.mergeKey : undefined;
    if (!Array.isArray(value) || key === undefined || list?.kind !== 'array') {
      out[name] = patchItemsFirst(inner, value, old);
      continue;
    }
    const items = value.filter(isObject);
    const olds = Array.isArray(old) ? old.filter(isObject) : [];
    out[name] = value.map((item) =>
      patchItemsFirst(
        list.items,
        item,
        olds.find((o) => isObject(item) && o[key] === item[key]),
      ),
    );
    const ids = [...items, ...olds].map((i) => i[key]).filter((id) => id !== undefined);
    out[`${ORDER}${name}`] = [...new Set(ids)].map((id) => ({ [key]: id }));
  }
  return out;
}

function merge(r: Resource, patch: Json): Json {
  const { schema } = r;
  if (!schema) return mergePatch(r.object, patch) as Json;
  return strategicMerge(schema, r.object, patchItemsFirst(schema, patch, r.object) as Json) as Json;
}

/** Patches one object. @returns undefined when the patch deletes it */
function patched(r: Resource, document: unknown, p: PatchEntry): Json | undefined {
  if (isOperations(document)) return jsonPatch(structuredClone(r.object), document) as Json;
  const patch = document as Json;
  if (patch.$patch === 'delete') return undefined;
  const { name, namespace } = r.metadata;
  const { kind, apiVersion } = r.object;
  const out = structuredClone(merge(r, patch));
  const metadata = { ...(out.metadata as Json | undefined) };
  if (!p.options?.allowNameChange) Object.assign(metadata, { name });
  if (namespace) metadata.namespace = namespace;
  return { ...out, metadata, ...(p.options?.allowKindChange ? {} : { kind, apiVersion }) };
}

/** @throws CliError that names the patch and the object */
function tried(r: Resource, document: unknown, p: PatchEntry, from: string): Json | undefined {
  try {
    return patched(r, document, p);
  } catch (e) {
    throw new CliError(`${from}: cannot patch ${identityText(r.identity)}: ${(e as Error).message}`);
  }
}

/** The objects a document of a patch without a target is for: those it names. */
function namedBy(resources: readonly Resource[], document: unknown, from: string): Resource[] {
  if (!isObject(document) || !document.kind)
    throw new CliError(`${from}: a patch without a target is an object with apiVersion, kind and name`);
  const { name = '', namespace = '' } = (document.metadata ?? {}) as { name?: string; namespace?: string };
  const wanted = { ...groupVersion(document.apiVersion), kind: String(document.kind), name, namespace };
  const found = resources.filter((r) => r.names.some((i) => sameIdentity(i, wanted)));
  if (found.length !== 1)
    throw new CliError(`no resource matches strategic merge patch "${identityText(wanted)}": found ${found.length}`);
  return found;
}

/** Applies a patch to the objects it is for. @returns those that are left */
export function applyPatch(resources: readonly Resource[], p: PatchEntry, locate: Locate): Resource[] {
  const { documents, from } = documentsOf(p, locate);
  if (documents.length === 0) throw new CliError(`${from}: the patch is empty`);
  let left = [...resources];
  for (const document of documents) {
    const { target } = p;
    const chosen = target ? left.filter((r) => matches(r, target)) : namedBy(left, document, from);
    for (const r of chosen) {
      const after = tried(r, document, p, from);
      if (after) r.object = after;
      else left = left.filter((x) => x !== r);
    }
  }
  return left;
}
