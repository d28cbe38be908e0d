import { ClusterRoleBindings, ClusterRoles, RoleBindings, Roles } from '#api/kinds/index.ts';
import { objectKey, type ResourceTable } from '../registry/resource.ts';
import type { UserInfo } from '../request/context.ts';
import { BOOTSTRAP_ROLES } from './bootstrap-policy.ts';
import { type AuthorizationRequest, type PolicyRule, ruleAllows } from './rules.ts';

interface Subject {
  readonly kind: string;
  readonly name: string;
  readonly namespace?: string;
}
interface RoleRef {
  readonly kind: string;
  readonly name: string;
}

const SA_PREFIX = 'system:serviceaccount:';

function subjectIs(s: Subject, user: UserInfo, bindingNamespace: string): boolean {
  switch (s.kind) {
    case 'User':
      return s.name === user.name;
    case 'Group':
      return user.groups.includes(s.name);
    case 'ServiceAccount':
      return user.name === `${SA_PREFIX}${s.namespace ?? bindingNamespace}:${s.name}`;
    default:
      return false;
  }
}

/** Decides from roles and bindings in the watch cache, and from the built-in ones, which hold even in an empty store. */
export class RbacAuthorizer {
  readonly #resources: ResourceTable;

  constructor(resources: ResourceTable) {
    this.#resources = resources;
  }

  allows(user: UserInfo, r: AuthorizationRequest): boolean {
    if (user.groups.includes('system:masters')) return true;
    for (const role of BOOTSTRAP_ROLES) {
      const bound = role.users?.includes(user.name) || role.groups?.some((g) => user.groups.includes(g));
      if (bound && role.rules.some((rule) => ruleAllows(rule, r))) return true;
    }
    return this.#byClusterBindings(user, r) || (r.namespace !== '' && this.#byNamespaceBindings(user, r));
  }

  #byClusterBindings(user: UserInfo, r: AuthorizationRequest): boolean {
    for (const { object: b } of this.#resources.of(ClusterRoleBindings).cache.list('')) {
      const { subjects, roleRef } = b as unknown as { subjects?: Subject[]; roleRef: RoleRef };
      if (subjects?.some((s) => subjectIs(s, user, '')) && this.#roleAllows(roleRef, '', r)) return true;
    }
    return false;
  }

  #byNamespaceBindings(user: UserInfo, r: AuthorizationRequest): boolean {
    for (const { object: b } of this.#resources.of(RoleBindings).cache.list(`${r.namespace}/`)) {
      const { subjects, roleRef } = b as unknown as { subjects?: Subject[]; roleRef: RoleRef };
      if (subjects?.some((s) => subjectIs(s, user, r.namespace)) && this.#roleAllows(roleRef, r.namespace, r))
        return true;
    }
    return false;
  }

  #roleAllows(ref: RoleRef, namespace: string, r: AuthorizationRequest): boolean {
    const kind = ref.kind === 'ClusterRole' ? ClusterRoles : Roles;
    const key = ref.kind === 'ClusterRole' ? ref.name : objectKey(Roles as never, namespace, ref.name);
    const role = this.#resources.of(kind as never).cache.get(key)?.object as { rules?: PolicyRule[] } | undefined;
    return role?.rules?.some((rule) => ruleAllows(rule, r)) ?? false;
  }
}
