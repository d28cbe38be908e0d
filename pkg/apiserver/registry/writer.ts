import { randomUUID } from 'node:crypto';
import type { Kind, KindPart } from '#api/kind.ts';
import { copyJson } from '#api/meta/copy.ts';
import { sameJson } from '#api/meta/equal.ts';
import { errors } from '#api/meta/errors.ts';
import type { FieldError } from '#api/meta/fielderrors.ts';
import type { KubeObject, ObjectMeta, Stored } from '#api/meta/objectmeta.ts';
import { apiTime } from '#api/meta/time.ts';
import { validateObjectMeta, validateObjectMetaUpdate } from '#api/meta/validate-meta.ts';
import { type InVersion, type TrackRequest, trackUpdate } from '#api/patch/managedfields/track.ts';
import { applyDefaults } from '#api/schema/defaults.ts';
import { type ObjectSchema, resolveLazy } from '#api/schema/schema.ts';
import type { Clock } from '#async/clock.ts';
import type { Storage } from '#storage/storage.ts';
import type { Admission } from '../admission/types.ts';
import type { UserInfo, WriteOptions } from '../request/context.ts';
import { keepSystemMeta } from './kept-meta.ts';
import { generatedName } from './names.ts';
import { objectKey, type Resource } from './resource.ts';
import { type Encoded, ObjectStore, outcomeUnknown } from './store.ts';
import { asAsked } from './versions.ts';

/** Side resources a write needs, such as a Service's cluster IP. `undo` is called when the write has failed for sure. */
export interface WriteHook {
  /** Plural name of what it is for; "*" for everything, subresources included. */
  readonly resource: string;
  /** Before a create or update is stored; may change `o`. */
  before?(
    o: KubeObject,
    old: Stored<KubeObject> | undefined,
    dryRun: boolean,
    target: Target,
  ): Promise<{ undo(): void } | undefined>;
  /** After an update was stored, at this revision. */
  afterUpdate?(o: KubeObject, old: Stored<KubeObject>, target: Target, revision: number): void;
  /** After the object is gone, since this revision. Another one may have come under its name meanwhile. */
  afterDelete?(old: Stored<KubeObject>, target: Target, revision: number): void;
}

export interface WriterDeps {
  readonly storage: Storage;
  readonly clock: Clock;
  readonly admission: Admission;
  readonly hooks: readonly WriteHook[];
  /** Default: all versions call fields the same. */
  readonly versions?: (resource: Resource) => InVersion;
}

/** A write of one object: who, where, and how. */
export interface Target {
  readonly resource: Resource;
  /** The version the client asked for, when it is another one. */
  readonly asked?: Resource;
  readonly namespace: string;
  readonly name: string;
  readonly subresource: string;
  readonly user: UserInfo;
  readonly options: WriteOptions;
}

const GENERATE_ATTEMPTS = 8;

/** Creates and updates: the order of steps is that of the Kubernetes generic registry. */
export class Writer {
  readonly deps: WriterDeps;

  constructor(deps: WriterDeps) {
    this.deps = deps;
  }

  /** @throws StatusError 409 AlreadyExists, 422 Invalid, or what admission says. */
  async create(target: Target, object: KubeObject): Promise<Encoded> {
    const generateName = object.metadata?.name ? undefined : object.metadata?.generateName;
    if (!generateName) return this.#createOnce(target, object);
    for (let attempt = 1; ; attempt++) {
      const named = copyJson(object);
      named.metadata = { ...named.metadata, name: generatedName(generateName) };
      try {
        return await this.#createOnce(target, named);
      } catch (e) {
        const clash = (e as { reason?: string }).reason === 'AlreadyExists';
        if (!clash || attempt >= GENERATE_ATTEMPTS) throw e;
      }
    }
  }

  async #createOnce(target: Target, object: KubeObject): Promise<Encoded> {
    const { resource, user, options } = target;
    const { kind } = resource;
    this.#stampNew(target, object);
    applyDefaults(kind.schema, object);
    kind.defaults?.(object);
    const name = object.metadata?.name ?? '';
    const seen = { isChanged: false };
    const attributes = {
      operation: 'CREATE' as const,
      resource,
      ...(target.asked ? { asked: target.asked } : {}),
      subresource: target.subresource,
      namespace: target.namespace,
      name,
      object,
      onChange: () => {
        seen.isChanged = true;
      },
      user,
      dryRun: options.dryRun,
      warnings: options.warnings,
      annotations: options.annotations,
    };
    await this.deps.admission.admit(attributes);
    const problems = seen.isChanged ? await this.#changedProblems(target, object) : [];
    kind.prepareCreate?.(object, askedVersion(target));
    if (kind.hasGeneration && object.metadata) object.metadata.generation = 1;
    if (!checkedBefore(target)) problems.push(...(kind.validate?.(object) ?? []));
    this.#reject(resource, object, [...validateObjectMeta(kind, object), ...problems]);
    await this.deps.admission.validate(attributes);
    options.warnings.push(...(kind.warnings?.(object) ?? []));
    const undo = await this.#before(target, object, undefined);
    try {
      if (!object.metadata?.managedFields?.some((f) => f.operation === 'Apply')) {
        this.#track(target, object, undefined, target.asked && (await asAsked(target.asked, object, undefined)));
      }
      // A kind may have given a name to what has none.
      const named = object.metadata?.name ?? '';
      const key = objectKey(kind, target.namespace, named);
      if (options.dryRun) {
        const exists = resource.cache.get(key) ?? (await this.deps.storage.get(resource.prefix + key));
        if (exists) throw errors.alreadyExists(resource.ref, named);
        return this.#dry(resource, object, '');
      }
      return await new ObjectStore(resource, this.deps.storage).create(key, named, object);
    } catch (e) {
      if (!outcomeUnknown(e)) undo();
      throw e;
    }
  }

  #stampNew(target: Target, object: KubeObject): void {
    const { kind } = target.resource;
    const given = object.metadata ?? {};
    if (given.resourceVersion) throw errors.badRequest('resourceVersion should not be set on objects to be created');
    const { deletionTimestamp: _t, deletionGracePeriodSeconds: _g, generation: _n, selfLink: _s, ...kept } = given;
    const metadata: ObjectMeta = {
      ...kept,
      uid: randomUUID(),
      creationTimestamp: apiTime(this.deps.clock.now()),
    };
    if (kind.namespaced) metadata.namespace = target.namespace;
    object.metadata = metadata;
  }

  /**
   * The new state of an existing object, ready to be stored. `next` is a complete object as the client wants it.
   * @returns undefined when nothing changed.
   */
  async prepareUpdate(target: Target, next: KubeObject, old: Stored<KubeObject>): Promise<KubeObject | undefined> {
    const { resource, options } = target;
    const { kind } = resource;
    const part = kind.parts?.[target.subresource];
    checkIdentity(target, next.metadata, old.metadata);
    const object = this.#merged(target, next, old);
    // These share all else with the cached object, which has its defaults already and must not be touched.
    if (target.subresource !== 'status' && target.subresource !== 'binding') {
      applyDefaults(kind.schema, object);
      kind.defaults?.(object);
    }
    const seen = { isChanged: false };
    const attributes = {
      operation: 'UPDATE' as const,
      resource,
      ...(target.asked ? { asked: target.asked } : {}),
      subresource: target.subresource,
      namespace: target.namespace,
      name: target.name,
      object,
      onChange: () => {
        seen.isChanged = true;
      },
      oldObject: old,
      user: target.user,
      dryRun: options.dryRun,
      warnings: options.warnings,
      annotations: options.annotations,
    };
    // A binding was admitted as what it is.
    const admission = target.subresource === 'binding' ? undefined : this.deps.admission;
    await admission?.admit(attributes);
    const changedProblems = seen.isChanged ? await this.#changedProblems(target, object, old) : [];
    if (target.subresource === '') kind.prepareUpdate?.(object, old, askedVersion(target));
    else if (target.subresource === 'status') kind.prepareStatus?.(object, old);
    const asked = kind.hasGeneration || kind.warnings !== undefined;
    const changed = asked && target.subresource !== 'status' && !sameDesiredState(kind, object, old);
    if (kind.hasGeneration && object.metadata) {
      object.metadata.generation = (old.metadata.generation ?? 0) + (changed ? 1 : 0);
    }
    const problems = [...validateObjectMetaUpdate(object, old), ...changedProblems];
    if (checkedBefore(target)) problems.push(...validateObjectMeta(kind, object));
    else if (target.subresource === 'status') {
      problems.push(...validateObjectMeta(kind, object), ...(kind.validateStatus?.(object, old) ?? []));
    } else if (part) problems.push(...part.validate(object, old));
    // A binding sets what no other update may: its handler has checked all there is to check.
    else if (target.subresource !== 'binding') {
      problems.push(...validateObjectMeta(kind, object), ...(kind.validate?.(object, old) ?? []));
    }
    this.#reject(resource, object, problems);
    await admission?.validate(attributes);
    if (changed && target.subresource === '') options.warnings.push(...(kind.warnings?.(object) ?? []));
    this.#track(target, object, old, target.asked && (await asAsked(target.asked, object, old)));
    return sameObject(object, old) ? undefined : object;
  }

  /** By the schema of the custom version asked for, what admission has made of an object that had been checked by it. */
  async #changedProblems(target: Target, object: KubeObject, old?: Stored<KubeObject>): Promise<FieldError[]> {
    if (!checkedBefore(target) || !target.asked?.storedAs) return [];
    const { kind, storedAs } = target.asked;
    const shown = await storedAs.fromStored(copyJson(object) as Stored<KubeObject>);
    return kind.validate?.(shown, old && (await storedAs.fromStored(old))) ?? [];
  }

  /** Runs the hooks that reserve side resources; returns how to give them back. */
  async #before(target: Target, object: KubeObject, old: Stored<KubeObject> | undefined): Promise<() => void> {
    const undos: { undo(): void }[] = [];
    const undo = (): void => {
      for (const u of undos.reverse()) u.undo();
    };
    try {
      for (const hook of this.deps.hooks) {
        if (!isFor(hook, target)) continue;
        // The status of an object reserves nothing, and its write shares the rest with the cached object.
        if (hook.resource !== '*' && target.subresource !== '') continue;
        const reserved = await hook.before?.(object, old, target.options.dryRun, target);
        if (reserved) undos.push(reserved);
      }
    } catch (e) {
      undo();
      throw e;
    }
    if (!target.options.dryRun) return undo;
    undo();
    return () => {};
  }

  /** Reservations for an update about to be stored. */
  async reserve(target: Target, object: KubeObject, old: Stored<KubeObject>): Promise<() => void> {
    return this.#before(target, object, old);
  }

  /** What the client may change through the target's subresource, laid over the old object. */
  #merged(target: Target, next: KubeObject, old: Stored<KubeObject>): KubeObject {
    if (target.subresource === 'status') return this.#statusWrite(target, next, old);
    if (target.subresource === 'binding') return { ...next, metadata: keepSystemMeta(next.metadata, old.metadata) };
    const part = target.resource.kind.parts?.[target.subresource];
    return part ? this.#partWrite(part, next, old) : this.#mainWrite(target, next, old);
  }

  #partWrite(part: KindPart<KubeObject>, next: KubeObject, old: Stored<KubeObject>): KubeObject {
    const metadata = keepSystemMeta(old.metadata, old.metadata);
    if (next.metadata?.managedFields) metadata.managedFields = next.metadata.managedFields;
    // Defaults are filled into it, and the old object is the cache's.
    return copyJson({ ...part.lay(next, old), metadata });
  }

  #mainWrite(target: Target, next: KubeObject, old: Stored<KubeObject>): KubeObject {
    const object: KubeObject & { status?: unknown } = {
      ...next,
      metadata: keepSystemMeta(next.metadata, old.metadata),
    };
    if (target.resource.kind.hasStatus) {
      const { status } = old as { status?: unknown };
      if (status === undefined) delete object.status;
      else object.status = copyJson(status);
    }
    return object;
  }

  #statusWrite({ resource: { kind } }: Target, next: KubeObject, old: Stored<KubeObject>): KubeObject {
    const { managedFields } = next.metadata ?? {};
    const metadata = kind.statusKeepsMeta
      ? keepSystemMeta({ ...old.metadata, ...(managedFields ? { managedFields } : {}) }, old.metadata)
      : keepSystemMeta(next.metadata, old.metadata);
    metadata.ownerReferences = old.metadata.ownerReferences;
    const object: KubeObject & { status?: unknown } = { ...old, metadata };
    const { status } = next as { status?: unknown };
    if (status !== undefined) object.status = status;
    // Go has an empty one where none is given; of a custom object there is none then.
    else if (kind.custom) delete object.status;
    else object.status = {};
    if (object.status !== undefined) defaultStatus(kind.schema, object.status);
    return object;
  }

  #reject(resource: Resource, object: KubeObject, problems: readonly FieldError[]): void {
    if (problems.length > 0) throw errors.invalid(resource.ref, object.metadata?.name ?? '', problems);
  }

  #track(target: Target, object: KubeObject, old: Stored<KubeObject> | undefined, asked?: TrackRequest['asked']): void {
    const { options, resource, subresource } = target;
    if (!object.metadata) return;
    object.metadata.managedFields = trackUpdate({
      schema: resource.kind.schema,
      hasStatus: resource.kind.hasStatus,
      old,
      new: object,
      managedFields: object.metadata.managedFields ?? [],
      manager: options.fieldManager,
      subresource,
      apiVersion: resource.apiVersion,
      now: apiTime(this.deps.clock.now()),
      inVersion: this.deps.versions?.(resource),
      asked,
    });
  }

  /** The answer to a dry run: what would have been stored. */
  #dry(resource: Resource, object: KubeObject, version: string): Encoded {
    const shown = {
      ...object,
      kind: resource.kind.kind,
      apiVersion: resource.apiVersion,
      metadata: { ...object.metadata, ...(version ? { resourceVersion: version } : {}) },
    } as Stored<KubeObject>;
    return { object: shown, bytes: Buffer.from(JSON.stringify(shown)) };
  }

  /** Tells the hooks that an update was stored. */
  afterUpdate(target: Target, object: KubeObject, old: Stored<KubeObject>, revision: number): void {
    for (const h of this.deps.hooks) if (isFor(h, target)) h.afterUpdate?.(object, old, target, revision);
  }

  /** Tells the hooks that an object is gone. */
  afterDelete(target: Target, old: Stored<KubeObject>, revision: number): void {
    for (const h of this.deps.hooks) if (isFor(h, target)) h.afterDelete?.(old, target, revision);
  }

  dry(resource: Resource, object: KubeObject, old: Stored<KubeObject>): Encoded {
    return this.#dry(resource, object, old.metadata.resourceVersion);
  }
}

/** The version the client asked for has a schema of its own, which alone decides; that of the stored version is not asked. */
const checkedBefore = ({ asked }: Target): boolean => asked?.kind.custom === true;

/** Fills in what is constant in a status. The rest of the object is that of the cache, and has it already. */
function defaultStatus({ fields }: ObjectSchema, status: unknown): void {
  const schema = fields.status && resolveLazy(fields.status.schema);
  if (schema?.kind === 'object' && typeof status === 'object' && status) applyDefaults(schema, status);
}

const askedVersion = ({ asked, resource }: Target): string => (asked ?? resource).kind.version;

type Identity = Pick<ObjectMeta, 'uid' | 'resourceVersion'>;

/**
 * @param wanted names the object and version that a write is meant for; what is unset is any
 * @param there those there are, "" where there is no object
 * @throws StatusError 409
 */
export function checkIdentity({ resource, name }: Target, wanted: Identity = {}, there: Required<Identity>): void {
  const { uid, resourceVersion } = wanted;
  if (uid && uid !== there.uid) {
    const why = `Precondition failed: UID in precondition: ${uid}, UID in object meta: ${there.uid}`;
    throw errors.conflict(resource.ref, name, why);
  }
  // "0" is any version, as in reads.
  const version = resourceVersion === '0' ? '' : resourceVersion;
  if (version && version !== there.resourceVersion) throw errors.modified(resource.ref, name);
}

const isFor = (hook: WriteHook, { resource }: Target): boolean =>
  hook.resource === '*' || hook.resource === resource.kind.plural;

function sameDesiredState({ countsAnnotations }: Kind, a: KubeObject, b: KubeObject): boolean {
  const { metadata: _am, status: _as, apiVersion: _av, kind: _ak, ...x } = a as KubeObject & { status?: unknown };
  const { metadata: _bm, status: _bs, apiVersion: _bv, kind: _bk, ...y } = b as KubeObject & { status?: unknown };
  if (!sameJson(x, y)) return false;
  return !countsAnnotations || sameJson(a.metadata?.annotations ?? {}, b.metadata?.annotations ?? {});
}

const withoutManagedTimes = (m: ObjectMeta | undefined): unknown => ({
  ...m,
  managedFields: m?.managedFields?.map(({ time: _t, ...f }) => f),
});

/** Equal but for the times of managedFields: such a write is not stored. */
function sameObject(a: KubeObject, b: Stored<KubeObject>): boolean {
  const { metadata: am, apiVersion: _av, kind: _ak, ...x } = a;
  const { metadata: bm, apiVersion: _bv, kind: _bk, ...y } = b;
  return sameJson(x, y) && sameJson(withoutManagedTimes(am), withoutManagedTimes(bm));
}
