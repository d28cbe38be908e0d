import { Evictions } from '#api/kinds/index.ts';
import { errors } from '#api/meta/errors.ts';
import { decodeProtobuf } from '#api/protobuf/decode.ts';
import { checkDeleteRequest, type DeleteRequest, type Deleter } from '../registry/deleter.ts';
import { mediaType, parseText } from '../rest/body.ts';
import { jsonAnswer } from '../rest/respond.ts';
import { targetOf } from '../rest/write.ts';
import type { SubresourceHandler } from './types.ts';

/** POST pods/eviction: a deletion that respects disruption budgets ("API-initiated Eviction"). */
export function evictionHandler(deleter: Deleter): SubresourceHandler {
  return {
    path: 'pods/eviction',
    group: '',
    async handle(ctx, resource) {
      if (ctx.info.verb !== 'create') throw errors.methodNotAllowed();
      const type = mediaType(ctx);
      const body =
        type === 'application/vnd.kubernetes.protobuf'
          ? decodeProtobuf(() => Evictions.schema, ctx.body).object
          : parseText(ctx.body, type);
      const request = ((body as { deleteOptions?: DeleteRequest }).deleteOptions ?? {}) as DeleteRequest;
      checkDeleteRequest(request);
      await deleter.delete(targetOf(ctx, resource), request);
      return jsonAnswer({ kind: 'Status', apiVersion: 'v1', metadata: {}, status: 'Success', code: 201 }, 201);
    },
  };
}
