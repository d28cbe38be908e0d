import { errors, isNotFound } from '#api/meta/errors.ts';
import { DeleteOptions } from '#api/meta/options.ts';
import { isSet } from '#api/meta/query.ts';
import { decodeProtobuf } from '#api/protobuf/decode.ts';
import { decodeObject } from '#api/schema/decode.ts';
import type { DeleteRequest, Deleter } from '../registry/deleter.ts';
import type { Resource } from '../registry/resource.ts';
import type { Encoded } from '../registry/store.ts';
import type { RequestContext } from '../request/context.ts';
import { MEDIA, mediaType, parseText } from './body.ts';
import { selectionOf } from './filters.ts';
import { wholeNumber } from './list-options.ts';
import { type Answer, listAnswer, objectAnswer, successStatus } from './respond.ts';
import { shownAs, targetOf } from './write.ts';

const PARALLEL_DELETES = 16;
const OPTIONS = 'DeleteOptions';

/** @throws StatusError 400 when it is something else: nothing is deleted by a mistaken body. */
function optionsFrom(value: unknown): DeleteRequest {
  const { kind = OPTIONS } = (value ?? {}) as { kind?: unknown };
  if (kind !== OPTIONS)
    throw errors.badRequest(`the body of a deletion must be ${OPTIONS}, not ${JSON.stringify(kind)}`);
  return decodeObject(DeleteOptions, value).object as DeleteRequest;
}

/** Options from the body, completed by the query string. */
function deleteRequest(ctx: RequestContext): DeleteRequest {
  let body: DeleteRequest = {};
  if (ctx.body.length > 0) {
    const type = mediaType(ctx);
    body =
      type === MEDIA.protobuf
        ? (decodeProtobuf(() => DeleteOptions, ctx.body).object as typeof body)
        : optionsFrom(parseText(ctx.body, type));
  }
  for (const d of body.dryRun ?? []) if (!ctx.query.getAll('dryRun').includes(d)) ctx.query.append('dryRun', d);
  const given = (name: keyof DeleteRequest): boolean => ctx.query.has(name) && body[name] === undefined;
  const policy = ctx.query.get('propagationPolicy');
  return {
    ...body,
    ...(given('gracePeriodSeconds') ? { gracePeriodSeconds: wholeNumber(ctx.query, 'gracePeriodSeconds') } : {}),
    ...(given('orphanDependents') ? { orphanDependents: isSet(ctx.query, 'orphanDependents') } : {}),
    ...(policy && given('propagationPolicy') ? { propagationPolicy: policy } : {}),
  };
}

/** DELETE of one object: the object while it lives on; once it is gone, that or a Status, as the kind has it. */
export async function deleteObject(ctx: RequestContext, resource: Resource, deleter: Deleter): Promise<Answer> {
  const request = deleteRequest(ctx);
  const target = targetOf(ctx, resource);
  const result = await shownAs(resource, await deleter.delete(target, request));
  if (!result.deleted || resource.kind.returnsDeleted) return objectAnswer(ctx, resource, result);
  const { group, plural } = resource.kind;
  return successStatus(ctx, {
    name: target.name,
    ...(group ? { group } : {}),
    kind: plural,
    uid: result.object.metadata.uid,
  });
}

/** DELETE of a collection: every object the selectors match, a bounded number at a time. */
export async function deleteCollection(ctx: RequestContext, resource: Resource, deleter: Deleter): Promise<Answer> {
  const request = deleteRequest(ctx);
  await resource.cache.ready();
  await resource.cache.consistent();
  const { keyPrefix, match } = selectionOf(ctx, resource.kind);
  const all = resource.cache.list(keyPrefix);
  await resource.cache.prepare?.(all);
  const entries = all.filter((e) => !match || match(e.object));
  const base = targetOf(ctx, resource);
  const items: Encoded[] = [];
  const queue = entries.values();
  const worker = async (): Promise<void> => {
    for (const { object } of queue) {
      try {
        const target = { ...base, namespace: object.metadata.namespace ?? '', name: object.metadata.name };
        items.push(await shownAs(resource, await deleter.delete(target, request)));
      } catch (e) {
        // Somebody else was faster: the goal is met.
        if (!isNotFound(e)) throw e;
      }
    }
  };
  await Promise.all(Array.from({ length: Math.min(PARALLEL_DELETES, entries.length) }, worker));
  return listAnswer(ctx, resource, items, { resourceVersion: String(resource.cache.revision) });
}
