import { ClusterRoleBindings, ClusterRoles, RoleBindings, Roles } from '#api/kinds/index.ts';
import { objectKey, type ResourceTable } from '../registry/resource.ts';
import type { UserInfo } from '../request/context.ts';
import { BOOTSTRAP_ROLES, type BootstrapRole } from './bootstrap/index.ts';
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

/** Names are put together only for service accounts: every binding of the cluster is asked. */
const isAccount = (s: Subject, user: UserInfo, bindingNamespace: string): boolean =>
  user.name.startsWith(SA_PREFIX) && user.name === `${SA_PREFIX}${s.namespace ?? bindingNamespace}:${s.name}`;

function subjectIs(s: Subject, user: UserInfo, bindingNamespace: string): boolean {
  switch (s.kind) {
    case 'User':
      return s.name === user.name;
    case 'Group':
      return user.groups.includes(s.name);
    case 'ServiceAccount':
      return isAccount(s, user, bindingNamespace);
    default:
      return false;
  }
}

const isBound = (role: BootstrapRole, user: UserInfo): boolean =>
  role.users?.includes(user.name) === true || role.groups?.some((g) => user.groups.includes(g)) === true;

/**
 * Decides from roles and bindings in the watch cache. A binding every cluster has holds from the first request on, before
 * it stands in the store; from then on what stands there decides, so that it can be taken away.
 */
export class RbacAuthorizer implements Authorizer {
  readonly #resources: ResourceTable;
  /** Those that have not been seen in the cache yet, with their bindings. */
  readonly #unseen = new Set(BOOTSTRAP_ROLES.filter((role) => role.users ?? role.groups));

  constructor(resources: ResourceTable) {
    this.#resources = resources;
  }

  allows(user: UserInfo, r: AuthorizationRequest): boolean {
    if (user.groups.includes('system:masters')) return true;
    for (const role of this.#builtIn(user)) if (role.rules.some((rule) => ruleAllows(rule, r))) return true;
    if (this.#clusterBinding(user, r)) return true;
    return r.namespace !== '' && this.#namespaceBinding(user, r) !== undefined;
  }

  /** Every rule that holds for a user in a namespace; "": in the whole cluster. */
  rulesFor(user: UserInfo, namespace: string): PolicyRule[] {
    const found: PolicyRule[] = [];
    for (const role of this.#builtIn(user)) found.push(...role.rules);
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

  /** The roles a user has by bindings that are still to be written. */
  *#builtIn(user: UserInfo): Generator<BootstrapRole> {
    if (this.#unseen.size === 0) return;
    const bindings = this.#resources.of(ClusterRoleBindings).cache;
    const roles = this.#resources.of(ClusterRoles).cache;
    for (const role of this.#unseen) {
      if (bindings.get(role.name) && roles.get(role.name)) this.#unseen.delete(role);
      else if (isBound(role, user)) yield role;
    }
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
