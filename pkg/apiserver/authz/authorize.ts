import { errors } from '#api/meta/errors.ts';
import { parseTerms } from '#api/meta/fieldselector.ts';
import type { AuditAnnotations } from '../audit/annotations.ts';
import type { UserInfo } from '../request/context.ts';
import type { RequestInfo } from '../request/info.ts';
import type { AuthorizationRequest, Authorizer, FieldEquality } from './rules.ts';

/** Annotations of the audit log: how authorization ended, and by which rule. */
const DECISION = 'authorization.k8s.io/decision';
const REASON = 'authorization.k8s.io/reason';
const COLLECTION_VERBS = new Set(['list', 'watch', 'deletecollection']);

/** What a field selector demands to be equal; nothing when it does not parse. */
export function equalitiesIn(selector: string): readonly FieldEquality[] {
  try {
    return parseTerms(selector).filter((t) => t.equal);
  } catch {
    return [];
  }
}

const NONE: readonly FieldEquality[] = [];

export function authorizationRequestOf(info: RequestInfo, query?: URLSearchParams): AuthorizationRequest {
  const selector = COLLECTION_VERBS.has(info.verb) ? query?.get('fieldSelector') : undefined;
  const fields = selector ? equalitiesIn(selector) : NONE;
  return {
    verb: info.verb,
    isResource: info.isResource,
    group: info.group,
    resource: info.resource,
    subresource: info.subresource,
    namespace: info.namespace,
    // A list narrowed to one name is a request for that object: rules with resourceNames hold for it.
    name: info.name || (fields.find((f) => f.field === 'metadata.name')?.value ?? ''),
    path: info.path,
    fields,
  };
}

/** Words a refusal as Kubernetes does. */
export function refusal(user: UserInfo, r: AuthorizationRequest): string {
  const what = r.subresource ? `${r.resource}/${r.subresource}` : r.resource;
  const scope = r.namespace ? `in the namespace "${r.namespace}"` : 'at the cluster scope';
  return `User "${user.name}" cannot ${r.verb} resource "${what}" in API group "${r.group}" ${scope}`;
}

/** Allows what one of them allows. */
export const anyOf = (authorizers: readonly Authorizer[]): Authorizer => ({
  allows: (user, r) => authorizers.some((a) => a.allows(user, r)),
  async allowsFresh(user, r) {
    for (const a of authorizers) if (await a.allowsFresh?.(user, r)) return true;
    return false;
  },
  reasonFor: (user, r) => authorizers.find((a) => a.allows(user, r))?.reasonFor?.(user, r),
  objectionTo: (user, r) => authorizers.flatMap((a) => a.objectionTo?.(user, r) || []).join('\n') || undefined,
});

/** Who wants to do what. */
export interface Asked {
  readonly user: UserInfo;
  readonly info: RequestInfo;
  readonly query?: URLSearchParams;
  /** The decision is noted here. */
  readonly annotations?: AuditAnnotations | undefined;
}

/** @throws StatusError 403 for somebody who may not. */
export async function authorize(authorizer: Authorizer, { user, info, query, annotations }: Asked): Promise<void> {
  const r = authorizationRequestOf(info, query);
  const isAllowed = authorizer.allows(user, r) || (await authorizer.allowsFresh?.(user, r)) === true;
  annotations?.set(DECISION, isAllowed ? 'allow' : 'forbid');
  const why = isAllowed ? authorizer.reasonFor?.(user, r) : authorizer.objectionTo?.(user, r);
  annotations?.set(REASON, why ?? '');
  if (isAllowed) return;
  if (!r.isResource) throw errors.forbiddenPath(`forbidden: User "${user.name}" cannot ${r.verb} path "${r.path}"`);
  throw errors.forbidden(
    { group: r.group, plural: r.resource, kind: r.resource },
    r.name,
    refusal(user, r) + (why ? `: ${why}` : ''),
  );
}
