import { apiVersionOf, type Kind } from '#api/kind.ts';
import { Scales } from '#api/kinds/index.ts';
import { copyJson } from '#api/meta/copy.ts';
import { errors } from '#api/meta/errors.ts';
import { invalid } from '#api/meta/fielderrors.ts';
import type { KubeObject, ManagedFieldsEntry, Stored } from '#api/meta/objectmeta.ts';
import { jsonPatch } from '#api/patch/json-patch.ts';
import { mergePatch } from '#api/patch/merge-patch.ts';
import { objectKey, type Resource } from '../registry/resource.ts';
import { checkIdentity, type Target } from '../registry/writer.ts';
import type { RequestContext } from '../request/context.ts';
import { mediaType, parseText, readObject } from '../rest/body.ts';
import { APPLY_PATCH, appliedConfiguration, applyOver, asObject, asOperations, decodePatched } from '../rest/patch.ts';
import { type Answer, objectAnswer } from '../rest/respond.ts';
import { alignName, alignNamespace, checkName, targetOf, type WriteHandlers } from '../rest/write.ts';
import { type Scale, scaleOf } from './scale-object.ts';

function shown({ kind }: Resource, o: KubeObject): Scale {
  const scale = scaleOf(kind, o);
  if (!scale) throw errors.pathNotFound();
  return scale;
}

const SCALE = { kind: Scales as unknown as Kind, apiVersion: apiVersionOf(Scales) };

function answer(ctx: RequestContext, scale: Scale): Answer {
  return objectAnswer(ctx, SCALE, { object: scale as Stored<Scale>, bytes: Buffer.from(JSON.stringify(scale)) });
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
    return answer(ctx, shown(resource, entry.object));
  }
  const wanted = scaleChange(ctx, target, writes);
  const result = await writes.change(target, (current) => {
    const { scale, managedFields } = wanted(shown(resource, current), current);
    const replicas = scale.spec?.replicas ?? 0;
    checkScale(target, scale, replicas, current);
    const next = copyJson(current);
    access.set(next, replicas);
    return managedFields ? { ...next, metadata: { ...next.metadata, managedFields } } : next;
  });
  return answer(ctx, shown(resource, result.object));
}

/** @throws StatusError 400 for another name, 422, or 409 for another object or version than the one there is */
function checkScale(target: Target, scale: Scale, replicas: number, current: Stored<KubeObject>): void {
  checkName(scale, target);
  alignNamespace({ metadata: { ...scale.metadata } }, target);
  if (!Number.isInteger(replicas) || replicas < 0) {
    throw errors.invalid({ group: 'autoscaling', plural: 'scales', kind: 'Scale' }, target.name, [
      invalid('spec.replicas', replicas, 'must be greater than or equal to 0'),
    ]);
  }
  checkIdentity(target, scale.metadata, current.metadata);
}

/** A scale as it shall be, and who owns what of its object then, if that is known already. */
interface Wanted {
  readonly scale: Scale;
  readonly managedFields?: ManagedFieldsEntry[];
}

/** How a request changes a scale. @throws StatusError 400, 405 or 415 */
function scaleChange(
  ctx: RequestContext,
  target: Target,
  writes: WriteHandlers,
): (shown: Scale, current: Stored<KubeObject>) => Wanted {
  if (ctx.info.verb === 'update') {
    const scale = readObject(ctx, SCALE.kind, target.options.fieldValidation) as Scale;
    return () => ({ scale });
  }
  if (ctx.info.verb !== 'patch') throw errors.methodNotAllowed();
  const type = mediaType(ctx);
  if (type === APPLY_PATCH) return scaleApply(ctx, target, writes);
  const body = parseText(ctx.body, 'application/json');
  const typed = (scale: unknown): Scale => decodePatched(scale, SCALE, type).object as Scale;
  if (type === 'application/json-patch+json') return (s) => ({ scale: typed(jsonPatch(s, asOperations(body))) });
  if (type === 'application/merge-patch+json' || type === 'application/strategic-merge-patch+json') {
    return (s) => {
      const changes = asObject(body);
      const next = typed(mergePatch(s, changes));
      const given = (changes as Scale).metadata?.resourceVersion;
      // A patch names the version it was made for only if it says so.
      if (!given && next.metadata) delete next.metadata.resourceVersion;
      return { scale: next };
    };
  }
  throw errors.unsupportedMediaType('a scale is patched with a JSON patch, a merge patch, or by apply');
}

/**
 * Server-side apply of a scale is one of its object with nothing but the replicas: fields belong to managers of the object, by its
 * names for them.
 */
function scaleApply(
  ctx: RequestContext,
  target: Target,
  writes: WriteHandlers,
): (shown: Scale, current: Stored<KubeObject>) => Wanted {
  const { resource, options } = target;
  const { kind, apiVersion } = resource;
  const scale = appliedConfiguration(ctx, SCALE, options) as Scale;
  alignName(scale, target);
  alignNamespace(scale, target);
  const part = { apiVersion, kind: kind.kind, metadata: {}, spec: {} };
  const replicas = scale.spec?.replicas;
  if (replicas !== undefined) kind.scale?.set(part, replicas);
  const how = writes.howToApply(ctx, target);
  return (_shown, current) => {
    const merged = applyOver(current, part, resource, how);
    // Of the rest nothing is taken over: what is not owned field by field would be replaced as a whole.
    const spec = { replicas: kind.scale?.get(merged).replicas ?? 0 };
    return { scale: { ...scale, spec }, managedFields: merged.metadata?.managedFields ?? [] };
  };
}
