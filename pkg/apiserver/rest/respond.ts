import type { FastifyReply } from 'fastify';
import type { Kind } from '#api/kind.ts';
import { errors, type Status, StatusError } from '#api/meta/errors.ts';
import type { KubeObject } from '#api/meta/objectmeta.ts';
import { type ListMeta, StatusSchema } from '#api/meta/options.ts';
import { isSet } from '#api/meta/query.ts';
import { encodeProtobuf } from '#api/protobuf/encode.ts';
import { MEDIA_TYPE as PROTOBUF_TYPE } from '#api/protobuf/wire.ts';
import type { ObjectSchema } from '#api/schema/schema.ts';
import { toYaml } from '#api/yaml.ts';
import { type Accepted, negotiate } from '../negotiate/accept.ts';
import { protobufBody, protobufListBody, protobufPartial, protobufPartialList } from '../negotiate/protobuf.ts';
import { type IncludeObject, partialObject, tableOf } from '../negotiate/table.ts';
import type { Resource } from '../registry/resource.ts';
import type { Encoded } from '../registry/store.ts';
import type { RequestContext } from '../request/context.ts';
import { Parts } from './parts.ts';

/** What a handler hands back; the server turns it into an HTTP answer. */
export interface Answer {
  readonly code: number;
  readonly type: string;
  readonly body: Buffer | string | Parts;
}

export const JSON_TYPE = 'application/json';

const binaryAnswer = (body: Buffer, code: number): Answer => ({ code, type: PROTOBUF_TYPE, body });

/** Success Status, the answer to most deletions. */
export const successStatus = (ctx: RequestContext, details?: Status['details'], code = 200): Answer =>
  valueAnswer(
    ctx,
    StatusSchema,
    { kind: 'Status', apiVersion: 'v1', metadata: {}, status: 'Success', ...(details ? { details } : { code }) },
    code,
  );

const INCLUDE: readonly string[] = ['None', 'Metadata', 'Object'];

export function includeObjectOf(ctx: RequestContext): IncludeObject {
  const v = ctx.query.get('includeObject') || 'Metadata';
  if (!INCLUDE.includes(v)) throw errors.badRequest(`includeObject: Unsupported value: "${v}"`);
  return v as IncludeObject;
}

/** In which form the client wants objects of this kind. @throws StatusError 406 */
export const accepted = (ctx: RequestContext, kind?: Kind): Accepted => negotiate(ctx.headers.accept, !kind?.custom);

/** Tools people read the answers of themselves are answered in many lines, unless they say otherwise. */
const READ_BY_PEOPLE = /^(curl|Wget|Mozilla\/5\.0)/;

function isPretty({ query, headers }: RequestContext): boolean {
  return query.has('pretty') ? isSet(query, 'pretty') : READ_BY_PEOPLE.test(headers['user-agent'] ?? '');
}

/** JSON bytes in the text form asked for: compact, pretty, or YAML. */
function textAnswer(ctx: RequestContext, form: Accepted, bytes: Buffer, code: number): Answer {
  if (form.encoding === 'yaml') {
    return { code, type: 'application/yaml', body: toYaml(JSON.parse(bytes.toString())) };
  }
  if (isPretty(ctx)) {
    return { code, type: JSON_TYPE, body: `${JSON.stringify(JSON.parse(bytes.toString()), null, 2)}\n` };
  }
  return { code, type: JSON_TYPE, body: bytes };
}

/** Below this a body is sent in one piece. */
const SMALL_BYTES = 128 << 10;

function partsAnswer(ctx: RequestContext, form: Accepted, parts: Parts): Answer {
  const asTheyAre = form.encoding === 'json' && !isPretty(ctx) && parts.length > SMALL_BYTES;
  return asTheyAre ? { code: 200, type: JSON_TYPE, body: parts } : textAnswer(ctx, form, parts.whole(), 200);
}

const jsonText = (value: unknown): Buffer => Buffer.from(JSON.stringify(value));

/** One object in the form the client accepts. */
export function objectAnswer(ctx: RequestContext, { kind }: Pick<Resource, 'kind'>, o: Encoded, code = 200): Answer {
  const form = accepted(ctx, kind);
  const binary = form.encoding === 'protobuf';
  if (form.view === 'object') {
    return binary ? binaryAnswer(protobufBody(kind, o.object), code) : textAnswer(ctx, form, o.bytes, code);
  }
  if (binary) return binaryAnswer(protobufPartial(o.object, form.metaVersion), code);
  const shown =
    form.view === 'partial'
      ? partialObject(o.object, form.metaVersion)
      : tableOf(kind, [o.object], {
          metaVersion: form.metaVersion,
          includeObject: includeObjectOf(ctx),
          listMeta: { resourceVersion: o.object.metadata.resourceVersion },
          now: Date.now(),
        });
  return textAnswer(ctx, form, jsonText(shown), code);
}

const COMMA = Buffer.from(',');
const LIST_END = Buffer.from(']}');

/** Puts cached bytes together: no object is stringified for a list. */
function listParts(resource: Resource, entries: readonly Encoded[], meta: ListMeta): Parts {
  const { kind, apiVersion } = resource;
  const head = `{"kind":"${kind.kind}List","apiVersion":"${apiVersion}","metadata":${JSON.stringify(meta)},"items":[`;
  const parts: Buffer[] = [Buffer.from(head)];
  for (const e of entries) {
    if (parts.length > 1) parts.push(COMMA);
    parts.push(e.bytes);
  }
  parts.push(LIST_END);
  return new Parts(parts);
}

/** A list in the form the client accepts. */
export function listAnswer(
  ctx: RequestContext,
  resource: Resource,
  entries: readonly Encoded[],
  meta: ListMeta,
): Answer {
  const { kind } = resource;
  const form = accepted(ctx, kind);
  const objects = (): KubeObject[] => entries.map((e) => e.object);
  if (form.encoding === 'protobuf') {
    const plain = form.view === 'object';
    const body = plain
      ? protobufListBody(kind, objects(), meta)
      : protobufPartialList(objects(), form.metaVersion, meta);
    return binaryAnswer(body, 200);
  }
  if (form.view === 'object') return partsAnswer(ctx, form, listParts(resource, entries, meta));
  const shown =
    form.view === 'table'
      ? tableOf(kind, objects(), {
          metaVersion: form.metaVersion,
          includeObject: includeObjectOf(ctx),
          listMeta: { ...meta },
          now: Date.now(),
        })
      : {
          kind: 'PartialObjectMetadataList',
          apiVersion: `meta.k8s.io/${form.metaVersion}`,
          metadata: meta,
          items: objects().map((o) => partialObject(o, form.metaVersion)),
        };
  return textAnswer(ctx, form, jsonText(shown), 200);
}

/** A plain value (a review, a Status) with apiVersion and kind in it. */
export function valueAnswer(ctx: RequestContext, schema: ObjectSchema, value: KubeObject | object, code = 200): Answer {
  const form = accepted(ctx);
  if (form.encoding === 'protobuf') return binaryAnswer(encodeProtobuf(schema, value), code);
  return textAnswer(ctx, form, jsonText(value), code);
}

/** Any error as the Status clients see. Unknown errors become a 500 that says what failed. */
export const statusOf = (e: unknown): Status =>
  e instanceof StatusError ? e.status : errors.internal(e instanceof Error ? e.message : String(e)).status;

/** A Status as a body: protobuf for those who like that best, else JSON. */
export function statusBody(status: Status, accept: string | undefined): { type: string; body: Buffer } {
  let binary = false;
  try {
    binary = negotiate(accept).encoding === 'protobuf';
  } catch {
    // What cannot be served is answered in JSON.
  }
  if (binary) return { type: PROTOBUF_TYPE, body: encodeProtobuf(StatusSchema, status) };
  return { type: JSON_TYPE, body: jsonText(status) };
}

export function sendStatus(reply: FastifyReply, status: Status): FastifyReply {
  const retry = status.details?.retryAfterSeconds;
  if (retry !== undefined) reply.header('retry-after', String(retry));
  const { type, body } = statusBody(status, reply.request.headers.accept);
  return reply.code(status.code).type(type).send(body);
}
