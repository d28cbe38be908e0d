import { ScaleSchema } from '#api/kinds/index.ts';
import { copyJson } from '#api/meta/copy.ts';
import { errors } from '#api/meta/errors.ts';
import { invalid } from '#api/meta/fielderrors.ts';
import type { KubeObject } from '#api/meta/objectmeta.ts';
import { jsonPatch } from '#api/patch/json-patch.ts';
import { mergePatch } from '#api/patch/merge-patch.ts';
import { objectKey, type Resource } from '../registry/resource.ts';
import type { RequestContext } from '../request/context.ts';
import { mediaType, parseText } from '../rest/body.ts';
import { type Answer, valueAnswer } from '../rest/respond.ts';
import { targetOf, type WriteHandlers } from '../rest/write.ts';
import { type Scale, scaleOf } from './scale-object.ts';

function shown({ kind }: Resource, o: KubeObject): Scale {
  const scale = scaleOf(kind, o);
  if (!scale) throw errors.pathNotFound();
  return scale;
}

/** GET, PUT and PATCH of <resource>/scale, for every kind that declares how it scales. */
export async function handleScale(ctx: RequestContext, resource: Resource, writes: WriteHandlers): Promise<Answer> {
  const access = resource.kind.scale;
  if (!access) throw errors.pathNotFound();
  const target = targetOf(ctx, resource);
  if (ctx.info.verb === 'get') {
    await resource.cache.ready();
    await resource.cache.consistent();
    const entry = resource.cache.get(objectKey(resource.kind, target.namespace, target.name));
    if (!entry) throw errors.notFound(resource.ref, target.name);
    await resource.cache.prepare?.([entry]);
    return valueAnswer(ctx, ScaleSchema, shown(resource, entry.object));
  }
  const wanted = scaleChange(ctx);
  const result = await writes.change({ ...target, subresource: 'scale' }, (current) => {
    const scale = wanted(shown(resource, current));
    const replicas = scale.spec?.replicas ?? 0;
    if (!Number.isInteger(replicas) || replicas < 0) {
      throw errors.invalid({ group: 'autoscaling', plural: 'scales', kind: 'Scale' }, target.name, [
        invalid('spec.replicas', replicas, 'must be greater than or equal to 0'),
      ]);
    }
    const version = scale.metadata?.resourceVersion;
    if (version && version !== current.metadata.resourceVersion) throw errors.modified(resource.ref, target.name);
    const next = copyJson(current);
    access.set(next, replicas);
    return next;
  });
  return valueAnswer(ctx, ScaleSchema, shown(resource, result.object));
}

function scaleChange(ctx: RequestContext): (current: Scale) => Scale {
  const type = mediaType(ctx);
  if (ctx.info.verb === 'update') {
    const scale = parseText(ctx.body, type) as Scale;
    return () => scale;
  }
  if (ctx.info.verb !== 'patch') throw errors.methodNotAllowed();
  const body = parseText(ctx.body, 'application/json');
  if (type === 'application/json-patch+json') return (s) => jsonPatch(s, body as never) as Scale;
  if (type === 'application/merge-patch+json' || type === 'application/strategic-merge-patch+json') {
    return (s) => {
      const next = mergePatch(s, body as Record<string, unknown>) as Scale;
      const given = (body as Scale).metadata?.resourceVersion;
      // A patch names the version it was made for only if it says so.
      if (!given && next.metadata) delete next.metadata.resourceVersion;
      return next;
    };
  }
  throw errors.unsupportedMediaType('a scale is patched with a JSON patch or a merge patch');
}
