import { errors, isNotFound } from '#api/meta/errors.ts';
import type { KubeObject, Stored } from '#api/meta/objectmeta.ts';
import { isReleased } from '../registry/deleter.ts';
import { objectKey, type Resource } from '../registry/resource.ts';
import { type Change, type Encoded, ObjectStore } from '../registry/store.ts';
import { type Target, timestamp, type Writer } from '../registry/writer.ts';
import { type RequestContext, writeOptions } from '../request/context.ts';
import { mediaType, readObject } from './body.ts';
import { APPLY_PATCH, appliedConfiguration, applyOver, patcherOf } from './patch.ts';
import { type Answer, objectAnswer } from './respond.ts';

/** The target a request's URL and options name. */
export function targetOf(ctx: RequestContext, resource: Resource): Target {
  const { namespace, name, subresource } = ctx.info;
  return {
    resource,
    namespace: resource.kind.namespaced ? namespace : '',
    name,
    subresource,
    user: ctx.user,
    options: writeOptions(ctx),
  };
}

/** Aligns metadata.namespace with the URL. @throws StatusError 400 when they differ. */
export function alignNamespace(object: KubeObject, target: Target): void {
  const meta = object.metadata ?? {};
  object.metadata = meta;
  if (!target.resource.kind.namespaced) {
    if (meta.namespace)
      throw errors.badRequest('the namespace of the provided object does not match the namespace sent on the request');
    return;
  }
  if (meta.namespace && meta.namespace !== target.namespace) {
    throw errors.badRequest('the namespace of the provided object does not match the namespace sent on the request');
  }
  meta.namespace = target.namespace;
}

function alignName(object: KubeObject, target: Target): void {
  const meta = object.metadata ?? {};
  if (!meta.name) {
    object.metadata = { ...meta, name: target.name };
    return;
  }
  if (meta.name !== target.name) {
    throw errors.badRequest(
      `the name of the object (${meta.name}) does not match the name on the URL (${target.name})`,
    );
  }
}

/** The write verbs on a resource and its status. */
export class WriteHandlers {
  readonly #writer: Writer;

  constructor(writer: Writer) {
    this.#writer = writer;
  }

  async create(ctx: RequestContext, resource: Resource): Promise<Answer> {
    const target = targetOf(ctx, resource);
    const object = readObject(ctx, resource.kind, target.options.fieldValidation);
    if (resource.kind.namespaced && !target.namespace) {
      throw errors.badRequest('an empty namespace may not be set during creation');
    }
    alignNamespace(object, target);
    const named = { ...target, name: object.metadata?.name ?? '' };
    return objectAnswer(ctx, resource, await this.#writer.create(named, object), 201);
  }

  async update(ctx: RequestContext, resource: Resource): Promise<Answer> {
    const target = targetOf(ctx, resource);
    const object = readObject(ctx, resource.kind, target.options.fieldValidation);
    alignName(object, target);
    alignNamespace(object, target);
    return objectAnswer(ctx, resource, await this.change(target, () => structuredClone(object)));
  }

  async patch(ctx: RequestContext, resource: Resource): Promise<Answer> {
    const target = targetOf(ctx, resource);
    if (mediaType(ctx) === APPLY_PATCH) return this.#apply(ctx, target);
    const patcher = patcherOf(ctx, resource, target.options.fieldValidation);
    const result = await this.change(target, (current) => {
      const next = patcher(current);
      alignName(next, target);
      alignNamespace(next, target);
      return next;
    });
    return objectAnswer(ctx, resource, result);
  }

  async #apply(ctx: RequestContext, target: Target): Promise<Answer> {
    const { resource } = target;
    const applied = appliedConfiguration(ctx, resource, target.options);
    alignName(applied, target);
    alignNamespace(applied, target);
    const how = {
      options: target.options,
      force: ctx.query.get('force') === 'true',
      subresource: target.subresource,
      now: timestamp(this.#writer.deps.clock.now()),
    };
    try {
      const result = await this.change(target, (live) => applyOver(live, applied, resource, how));
      return objectAnswer(ctx, resource, result);
    } catch (e) {
      if (!isNotFound(e) || target.subresource !== '') throw e;
      if (applied.metadata?.uid || applied.metadata?.resourceVersion) throw e;
    }
    const created = await this.#writer.create(target, applyOver(undefined, applied, resource, how));
    return objectAnswer(ctx, resource, created, 201);
  }

  /** Read-modify-write of one object through the whole update pipeline. */
  async change(target: Target, next: (current: Stored<KubeObject>) => KubeObject): Promise<Encoded> {
    const { resource, namespace, name, options } = target;
    const store = new ObjectStore(resource, this.#writer.deps.storage);
    let undo: () => void = () => {};
    let dry: Encoded | undefined;
    const decide = async (current: Stored<KubeObject>): Promise<Change> => {
      undo();
      undo = () => {};
      const object = await this.#writer.prepareUpdate(target, next(current), current);
      if (!object) return { do: 'nothing' };
      undo = await this.#writer.reserve(target, object, current);
      if (options.dryRun) {
        dry = this.#writer.dry(resource, object, current);
        return { do: 'nothing' };
      }
      return isReleased(object) ? { do: 'delete' } : { do: 'write', object };
    };
    try {
      const result = await store.change(objectKey(resource.kind, namespace, name), name, decide);
      if (result.deleted) this.#writer.afterDelete(target, result.object);
      return dry ?? result;
    } catch (e) {
      undo();
      throw e;
    }
  }
}
