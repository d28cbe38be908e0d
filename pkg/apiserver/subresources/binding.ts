import { type Binding, Bindings, type Pod } from '#api/kinds/index.ts';
import { errors } from '#api/meta/errors.ts';
import { required } from '#api/meta/fielderrors.ts';
import type { Stored } from '#api/meta/objectmeta.ts';
import { apiTime } from '#api/meta/time.ts';
import type { Writer } from '../registry/writer.ts';
import { readObject } from '../rest/body.ts';
import { successStatus } from '../rest/respond.ts';
import { targetOf, type WriteHandlers } from '../rest/write.ts';
import { admitSubresource } from './admit.ts';
import type { SubresourceHandler } from './types.ts';

/** The pod on its node. Shares all else with `pod`, the cache's. Pure. */
function bound(pod: Stored<Pod>, { target, metadata }: Binding, now: string): Pod {
  const { annotations: before, ...meta } = pod.metadata;
  const annotations = { ...before, ...metadata?.annotations };
  const others = (pod.status?.conditions ?? []).filter((c) => c.type !== 'PodScheduled');
  const scheduled = { type: 'PodScheduled', status: 'True' as const, lastTransitionTime: now };
  return {
    ...pod,
    metadata: Object.keys(annotations).length > 0 ? { ...meta, annotations } : meta,
    spec: { ...pod.spec, nodeName: target?.name } as Pod['spec'],
    status: { ...pod.status, conditions: [...others, scheduled] },
  };
}

/** POST pods/binding: the scheduler gives a pod its node, once. */
export function bindingHandler(writes: WriteHandlers, writer: Writer): SubresourceHandler {
  return {
    path: 'pods/binding',
    group: '',
    async handle(ctx, resource) {
      if (ctx.info.verb !== 'create') throw errors.methodNotAllowed();
      const target = targetOf(ctx, resource);
      const binding = readObject(ctx, Bindings as never, target.options.fieldValidation) as Binding;
      binding.metadata = { ...binding.metadata, name: target.name, namespace: target.namespace };
      await admitSubresource(writer.deps.admission, { ...target, subresource: 'binding' }, binding, Bindings as never);
      const node = binding.target?.name;
      if (!node) {
        throw errors.invalid({ group: '', plural: 'bindings', kind: 'Binding' }, target.name, [
          required('target.name'),
        ]);
      }
      const uid = binding.metadata?.uid;
      await writes.change({ ...target, subresource: 'binding' }, (current) => {
        const pod = current as Stored<Pod>;
        if (uid && uid !== pod.metadata.uid) {
          throw errors.conflict(
            resource.ref,
            target.name,
            `Precondition failed: UID in precondition: ${uid}, UID in object meta: ${pod.metadata.uid}`,
          );
        }
        if (pod.metadata.deletionTimestamp) {
          throw errors.conflict(
            { ...resource.ref, plural: 'pods/binding' },
            target.name,
            `pod ${target.name} is being deleted, cannot be assigned to a host`,
          );
        }
        if (pod.spec?.nodeName) {
          throw errors.conflict(
            { ...resource.ref, plural: 'pods/binding' },
            target.name,
            `pod ${target.name} is already assigned to node "${pod.spec.nodeName}"`,
          );
        }
        if (!pod.spec) return pod;
        return bound(pod, binding, apiTime(writer.deps.clock.now()));
      });
      return successStatus(ctx, undefined, 201);
    },
  };
}
