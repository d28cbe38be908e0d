import { copyJson } from '#api/meta/copy.ts';
import { errors, isAlreadyExists, isNotFound, type StatusError } from '#api/meta/errors.ts';
import { invalid } from '#api/meta/fielderrors.ts';
import type { KubeObject, Stored } from '#api/meta/objectmeta.ts';
import { isSet } from '#api/meta/query.ts';
import { apiTime } from '#api/meta/time.ts';
import { applyDefaults } from '#api/schema/defaults.ts';
import { isReleased } from '../registry/deleter.ts';
import { objectKey, type Resource } from '../registry/resource.ts';
import { type Change, type Encoded, ObjectStore, outcomeUnknown } from '../registry/store.ts';
import { checkIdentity, type Target, type Writer } from '../registry/writer.ts';
import { type RequestContext, writeOptions } from '../request/context.ts';
import { mediaType, readObject } from './body.ts';
import { APPLY_PATCH, type ApplyHow, appliedConfiguration, applyOver, patcherOf } from './patch.ts';
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

type WithStatus = KubeObject & { status?: unknown };

/** What a write means to store: a subresource `status` writes nothing else, and all else no status. */
function meant({ resource, subresource }: Target, object: WithStatus, old: WithStatus | undefined): KubeObject {
  if (!resource.kind.hasStatus) return object;
  const [main, part] = subresource === 'status' && old ? [old, object] : [object, old];
  const { status: _s, ...rest } = main;
  return { ...rest, ...(part?.status === undefined ? {} : { status: part.status }) };
}

/**
 * Defaults of a further version, and the schema of a custom one.
 * @param old what the version showed before: what did not change need not be valid. @throws StatusError 422
 */
function checkView(target: Target, object: KubeObject, old?: KubeObject): void {
  const { kind, ref } = target.resource;
  applyDefaults(kind.schema, object);
  if (!kind.custom) return;
  kind.defaults?.(object);
  const problems = kind.validate?.(meant(target, object, old), old) ?? [];
  if (problems.length > 0) throw errors.invalid(ref, object.metadata?.name ?? '', problems);
}

/** What was stored, as the version asked for shows it. */
export async function shownAs<T extends Encoded>({ storedAs }: Resource, stored: T): Promise<T> {
  if (!storedAs) return stored;
  const object = await storedAs.fromStored(stored.object);
  return { ...stored, object, bytes: Buffer.from(JSON.stringify(object)) };
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

/** @throws StatusError 400 without a name, or with another one than the URL's */
export function checkName({ metadata }: KubeObject, { name }: Target): void {
  const given = metadata?.name;
  if (given === name) return;
  throw errors.badRequest(
    given
      ? `the name of the object (${given}) does not match the name on the URL (${name})`
      : `the name of the object (${name} based on URL) was undeterminable: name must be provided`,
  );
}

/** A configuration may leave to the URL what it is called. @throws StatusError 400 */
export function alignName(object: KubeObject, target: Target): void {
  object.metadata = { ...object.metadata, name: object.metadata?.name || target.name };
  checkName(object, target);
}

/** @throws StatusError 422 when a PUT does not say which version of the object it changes, and must */
function checkVersionGiven({ resource: { kind, ref }, name }: Target, { metadata }: KubeObject): void {
  if (!kind.needsVersion || !['', '0'].includes(metadata?.resourceVersion ?? '')) return;
  const problem = invalid('metadata.resourceVersion', 0, 'must be specified for an update');
  // Go writes the number in hexadecimal, and means the resource by the kind.
  const shown = { ...problem, message: problem.message.replace('0', '0x0') };
  throw errors.invalid({ ...ref, kind: ref.plural }, name, [shown]);
}

/** Others may create and delete the object while it is written. */
const ATTEMPTS = 5;

/** The object itself is not there, rather than something that admission looked for. */
function isAbsent(e: unknown, { resource, name }: Target): boolean {
  if (!isNotFound(e)) return false;
  const { details } = (e as StatusError).status;
  const { ref } = resource.storedAs?.resource ?? resource;
  return details?.name === name && details.kind === ref.plural;
}

/** The two ways to write an object. */
interface Ways {
  readonly create: () => Promise<Encoded>;
  readonly change: () => Promise<Encoded>;
  /** Which one is tried first. */
  readonly creating: boolean;
  readonly mayCreate: boolean;
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
    alignNamespace(object, target);
    const named = { ...target, name: object.metadata?.name ?? '' };
    return objectAnswer(ctx, resource, await this.#create(named, object), 201);
  }

  /** @param allowed throws a StatusError 403 if the user may not create what is not there */
  async update(ctx: RequestContext, resource: Resource, allowed: () => Promise<void>): Promise<Answer> {
    const target = targetOf(ctx, resource);
    const object = readObject(ctx, resource.kind, target.options.fieldValidation);
    checkName(object, target);
    alignNamespace(object, target);
    const create = async (): Promise<Encoded> => {
      checkIdentity(target, object.metadata, { uid: '', resourceVersion: '' });
      await allowed();
      return this.#create(target, copyJson(object));
    };
    const change = (): Promise<Encoded> =>
      this.change(target, () => {
        checkVersionGiven(target, object);
        return copyJson(object);
      });
    const mayCreate = resource.kind.createOnUpdate === true && target.subresource === '';
    const { result, created } = await this.#write(target, { create, change, creating: false, mayCreate });
    return objectAnswer(ctx, resource, result, created ? 201 : 200);
  }

  /** Creates or changes an object, whichever turns out to be possible. */
  async #write(
    target: Target,
    { create, change, creating, mayCreate }: Ways,
  ): Promise<{ result: Encoded; created: boolean }> {
    let created = creating;
    for (let attempt = 1; ; attempt++) {
      try {
        return { result: await (created ? create() : change()), created };
      } catch (e) {
        const other = created ? isAlreadyExists(e) : mayCreate && isAbsent(e, target);
        if (!other || attempt >= ATTEMPTS) throw e;
        created = !created;
      }
    }
  }

  async patch(ctx: RequestContext, resource: Resource): Promise<Answer> {
    const target = targetOf(ctx, resource);
    if (mediaType(ctx) === APPLY_PATCH) return this.#apply(ctx, target);
    const patcher = patcherOf(ctx, resource, target.options.fieldValidation);
    const result = await this.change(target, (current) => {
      const next = patcher(current);
      checkName(next, target);
      alignNamespace(next, target);
      const { uid } = next.metadata ?? {};
      // Other than by a PUT, it is no condition.
      if (uid && uid !== current.metadata.uid)
        throw errors.invalid(resource.ref, target.name, [invalid('metadata.uid', uid, 'field is immutable')]);
      return next;
    });
    return objectAnswer(ctx, resource, result);
  }

  #configuration(ctx: RequestContext, target: Target): KubeObject {
    const applied = appliedConfiguration(ctx, target.resource, target.options);
    alignName(applied, target);
    alignNamespace(applied, target);
    return applied;
  }

  /** What a server-side apply request says of itself beside its body. */
  howToApply(ctx: RequestContext, { options, subresource, resource }: Target): ApplyHow {
    const { clock, versions } = this.#writer.deps;
    const force = isSet(ctx.query, 'force');
    return { options, force, subresource, now: apiTime(clock.now()), inVersion: versions?.(resource) };
  }

  async #apply(ctx: RequestContext, target: Target): Promise<Answer> {
    const { resource } = target;
    let applied = this.#configuration(ctx, target);
    const { uid, resourceVersion } = applied.metadata ?? {};
    const how = this.howToApply(ctx, target);
    const mayCreate = target.subresource === '' && !uid && !resourceVersion;
    // The cache is right nearly always, and a guess costs one transaction instead of a read and a transaction.
    const creating = mayCreate && !resource.cache.get(objectKey(resource.kind, target.namespace, target.name));
    const create = async (): Promise<Encoded> => {
      try {
        return await this.#create(target, applyOver(undefined, applied, resource, how));
      } catch (e) {
        // A creation fills in defaults, also when it fails.
        applied = this.#configuration(ctx, target);
        throw e;
      }
    };
    const change = (): Promise<Encoded> => this.change(target, (live) => applyOver(live, applied, resource, how));
    const { result, created } = await this.#write(target, { create, change, creating, mayCreate });
    return objectAnswer(ctx, resource, result, created ? 201 : 200);
  }

  async #create(target: Target, object: KubeObject): Promise<Encoded> {
    const { storedAs } = target.resource;
    if (!storedAs) return this.#writer.create(target, object);
    checkView(target, object);
    const converted = await storedAs.toStored(object);
    const result = await this.#writer.create(
      { ...target, resource: storedAs.resource, asked: target.resource },
      converted,
    );
    return shownAs(target.resource, result);
  }

  /** Read-modify-write of one object through the whole update pipeline. */
  async change(
    target: Target,
    next: (current: Stored<KubeObject>) => KubeObject | Promise<KubeObject>,
  ): Promise<Encoded> {
    const { resource, namespace, name, options } = target;
    const { storedAs } = resource;
    if (storedAs) {
      const stored = async (o: Stored<KubeObject>): Promise<KubeObject> => {
        const old = await storedAs.fromStored(o);
        const object = await next(old);
        checkView(target, object, old);
        return storedAs.toStored(object);
      };
      return shownAs(resource, await this.change({ ...target, resource: storedAs.resource, asked: resource }, stored));
    }
    const store = new ObjectStore(resource, this.#writer.deps.storage);
    let undo: () => void = () => {};
    let dry: Encoded | undefined;
    let written: { object: KubeObject; current: Stored<KubeObject> } | undefined;
    const decide = async (current: Stored<KubeObject>): Promise<Change> => {
      undo();
      undo = () => {};
      written = undefined;
      const object = await this.#writer.prepareUpdate(target, await next(current), current);
      if (!object) return { do: options.dryRun ? 'nothing' : 'keep' };
      undo = await this.#writer.reserve(target, object, current);
      if (options.dryRun) {
        dry = this.#writer.dry(resource, object, current);
        return { do: 'nothing' };
      }
      if (isReleased(object)) return { do: 'delete' };
      written = { object, current };
      return { do: 'write', object };
    };
    try {
      const result = await store.change(objectKey(resource.kind, namespace, name), name, decide);
      const { revision } = result;
      if (result.deleted) this.#writer.afterDelete(target, result.object, revision);
      else if (written) this.#writer.afterUpdate(target, written.object, written.current, revision);
      return dry ?? result;
    } catch (e) {
      if (!outcomeUnknown(e)) undo();
      throw e;
    }
  }
}
