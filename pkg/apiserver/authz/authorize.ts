import { errors } from '#api/meta/errors.ts';
import type { UserInfo } from '../request/context.ts';
import type { RequestInfo } from '../request/info.ts';
import type { RbacAuthorizer } from './rbac.ts';
import type { AuthorizationRequest } from './rules.ts';

export const authorizationRequestOf = (info: RequestInfo): AuthorizationRequest => ({
  verb: info.verb,
  isResource: info.isResource,
  group: info.group,
  resource: info.resource,
  subresource: info.subresource,
  namespace: info.namespace,
  name: info.name,
  path: info.path,
});

/** Words a refusal as Kubernetes does. */
function refusal(user: UserInfo, r: AuthorizationRequest): string {
  const what = r.subresource ? `${r.resource}/${r.subresource}` : r.resource;
  const scope = r.namespace ? `in the namespace "${r.namespace}"` : 'at the cluster scope';
  return `User "${user.name}" cannot ${r.verb} resource "${what}" in API group "${r.group}" ${scope}`;
}

/** @throws StatusError 401 for nobody, 403 for somebody who may not. */
export function authorize(authorizer: RbacAuthorizer, user: UserInfo, info: RequestInfo): void {
  const r = authorizationRequestOf(info);
  if (authorizer.allows(user, r)) return;
  if (user.name === 'system:anonymous') throw errors.unauthorized();
  if (!r.isResource) throw errors.forbiddenPath(`forbidden: User "${user.name}" cannot ${r.verb} path "${r.path}"`);
  throw errors.forbidden({ group: r.group, plural: r.resource, kind: r.resource }, r.name, refusal(user, r));
}
