import type { Resource } from '../registry/resource.ts';
import type { RequestContext } from '../request/context.ts';
import type { Answer } from '../rest/respond.ts';

/** A handler of `<plural>/<subresource>` beyond the generic ones. Throws 405 for verbs it does not know. */
export interface SubresourceHandler {
  /** "pods/binding". */
  readonly path: string;
  /** Core group is "". */
  readonly group: string;
  handle(ctx: RequestContext, resource: Resource): Promise<Answer>;
}
