import type { Namespace } from '#api/kinds/index.ts';
import { copyJson } from '#api/meta/copy.ts';
import { errors } from '#api/meta/errors.ts';
import { readObject } from '../rest/body.ts';
import { objectAnswer } from '../rest/respond.ts';
import { targetOf, type WriteHandlers } from '../rest/write.ts';
import type { SubresourceHandler } from './types.ts';

/** PUT namespaces/finalize: only spec.finalizers changes; the last one gone, the namespace is gone. */
export function namespaceFinalizeHandler(writes: WriteHandlers): SubresourceHandler {
  return {
    path: 'namespaces/finalize',
    group: '',
    async handle(ctx, resource) {
      if (ctx.info.verb !== 'update') throw errors.methodNotAllowed();
      const target = targetOf(ctx, resource);
      const given = readObject(ctx, resource.kind, target.options.fieldValidation) as Namespace;
      const result = await writes.change(target, (current) => {
        const next = copyJson(current) as Namespace;
        if (given.metadata?.resourceVersion)
          next.metadata = { ...next.metadata, resourceVersion: given.metadata.resourceVersion };
        next.spec = { ...next.spec, finalizers: given.spec?.finalizers ?? [] };
        return next;
      });
      return objectAnswer(ctx, resource, result);
    },
  };
}
