import { type Eviction, Evictions, type Pod } from '#api/kinds/index.ts';
import { errors, isConflict } from '#api/meta/errors.ts';
import type { Stored } from '#api/meta/objectmeta.ts';
import { apiTime } from '#api/meta/time.ts';
import { decodeProtobuf } from '#api/protobuf/decode.ts';
import type { Clock } from '#async/clock.ts';
import type { Admission } from '../admission/types.ts';
import { checkDeleteRequest, checkPreconditions, type DeleteRequest, type Deleter } from '../registry/deleter.ts';
import { objectKey, type Resource } from '../registry/resource.ts';
import type { ObjectStore } from '../registry/store.ts';
import type { Target } from '../registry/writer.ts';
import { mediaType, parseText } from '../rest/body.ts';
import { successStatus } from '../rest/respond.ts';
import { targetOf } from '../rest/write.ts';
import { admitSubresource } from './admit.ts';
import type { DisruptionGuard } from './disruption.ts';
import type { SubresourceHandler } from './types.ts';

/** A pod may change while its budget is asked; what was decided for one state of it is decided again. */
const ATTEMPTS = 5;

/** Says of a pod that it is deleted for the sake of others ("Pod disruption conditions"): Jobs may not count it as failed. */
const DISRUPTED = {
  type: 'DisruptionTarget',
  status: 'True',
  reason: 'EvictionByEvictionAPI',
  message: 'Eviction API: evicting',
} as const;

interface EvictionDeps {
  readonly deleter: Deleter;
  readonly admission: Admission;
  readonly guard: DisruptionGuard;
  readonly storeOf: (r: Resource) => ObjectStore;
  readonly clock: Clock;
}

/** Pure: the pod with the condition; undefined when it has it. */
export function marked(pod: Stored<Pod>, now: number): Pod | undefined {
  const { conditions = [] } = pod.status ?? {};
  const old = conditions.find((c) => c.type === DISRUPTED.type);
  if (old?.status === 'True' && old.reason === DISRUPTED.reason) return undefined;
  const lastTransitionTime = old?.status === 'True' ? old.lastTransitionTime : apiTime(now);
  const next = { ...DISRUPTED, lastTransitionTime };
  return { ...pod, status: { ...pod.status, conditions: [...conditions.filter((c) => c !== old), next] } };
}

/** @returns the request for that very pod, in the state it has then if it was about one. @throws StatusError 409 */
async function mark({ storeOf, clock }: EvictionDeps, target: Target, request: DeleteRequest): Promise<DeleteRequest> {
  const { resource, namespace, name } = target;
  const key = objectKey(resource.kind, namespace, name);
  const { object } = await storeOf(resource).change(key, name, (current) => {
    checkPreconditions(target, request, current);
    const next = marked(current as Stored<Pod>, clock.now());
    return next ? { do: 'write', object: next } : { do: 'nothing' };
  });
  const { uid, resourceVersion } = object.metadata;
  return { ...request, preconditions: request.preconditions?.resourceVersion ? { uid, resourceVersion } : { uid } };
}

async function evict(deps: EvictionDeps, target: Target, request: DeleteRequest): Promise<void> {
  const { deleter, guard, storeOf } = deps;
  const { resource, namespace, name, options } = target;
  const key = objectKey(resource.kind, namespace, name);
  for (let attempt = 1; ; attempt++) {
    const pod = (await storeOf(resource).read(key, name)).object as Stored<Pod>;
    checkPreconditions(target, request, pod);
    const { asItIs } = await guard.permit(pod, options.dryRun);
    const { uid, resourceVersion } = pod.metadata;
    // Another pod may have come under its name, for which nobody was asked.
    const preconditions = { uid, ...(asItIs ? { resourceVersion } : {}), ...request.preconditions };
    const permitted = { ...request, preconditions };
    try {
      await deleter.delete(target, options.dryRun ? permitted : await mark(deps, target, permitted));
      return;
    } catch (e) {
      if (!isConflict(e) || request.preconditions?.resourceVersion || attempt >= ATTEMPTS) throw e;
    }
  }
}

/** POST pods/eviction: a deletion that respects disruption budgets ("API-initiated Eviction"). */
export function evictionHandler(deps: EvictionDeps): SubresourceHandler {
  return {
    path: 'pods/eviction',
    group: '',
    async handle(ctx, resource) {
      if (ctx.info.verb !== 'create') throw errors.methodNotAllowed();
      const type = mediaType(ctx);
      const body = (
        type === 'application/vnd.kubernetes.protobuf'
          ? decodeProtobuf(() => Evictions.schema, ctx.body).object
          : parseText(ctx.body, type)
      ) as Eviction;
      const request = (body.deleteOptions ?? {}) as DeleteRequest;
      checkDeleteRequest(request);
      const asked = targetOf(ctx, resource);
      // Whatever stands there: nothing must be deleted by a mistaken word.
      const dryRun = asked.options.dryRun || (request.dryRun ?? []).length > 0;
      const target = { ...asked, options: { ...asked.options, dryRun } };
      const named = body.metadata?.name;
      if (named && named !== target.name) throw errors.badRequest('name in URL does not match name in Eviction object');
      body.metadata = { ...body.metadata, name: target.name, namespace: target.namespace };
      await admitSubresource(deps.admission, target, body, Evictions as never);
      await evict(deps, target, request);
      return successStatus(ctx, undefined, 201);
    },
  };
}
