import { copyJson } from '#api/meta/copy.ts';
import { errors } from '#api/meta/errors.ts';
import { invalid } from '#api/meta/fielderrors.ts';
import type { KubeObject, Stored } from '#api/meta/objectmeta.ts';
import { apiTime } from '#api/meta/time.ts';
import { wrongOptions } from '../request/context.ts';
import { objectKey } from './resource.ts';
import { type Change, type Encoded, ObjectStore } from './store.ts';
import type { Target, Writer, WriterDeps } from './writer.ts';

/** Body of a DELETE: metav1.DeleteOptions. */
export interface DeleteRequest {
  readonly gracePeriodSeconds?: number;
  readonly propagationPolicy?: string;
  readonly dryRun?: readonly string[];
  /** Deprecated form of propagationPolicy. */
  readonly orphanDependents?: boolean;
  readonly preconditions?: { readonly uid?: string; readonly resourceVersion?: string };
}

const ORPHAN = 'orphan';
const FOREGROUND = 'foregroundDeletion';
const POLICIES = ['Foreground', 'Background', 'Orphan'];

/** @throws StatusError 422 on values Kubernetes refuses. */
export function checkDeleteRequest(r: DeleteRequest): void {
  const { propagationPolicy: policy, gracePeriodSeconds: grace } = r;
  if (policy !== undefined && !POLICIES.includes(policy)) {
    const supported = [...POLICIES, 'nil'].map((p) => `"${p}"`).join(', ');
    const message = `Unsupported value: "${policy}": supported values: ${supported}`;
    throw wrongOptions('delete', [{ type: 'FieldValueNotSupported', field: 'propagationPolicy', message }]);
  }
  if (policy !== undefined && r.orphanDependents !== undefined) {
    const why = 'orphanDependents and deletionPropagation cannot be both set';
    throw wrongOptions('delete', [invalid('propagationPolicy', policy, why)]);
  }
  if (grace !== undefined && !Number.isInteger(grace)) {
    throw errors.badRequest('gracePeriodSeconds must be an integer');
  }
}

/** @throws StatusError 409 when it is not the object, or not the state of it, that the request is about. */
export function checkPreconditions(target: Target, { preconditions = {} }: DeleteRequest, o: Stored<KubeObject>): void {
  const { uid, resourceVersion } = preconditions;
  const { ref } = target.resource;
  if (uid !== undefined && uid !== o.metadata.uid) {
    const why = `Precondition failed: UID in precondition: ${uid}, UID in object meta: ${o.metadata.uid}`;
    throw errors.conflict(ref, target.name, why);
  }
  if (resourceVersion !== undefined && resourceVersion !== o.metadata.resourceVersion) {
    const why = `Precondition failed: ResourceVersion in precondition: ${resourceVersion}, ResourceVersion in object meta: ${o.metadata.resourceVersion}`;
    throw errors.conflict(ref, target.name, why);
  }
}

/** Finalizers after the wish for the dependents' fate: "Garbage Collection", cascading deletion. */
function finalizersFor(r: DeleteRequest, present: readonly string[]): string[] {
  const policy =
    r.propagationPolicy ??
    (r.orphanDependents === undefined ? undefined : r.orphanDependents ? 'Orphan' : 'Background');
  if (policy === undefined) return [...present];
  const kept = present.filter((f) => f !== ORPHAN && f !== FOREGROUND);
  if (policy === 'Orphan') kept.push(ORPHAN);
  if (policy === 'Foreground') kept.push(FOREGROUND);
  return kept;
}

/** Namespaces hold their content by `spec.finalizers`. */
const heldBySpec = (o: KubeObject): boolean =>
  ((o as { spec?: { finalizers?: string[] } }).spec?.finalizers ?? []).length > 0;

/** Deletion in one or two steps: at once, or by deletionTimestamp until grace and finalizers are over. */
export class Deleter {
  readonly #writer: Writer;
  readonly #deps: WriterDeps;

  constructor(writer: Writer) {
    this.#writer = writer;
    this.#deps = writer.deps;
  }

  /** @returns the object as left behind (deleted: false) or as last seen (deleted: true). */
  async delete(target: Target, request: DeleteRequest): Promise<Encoded & { deleted: boolean }> {
    checkDeleteRequest(request);
    const { storedAs } = target.resource;
    if (storedAs) return this.delete({ ...target, resource: storedAs.resource, asked: target.resource }, request);
    const { resource, namespace, name, options } = target;
    const key = objectKey(resource.kind, namespace, name);
    const result = await new ObjectStore(resource, this.#deps.storage).change(key, name, async (current) => {
      checkPreconditions(target, request, current);
      await this.#admit(target, current);
      const change = this.#decide(target, request, current);
      return options.dryRun ? { do: 'nothing' } : change;
    });
    if (result.deleted) this.#writer.afterDelete(target, result.object, result.revision);
    return result;
  }

  async #admit(target: Target, oldObject: Stored<KubeObject>): Promise<void> {
    const { resource, asked, subresource, namespace, name, user, options } = target;
    // An eviction was admitted as what it is.
    if (subresource === 'eviction') return;
    const { dryRun, warnings, annotations } = options;
    const what = { resource, ...(asked ? { asked } : {}), subresource, namespace, name, oldObject };
    const attributes = { operation: 'DELETE' as const, ...what, user, dryRun, warnings, annotations };
    await this.#deps.admission.admit(attributes);
    await this.#deps.admission.validate(attributes);
  }

  #decide(target: Target, request: DeleteRequest, o: Stored<KubeObject>): Change {
    const { kind } = target.resource;
    const meta = o.metadata;
    const running = meta.deletionTimestamp !== undefined;
    const finalizers = finalizersFor(request, meta.finalizers ?? []);
    const { deletionFinalizer: first } = kind;
    if (first && !running && !finalizers.includes(first)) finalizers.push(first);
    const { gracePeriodSeconds: asked } = request;
    // Less than nothing is the shortest there is without force.
    const grace = kind.gracePeriod?.(o, asked !== undefined && asked < 0 ? 1 : asked) ?? 0;
    const held = finalizers.length > 0 || heldBySpec(o);
    // A running deletion can only be made shorter.
    const shortened = running && grace < (meta.deletionGracePeriodSeconds ?? 0);
    if (running && !shortened && grace > 0) return { do: 'nothing' };
    if (grace === 0 && !held) return { do: 'delete' };
    const sameFinalizers =
      finalizers.length === (meta.finalizers ?? []).length && finalizers.every((f) => meta.finalizers?.includes(f));
    if (running && !shortened && sameFinalizers) return { do: 'nothing' };
    return { do: 'write', object: this.#terminating(target, o, finalizers, running && !shortened ? undefined : grace) };
  }

  #terminating(target: Target, o: Stored<KubeObject>, finalizers: string[], grace: number | undefined): KubeObject {
    const next = copyJson(o) as KubeObject & { status?: { phase?: string } };
    const meta = next.metadata ?? {};
    if (finalizers.length > 0) meta.finalizers = finalizers;
    else delete meta.finalizers;
    if (grace !== undefined) {
      meta.deletionTimestamp = apiTime(this.#deps.clock.now() + grace * 1000);
      meta.deletionGracePeriodSeconds = grace;
      if (target.resource.kind.hasGeneration) meta.generation = (meta.generation ?? 0) + 1;
    }
    if (target.resource.kind.plural === 'namespaces') next.status = { ...next.status, phase: 'Terminating' };
    return next;
  }
}

/** True when an update took the last thing away that kept a deleted object alive. */
export const isReleased = (o: KubeObject): boolean =>
  o.metadata?.deletionTimestamp !== undefined &&
  (o.metadata.finalizers ?? []).length === 0 &&
  (o.metadata.deletionGracePeriodSeconds ?? 0) === 0 &&
  !heldBySpec(o);
