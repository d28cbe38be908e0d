import { type Binding, Bindings, type Pod } from '#api/kinds/index.ts';
import { errors } from '#api/meta/errors.ts';
import { required } from '#api/meta/fielderrors.ts';
import { timestamp, type Writer } from '../registry/writer.ts';
import { readObject } from '../rest/body.ts';
import { jsonAnswer } from '../rest/respond.ts';
import { targetOf, type WriteHandlers } from '../rest/write.ts';
import type { SubresourceHandler } from './types.ts';

/** POST pods/binding: the scheduler gives a pod its node, once. */
export function bindingHandler(writes: WriteHandlers, writer: Writer): SubresourceHandler {
  return {
    path: 'pods/binding',
    group: '',
    async handle(ctx, resource) {
      if (ctx.info.verb !== 'create') throw errors.methodNotAllowed();
      const target = targetOf(ctx, resource);
      const binding = readObject(ctx, Bindings as never, target.options.fieldValidation) as Binding;
      const node = binding.target?.name;
      if (!node) {
        throw errors.invalid({ group: '', plural: 'bindings', kind: 'Binding' }, target.name, [
          required('target.name'),
        ]);
      }
      const uid = binding.metadata?.uid;
      await writes.change({ ...target, subresource: 'binding' }, (current) => {
        const pod = structuredClone(current) as Pod;
        if (uid && uid !== pod.metadata?.uid) {
          throw errors.conflict(
            resource.ref,
            target.name,
            `Precondition failed: UID in precondition: ${uid}, UID in object meta: ${pod.metadata?.uid}`,
          );
        }
        if (pod.metadata?.deletionTimestamp) {
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
        pod.spec.nodeName = node;
        pod.metadata = {
          ...pod.metadata,
          annotations: { ...pod.metadata?.annotations, ...binding.metadata?.annotations },
        };
        if (Object.keys(pod.metadata.annotations ?? {}).length === 0) delete pod.metadata.annotations;
        const now = timestamp(writer.deps.clock.now());
        const conditions = (pod.status?.conditions ?? []).filter((c) => c.type !== 'PodScheduled');
        conditions.push({ type: 'PodScheduled', status: 'True', lastTransitionTime: now });
        pod.status = { ...pod.status, conditions };
        return pod;
      });
      return jsonAnswer({ kind: 'Status', apiVersion: 'v1', metadata: {}, status: 'Success', code: 201 }, 201);
    },
  };
}
