import { errors } from '#api/meta/errors.ts';
import type { UserInfo } from '../request/context.ts';
import type { RequestInfo } from '../request/info.ts';
import type { AuthorizationRequest, Authorizer } from './rules.ts';

const COLLECTION_VERBS = new Set(['list', 'watch', 'deletecollection']);

/** A list narrowed to one name is a request for that object: rules with resourceNames hold for it. */
function selectedName(info: RequestInfo, query: URLSearchParams | undefined): string {
  if (info.name || !COLLECTION_VERBS.has(info.verb)) return info.name;
  return /(?:^|,)metadata\.name==?([^,]+)/.exec(query?.get('fieldSelector') ?? '')?.[1] ?? '';
}

export const authorizationRequestOf = (info: RequestInfo, query?: URLSearchParams): AuthorizationRequest => ({
  verb: info.verb,
  isResource: info.isResource,
  group: info.group,
  resource: info.resource,
  subresource: info.subresource,
  namespace: info.namespace,
  name: selectedName(info, query),
  path: info.path,
});

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
});

/** @throws StatusError 403 for somebody who may not. */
export async function authorize(
  authorizer: Authorizer,
  user: UserInfo,
  info: RequestInfo,
  query?: URLSearchParams,
): Promise<void> {
  const r = authorizationRequestOf(info, query);
  if (authorizer.allows(user, r) || (await authorizer.allowsFresh?.(user, r))) return;
  if (!r.isResource) throw errors.forbiddenPath(`forbidden: User "${user.name}" cannot ${r.verb} path "${r.path}"`);
  throw errors.forbidden({ group: r.group, plural: r.resource, kind: r.resource }, r.name, refusal(user, r));
}
