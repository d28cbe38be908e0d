import { errors } from '#api/meta/errors.ts';
import type { KubeObject, Stored } from '#api/meta/objectmeta.ts';
import type { Storage } from '#storage/storage.ts';
import { objectKey, type Resource } from '../registry/resource.ts';
import { type Encoded, ObjectStore } from '../registry/store.ts';
import type { RequestContext } from '../request/context.ts';
import { selectionOf } from './filters.ts';
import { listOptions, parseRevision } from './list-options.ts';
import { awaitFreshness, pageOf } from './page.ts';
import { type Answer, listAnswer, objectAnswer } from './respond.ts';

const made = (o: KubeObject): Encoded => ({ object: o as Stored<KubeObject>, bytes: Buffer.from(JSON.stringify(o)) });

/** GET of one object. */
export async function getObject(ctx: RequestContext, resource: Resource, storage: Storage): Promise<Answer> {
  if (resource.live)
    return objectAnswer(ctx, resource, made(await resource.live.get(ctx.info.namespace, ctx.info.name)));
  const version = ctx.query.get('resourceVersion') ?? '';
  await awaitFreshness(resource, version === '' ? undefined : parseRevision(version));
  const key = objectKey(resource.kind, ctx.info.namespace, ctx.info.name);
  const entry = resource.cache.get(key);
  // The cache does not show what cannot be read: the store says why.
  if (!entry && (resource.cache.isUnreadable(key) || storage.mayBeOutdated?.(resource.prefix + key))) {
    await new ObjectStore(resource, storage).read(key, ctx.info.name);
  }
  if (!entry) throw errors.notFound(resource.ref, ctx.info.name);
  await resource.cache.prepare?.([entry]);
  return objectAnswer(ctx, resource, entry);
}

/** LIST: from the watch cache, in key order. */
export async function listObjects(ctx: RequestContext, resource: Resource, storage: Storage): Promise<Answer> {
  const options = listOptions(ctx.query);
  const selection = selectionOf(ctx, resource.kind);
  if (resource.live) {
    const found = await resource.live.list(ctx.info.namespace, selection.match ?? (() => true));
    return listAnswer(ctx, resource, found.map(made), {});
  }
  const page = await pageOf(resource, selection, options, storage);
  return listAnswer(ctx, resource, page.entries, {
    resourceVersion: String(page.revision),
    ...(page.more ? { continue: page.more } : {}),
    ...(page.remaining ? { remainingItemCount: page.remaining } : {}),
  });
}
