import type { Kind } from '#api/kind.ts';
import { errors } from '#api/meta/errors.ts';
import type { Storage } from '#storage/storage.ts';
import { authorize } from '../authz/authorize.ts';
import type { Deleter } from '../registry/deleter.ts';
import type { Resource, ResourceTable } from '../registry/resource.ts';
import type { RequestContext } from '../request/context.ts';
import type { RequestInfo } from '../request/info.ts';
import { answerReview, type ReviewDeps } from '../subresources/reviews.ts';
import { handleScale } from '../subresources/scale.ts';
import type { SubresourceHandler } from '../subresources/types.ts';
import { deleteCollection, deleteObject } from './delete.ts';
import { getObject, listObjects } from './read.ts';
import type { Answer } from './respond.ts';
import type { WriteHandlers } from './write.ts';

export interface DispatchDeps {
  readonly storage: Storage;
  readonly resources: ResourceTable;
  readonly writes: WriteHandlers;
  readonly deleter: Deleter;
  readonly reviews: ReviewDeps;
  readonly subresources: readonly SubresourceHandler[];
}

/**
 * Finds the resource of a request. @throws StatusError 404, also when what belongs to the cluster is asked for within a namespace:
 * permission was asked for there, and who may do everything in a namespace must not reach the cluster through it.
 */
export function resourceOf(resources: ResourceTable, ctx: Pick<RequestContext, 'info'>): Resource {
  const { group, version, resource } = ctx.info;
  const found = resources.find(group, version, resource);
  if (!found || isMisplaced(found.kind, ctx.info)) throw errors.pathNotFound();
  return found;
}

/** Finds the resource of a watch. @throws StatusError 404 or 405 */
export function watchedOf(resources: ResourceTable, ctx: Pick<RequestContext, 'info'>): Resource {
  const resource = resourceOf(resources, ctx);
  if (!resource.kind.verbs.includes('watch')) throw errors.methodNotAllowed();
  return resource;
}

function isMisplaced(kind: Kind, { namespace, name }: RequestInfo): boolean {
  if (kind.namespaced) return namespace === '' && name !== '';
  const isNamespaceItself = kind.group === '' && kind.plural === 'namespaces' && namespace === name;
  return namespace !== '' && !isNamespaceItself;
}

/** Is this verb served at this path: of one object or of a collection, of one namespace or across all? */
export function isAllowed(kind: Kind, { verb, namespace, name }: RequestInfo): boolean {
  if (!(kind.verbs as readonly string[]).includes(verb)) return false;
  if (verb === 'update' || verb === 'patch') return name !== '';
  if (verb === 'create' && name !== '') return false;
  const acrossNamespaces = kind.namespaced && namespace === '';
  return !acrossNamespaces || (verb !== 'create' && verb !== 'deletecollection');
}

/** Answers every resource request that is not a stream. */
export class Dispatcher {
  readonly #deps: DispatchDeps;
  readonly #subresources = new Map<string, SubresourceHandler>();

  constructor(deps: DispatchDeps) {
    this.#deps = deps;
    for (const s of deps.subresources) this.#subresources.set(`${s.group}/${s.path}`, s);
  }

  async answer(ctx: RequestContext): Promise<Answer> {
    const resource = resourceOf(this.#deps.resources, ctx);
    const { subresource, verb } = ctx.info;
    if (subresource !== '') return this.#subresource(ctx, resource);
    if (!isAllowed(resource.kind, ctx.info)) throw errors.methodNotAllowed();
    switch (verb) {
      case 'get':
        return getObject(ctx, resource, this.#deps.storage);
      case 'list':
        return listObjects(ctx, resource, this.#deps.storage);
      case 'create':
        return (await answerReview(ctx, resource, this.#deps.reviews)) ?? this.#deps.writes.create(ctx, resource);
      case 'update':
        return this.#update(ctx, resource);
      case 'patch':
        return this.#deps.writes.patch(ctx, resource);
      case 'delete':
        return deleteObject(ctx, resource, this.#deps.deleter);
      case 'deletecollection':
        return deleteCollection(ctx, resource, this.#deps.deleter);
      default:
        throw errors.methodNotAllowed();
    }
  }

  /** A PUT that creates takes the permission for that, too. */
  #update(ctx: RequestContext, resource: Resource): Promise<Answer> {
    const { authorizer } = this.#deps.reviews;
    const creation = { user: ctx.user, info: { ...ctx.info, verb: 'create' } };
    return this.#deps.writes.update(ctx, resource, () => authorize(authorizer, creation));
  }

  async #subresource(ctx: RequestContext, resource: Resource): Promise<Answer> {
    const { subresource, verb } = ctx.info;
    if ((subresource === 'status' && resource.kind.hasStatus) || resource.kind.parts?.[subresource]) {
      if (verb === 'get') return getObject(ctx, resource, this.#deps.storage);
      if (verb === 'update') return this.#update(ctx, resource);
      if (verb === 'patch') return this.#deps.writes.patch(ctx, resource);
      throw errors.methodNotAllowed();
    }
    if (subresource === 'scale' && resource.kind.scale) return handleScale(ctx, resource, this.#deps.writes);
    const handler = this.#subresources.get(`${resource.kind.group}/${resource.kind.plural}/${subresource}`);
    if (!handler) throw errors.pathNotFound();
    return handler.handle(ctx, resource);
  }
}
