import { parse as parseYaml } from 'yaml';
import { apiVersionOf, type Kind } from '#api/kind.ts';
import { errors } from '#api/meta/errors.ts';
import type { KubeObject } from '#api/meta/objectmeta.ts';
import { decodeProtobuf } from '#api/protobuf/decode.ts';
import { decodeObject, findDuplicateKeys } from '#api/schema/decode.ts';
import type { FieldValidation, RequestContext } from '../request/context.ts';

export const MEDIA = {
  json: 'application/json',
  yaml: 'application/yaml',
  protobuf: 'application/vnd.kubernetes.protobuf',
} as const;

/** Media type of the request body, without parameters. Nothing given means JSON. */
export const mediaType = (ctx: RequestContext): string =>
  (ctx.headers['content-type'] || MEDIA.json).split(';')[0]?.trim().toLowerCase() ?? MEDIA.json;

/** Parses JSON or YAML text. @throws StatusError 400 with the parser's position. */
export function parseText(body: Buffer | string, type: string): unknown {
  const text = typeof body === 'string' ? body : body.toString();
  try {
    if (type === MEDIA.yaml) return parseYaml(text, { version: '1.1', merge: true, maxAliasCount: 100 });
    return JSON.parse(text);
  } catch (e) {
    throw errors.badRequest(`the object provided is unrecognized: ${(e as Error).message}`);
  }
}

/** What a body said its type is, and its content before the schema check. */
interface Raw {
  readonly value: unknown;
  readonly duplicates: readonly string[];
}

function readRaw(ctx: RequestContext, { custom, schema }: Kind): Raw {
  const type = mediaType(ctx);
  if (type === MEDIA.protobuf && !custom) {
    const { apiVersion, kind, object } = decodeProtobuf(() => schema, ctx.body);
    return { value: { ...(object as object), apiVersion, kind }, duplicates: [] };
  }
  if (type !== MEDIA.json && type !== MEDIA.yaml) {
    const types = Object.values(MEDIA).filter((m) => !custom || m !== MEDIA.protobuf);
    throw errors.unsupportedMediaType(
      `the body of the request was in an unknown format - accepted media types include: ${types.join(', ')}`,
    );
  }
  if (ctx.body.length === 0) throw errors.badRequest('the request body is empty');
  const text = ctx.body.toString();
  const value = parseText(text, type);
  return { value, duplicates: type === MEDIA.json ? findDuplicateKeys(text, value) : [] };
}

/** Turns unknown and duplicate fields into an error, warnings, or nothing: "Field validation" in the API concepts. */
export function enforceFieldValidation(
  problems: readonly string[],
  validation: FieldValidation,
  ctx: Pick<RequestContext, 'warnings'>,
  kind: Kind,
): void {
  if (problems.length === 0 || validation === 'Ignore') return;
  if (validation === 'Warn') {
    ctx.warnings.push(...problems);
    return;
  }
  throw errors.badRequest(
    `${kind.kind} in version "${kind.version}" cannot be handled as a ${kind.kind}: strict decoding error: ${problems.join(', ')}`,
  );
}

/** Schema check of an already parsed object of `kind`, with field validation. */
export function checkedObject(
  value: unknown,
  kind: Kind,
  validation: FieldValidation,
  ctx: Pick<RequestContext, 'warnings'>,
  duplicates: readonly string[] = [],
): KubeObject {
  const { object, unknownFields } = kind.decode ? kind.decode(value) : decodeObject(kind.schema, value);
  enforceFieldValidation([...unknownFields, ...duplicates], validation, ctx, kind);
  return object as KubeObject;
}

/** Decodes the request body as an object of `kind`: JSON, YAML or protobuf. @throws StatusError 400 or 415 */
export function readObject(ctx: RequestContext, kind: Kind, validation: FieldValidation): KubeObject {
  const { value, duplicates } = readRaw(ctx, kind);
  if (typeof value !== 'object' || value === null || Array.isArray(value)) {
    throw errors.badRequest('the object provided is unrecognized (must be of type Object)');
  }
  const given = value as KubeObject;
  for (const field of ['kind', 'apiVersion'] as const) {
    if (typeof (given[field] ?? '') !== 'string')
      throw errors.badRequest(`couldn't get version/kind; json parse error: ${field} must be a string`);
  }
  const apiVersion = apiVersionOf(kind);
  if (given.kind && given.kind !== kind.kind) {
    throw errors.badRequest(`${given.kind} in version "${given.apiVersion ?? ''}" cannot be handled as a ${kind.kind}`);
  }
  if (given.apiVersion && given.apiVersion !== apiVersion) {
    throw errors.badRequest(
      `the API version in the data (${given.apiVersion}) does not match the expected API version (${apiVersion})`,
    );
  }
  return checkedObject(value, kind, validation, ctx, duplicates);
}
