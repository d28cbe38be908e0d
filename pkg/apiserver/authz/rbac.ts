import { ClusterRoleBindings, ClusterRoles, RoleBindings, Roles } from '#api/kinds/index.ts';
import { objectKey, type ResourceTable } from '../registry/resource.ts';
import type { UserInfo } from '../request/context.ts';
import { BOOTSTRAP_ROLES } from './bootstrap-policy.ts';
import { type AuthorizationRequest, type Authorizer, type PolicyRule, ruleAllows } from './rules.ts';

interface Subject {
  readonly kind: string;
  readonly name: string;
  readonly namespace?: string;
}
interface RoleRef {
  readonly kind: string;
  readonly name: string;
}

interface Binding {
  readonly metadata: { readonly name: string; readonly namespace?: string };
  readonly subjects?: readonly Subject[];
  readonly roleRef: RoleRef;
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
export class RbacAuthorizer implements Authorizer {
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
    if (this.#clusterBinding(user, r)) return true;
    return r.namespace !== '' && this.#namespaceBinding(user, r) !== undefined;
  }

  /** Every rule that holds for a user in a namespace; "": in the whole cluster. */
  rulesFor(user: UserInfo, namespace: string): PolicyRule[] {
    const found: PolicyRule[] = [];
    for (const role of BOOTSTRAP_ROLES) {
      if (role.users?.includes(user.name) || role.groups?.some((g) => user.groups.includes(g))) {
        found.push(...role.rules);
      }
    }
    const collect = (b: unknown, inNamespace: string): void => {
      const { subjects, roleRef } = b as { subjects?: Subject[]; roleRef: RoleRef };
      if (!subjects?.some((s) => subjectIs(s, user, inNamespace))) return;
      found.push(...(this.#role(roleRef, inNamespace)?.rules ?? []));
    };
    for (const { object } of this.#resources.of(ClusterRoleBindings).cache.list('')) collect(object, '');
    if (namespace) {
      for (const { object } of this.#resources.of(RoleBindings).cache.list(`${namespace}/`)) collect(object, namespace);
    }
    return found;
  }

  /** Which binding allows a request, in the words of Kubernetes; undefined: it is no binding's doing. */
  reasonFor(user: UserInfo, r: AuthorizationRequest): string | undefined {
    if (user.groups.includes('system:masters')) return undefined;
    const cluster = this.#clusterBinding(user, r);
    const found = cluster ?? (r.namespace ? this.#namespaceBinding(user, r) : undefined);
    if (!found) return undefined;
    const { metadata, subjects, roleRef } = found;
    const subject = subjects?.find((s) => subjectIs(s, user, metadata.namespace ?? ''));
    const account = subject?.kind === 'ServiceAccount';
    const who = account ? `${subject.name}/${subject.namespace ?? metadata.namespace}` : subject?.name;
    const binding = cluster
      ? `ClusterRoleBinding "${metadata.name}"`
      : `RoleBinding "${metadata.name}/${metadata.namespace}"`;
    return `RBAC: allowed by ${binding} of ${roleRef.kind} "${roleRef.name}" to ${subject?.kind} "${who}"`;
  }

  #clusterBinding(user: UserInfo, r: AuthorizationRequest): Binding | undefined {
    for (const { object } of this.#resources.of(ClusterRoleBindings).cache.list('')) {
      const b = object as unknown as Binding;
      if (b.subjects?.some((s) => subjectIs(s, user, '')) && this.#roleAllows(b.roleRef, '', r)) return b;
    }
    return undefined;
  }

  #namespaceBinding(user: UserInfo, r: AuthorizationRequest): Binding | undefined {
    for (const { object } of this.#resources.of(RoleBindings).cache.list(`${r.namespace}/`)) {
      const b = object as unknown as Binding;
      if (b.subjects?.some((s) => subjectIs(s, user, r.namespace)) && this.#roleAllows(b.roleRef, r.namespace, r)) {
        return b;
      }
    }
    return undefined;
  }

  #role(ref: RoleRef, namespace: string): { rules?: PolicyRule[] } | undefined {
    const kind = ref.kind === 'ClusterRole' ? ClusterRoles : Roles;
    const key = ref.kind === 'ClusterRole' ? ref.name : objectKey(Roles as never, namespace, ref.name);
    return this.#resources.of(kind as never).cache.get(key)?.object as { rules?: PolicyRule[] } | undefined;
  }

  #roleAllows(ref: RoleRef, namespace: string, r: AuthorizationRequest): boolean {
    return this.#role(ref, namespace)?.rules?.some((rule) => ruleAllows(rule, r)) ?? false;
  }
}
