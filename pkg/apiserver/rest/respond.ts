import type { FastifyReply } from 'fastify';
import { stringify as yamlText } from 'yaml';
import { errors, type Status, StatusError } from '#api/meta/errors.ts';
import type { KubeObject } from '#api/meta/objectmeta.ts';
import { type Accepted, negotiate } from '../negotiate/accept.ts';
import { type IncludeObject, partialObject, tableOf } from '../negotiate/table.ts';
import type { Resource } from '../registry/resource.ts';
import type { Encoded } from '../registry/store.ts';
import type { RequestContext } from '../request/context.ts';

/** What a handler hands back; the server turns it into an HTTP answer. */
export interface Answer {
  readonly code: number;
  readonly type: string;
  readonly body: Buffer | string;
}

export const JSON_TYPE = 'application/json';

export const jsonAnswer = (value: unknown, code = 200): Answer => ({
  code,
  type: JSON_TYPE,
  body: JSON.stringify(value),
});

/** Success Status, the answer to most deletions. */
export const successStatus = (details: Status['details'], code = 200): Answer =>
  jsonAnswer({ kind: 'Status', apiVersion: 'v1', metadata: {}, status: 'Success', details, code: undefined }, code);

const INCLUDE: readonly string[] = ['None', 'Metadata', 'Object'];

export function includeObjectOf(ctx: RequestContext): IncludeObject {
  const v = ctx.query.get('includeObject') || 'Metadata';
  if (!INCLUDE.includes(v)) throw errors.badRequest(`includeObject: Unsupported value: "${v}"`);
  return v as IncludeObject;
}

export const accepted = (ctx: RequestContext): Accepted => negotiate(ctx.headers.accept);

const wantsPretty = (ctx: RequestContext): boolean => {
  const p = ctx.query.get('pretty');
  return p === 'true' || p === '1' || p === '';
};

/** JSON bytes in the text form asked for: compact, pretty, or YAML. */
export function textAnswer(ctx: RequestContext, bytes: Buffer, code: number): Answer {
  if (accepted(ctx).encoding === 'yaml') {
    return { code, type: 'application/yaml', body: yamlText(JSON.parse(bytes.toString())) };
  }
  if (ctx.query.has('pretty') && wantsPretty(ctx)) {
    return { code, type: JSON_TYPE, body: `${JSON.stringify(JSON.parse(bytes.toString()), null, 2)}\n` };
  }
  return { code, type: JSON_TYPE, body: bytes };
}

/** One object in the form the client accepts. */
export function objectAnswer(ctx: RequestContext, resource: Resource, o: Encoded, code = 200): Answer {
  const form = accepted(ctx);
  if (form.view === 'object') return textAnswer(ctx, o.bytes, code);
  const shown =
    form.view === 'partial'
      ? partialObject(o.object, form.metaVersion)
      : tableOf(resource.kind, [o.object], {
          metaVersion: form.metaVersion,
          includeObject: includeObjectOf(ctx),
          listMeta: { resourceVersion: o.object.metadata.resourceVersion },
          now: Date.now(),
        });
  return textAnswer(ctx, Buffer.from(JSON.stringify(shown)), code);
}

/** A plain value (a Scale, a review) of any kind. */
export const valueAnswer = (ctx: RequestContext, value: KubeObject, code = 200): Answer =>
  textAnswer(ctx, Buffer.from(JSON.stringify(value)), code);

/** Any error as the Status clients see. Unknown errors become a 500 that says what failed. */
export const statusOf = (e: unknown): Status =>
  e instanceof StatusError ? e.status : errors.internal(e instanceof Error ? e.message : String(e)).status;

export function sendStatus(reply: FastifyReply, status: Status): FastifyReply {
  const retry = status.details?.retryAfterSeconds;
  if (retry !== undefined) reply.header('retry-after', String(retry));
  return reply.code(status.code).type(JSON_TYPE).send(JSON.stringify(status));
}
