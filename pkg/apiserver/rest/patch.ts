import { parse as parseYaml } from 'yaml';
import { copyJson } from '#api/meta/copy.ts';
import { errors, StatusError } from '#api/meta/errors.ts';
import { forbidden, invalid, required } from '#api/meta/fielderrors.ts';
import type { KubeObject, Stored } from '#api/meta/objectmeta.ts';
import { applyPatch } from '#api/patch/apply.ts';
import { jsonPatch, type Operation } from '#api/patch/json-patch.ts';
import type { InVersion } from '#api/patch/managedfields/track.ts';
import { mergePatch } from '#api/patch/merge-patch.ts';
import { strategicMerge } from '#api/patch/strategic-merge.ts';
import { type Decoded, decodeObject } from '#api/schema/decode.ts';
import type { Resource } from '../registry/resource.ts';
import { type FieldValidation, type RequestContext, type WriteOptions, wrongOptions } from '../request/context.ts';
import { checkedObject, enforceFieldValidation, mediaType, parseText } from './body.ts';

const JSON_PATCH = 'application/json-patch+json';
const MERGE_PATCH = 'application/merge-patch+json';
const STRATEGIC_PATCH = 'application/strategic-merge-patch+json';
export const APPLY_PATCH = 'application/apply-patch+yaml';

/** A patch body understood: how to get from the current object to the wanted one. */
export type Patcher = (current: Stored<KubeObject>) => KubeObject;

/** The body of a merge patch. @throws StatusError 400 */
export const asObject = (v: unknown): Record<string, unknown> => {
  if (typeof v !== 'object' || v === null || Array.isArray(v)) throw errors.badRequest('the patch must be an object');
  return v as Record<string, unknown>;
};

/** The body of a JSON patch. @throws StatusError 400 */
export const asOperations = (v: unknown): readonly Operation[] => {
  if (!Array.isArray(v)) throw errors.badRequest('a JSON patch must be an array of operations');
  return v;
};

/** Patches other than apply. @throws StatusError 400, 415 or 422 */
export function patcherOf(ctx: RequestContext, resource: Resource, validation: FieldValidation): Patcher {
  if (ctx.query.has('force'))
    throw wrongOptions('patch', [forbidden('force', 'may not be specified for non-apply patch')]);
  const type = mediaType(ctx);
  const { kind } = resource;
  const { schema, custom } = kind;
  const body = parseText(ctx.body, 'application/json');
  const run = (current: Stored<KubeObject>): unknown => {
    switch (type) {
      case JSON_PATCH:
        return jsonPatch(copyJson(current), asOperations(body));
      case MERGE_PATCH:
        return mergePatch(current, asObject(body));
      case STRATEGIC_PATCH:
        if (!custom) return strategicMerge(schema, current, asObject(body));
        break;
    }
    const types = [JSON_PATCH, MERGE_PATCH, ...(custom ? [] : [STRATEGIC_PATCH]), APPLY_PATCH];
    throw errors.unsupportedMediaType(
      `the body of the request was in an unknown format - accepted media types include: ${types.join(', ')}`,
    );
  };
  return (current) => {
    const { object, unknownFields } = decodePatched(run(current), resource, type);
    enforceFieldValidation(unknownFields, validation, ctx, kind);
    return object as KubeObject;
  };
}

/** The result of a patch as an object of its kind. @throws StatusError 422: the patch is at fault, not the request */
export function decodePatched(
  value: unknown,
  { kind, apiVersion }: Pick<Resource, 'kind' | 'apiVersion'>,
  type: string,
): Decoded {
  const refused = (why: string): StatusError =>
    errors.invalid({ group: '', plural: '', kind: '' }, '', [invalid('patch', JSON.stringify(value), why)]);
  const given = (value ?? {}) as { kind?: unknown; apiVersion?: unknown };
  // A strategic merge patch is told by the URL alone what it changes.
  const differs = (given.kind && given.kind !== kind.kind) || (given.apiVersion && given.apiVersion !== apiVersion);
  if (type !== STRATEGIC_PATCH && differs)
    throw refused(`no kind "${String(given.kind)}" is registered for version "${String(given.apiVersion)}"`);
  try {
    return kind.decode ? kind.decode(value) : decodeObject(kind.schema, value);
  } catch (e) {
    if (!(e instanceof StatusError) || e.reason !== 'BadRequest') throw e;
    throw refused(e.message.replace(/^\S+ in version \S+ cannot be handled as an? \S+: /, ''));
  }
}

/** The configuration in a server-side apply request. @throws StatusError 400 or 422 */
export function appliedConfiguration(
  ctx: RequestContext,
  resource: Pick<Resource, 'kind' | 'apiVersion'>,
  options: WriteOptions,
): KubeObject {
  if (!ctx.query.get('fieldManager'))
    throw wrongOptions('patch', [required('fieldManager', 'is required for apply patch')]);
  const value = parseApplied(ctx.body);
  const applied = checkedObject(asObject(value), resource.kind, options.fieldValidation, ctx);
  if (applied.apiVersion !== resource.apiVersion || applied.kind !== resource.kind.kind) {
    throw errors.badRequest(
      `the applied object (${applied.apiVersion ?? 'no apiVersion'}, ${applied.kind ?? 'no kind'}) does not match the expected ${resource.apiVersion}, ${resource.kind.kind}`,
    );
  }
  if (applied.metadata?.managedFields) throw errors.badRequest('metadata.managedFields must be nil');
  if (applied.metadata?.name && applied.metadata.name !== ctx.info.name) {
    throw errors.badRequest(
      `the name of the object (${applied.metadata.name}) does not match the name on the URL (${ctx.info.name})`,
    );
  }
  return applied;
}

/** YAML as the media type says; most clients send the part of it that is JSON, which is read ten times as fast. */
function parseApplied(body: Buffer): unknown {
  const text = body.toString();
  if (text.startsWith('{')) {
    try {
      return JSON.parse(text);
    } catch {
      // A YAML flow mapping, or an error that the parser below can place.
    }
  }
  try {
    return parseYaml(text, { version: '1.1', merge: true, maxAliasCount: 100 });
  } catch (e) {
    throw errors.badRequest(`error decoding YAML: ${(e as Error).message}`);
  }
}

/** How a manager applies. */
export interface ApplyHow {
  readonly options: WriteOptions;
  /** Take fields from other managers. */
  readonly force: boolean;
  readonly subresource: string;
  /** RFC 3339. */
  readonly now: string;
  /** How objects look in other versions of the resource. */
  readonly inVersion?: InVersion | undefined;
}

/** The object after a server-side apply over `live` (undefined: it is created). @throws StatusError 409 on conflicts */
export function applyOver(
  live: Stored<KubeObject> | undefined,
  applied: KubeObject,
  resource: Resource,
  how: ApplyHow,
): KubeObject {
  const result = applyPatch({
    schema: resource.kind.schema,
    hasStatus: resource.kind.hasStatus,
    live,
    managedFields: live?.metadata.managedFields ?? [],
    applied,
    manager: how.options.fieldManager,
    force: how.force,
    apiVersion: resource.apiVersion,
    subresource: how.subresource,
    now: how.now,
    inVersion: how.inVersion,
  });
  const object = result.object as KubeObject;
  object.metadata = { ...object.metadata, managedFields: result.managedFields };
  return object;
}
