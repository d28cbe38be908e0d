import { type ClusterRole, ClusterRoles, Roles } from '#api/kinds/index.ts';
import { sameJson } from '#api/meta/equal.ts';
import { errors } from '#api/meta/errors.ts';
import type { KubeObject } from '#api/meta/objectmeta.ts';
import { notCovered, ruleText } from '../authz/covers.ts';
import type { Authorizer, PolicyRule } from '../authz/rules.ts';
import type { Lookup } from './lookup.ts';
import type { AdmissionPlugin, Attributes } from './types.ts';

const GROUP = 'rbac.authorization.k8s.io';
const EVERYTHING: readonly PolicyRule[] = [
  { verbs: ['*'], apiGroups: ['*'], resources: ['*'] },
  { verbs: ['*'], nonResourceURLs: ['*'] },
];

interface RoleRef {
  readonly kind: string;
  readonly name: string;
}
type Policy = KubeObject & { rules?: PolicyRule[]; aggregationRule?: unknown; roleRef?: RoleRef; subjects?: unknown };

export interface RulesOf {
  /** Every rule that holds for a user in a namespace, "" for the cluster. */
  rulesFor(user: Attributes['user'], namespace: string): PolicyRule[];
}

/** Nobody grants what they do not hold ("Using RBAC Authorization", privilege escalation prevention). */
export function rbacEscalation(lookup: Lookup, authorizer: Authorizer, rules: RulesOf): AdmissionPlugin {
  const may = (a: Attributes, verb: string, resource: string, name: string): boolean =>
    authorizer.allows(a.user, {
      verb,
      isResource: true,
      group: GROUP,
      resource,
      subresource: '',
      namespace: a.namespace,
      name,
      path: '',
    });

  const check = (a: Attributes, wanted: readonly PolicyRule[]): void => {
    const missing = notCovered(rules.rulesFor(a.user, a.namespace), wanted);
    if (missing.length === 0) return;
    const who = `user "${a.user.name}" (groups=[${a.user.groups.map((g) => `"${g}"`).join(' ')}])`;
    const why = `${who} is attempting to grant RBAC permissions not currently held:\n${missing.map(ruleText).join('\n')}`;
    throw errors.forbidden(a.resource.ref, a.name, why);
  };

  const checkRole = (a: Attributes, plural: string): void => {
    const now = a.object as Policy;
    const old = a.oldObject as Policy | undefined;
    const same = sameJson(now.rules ?? [], old?.rules ?? []) && sameJson(now.aggregationRule, old?.aggregationRule);
    if ((old && same) || may(a, 'escalate', plural, a.name)) return;
    check(a, now.aggregationRule ? EVERYTHING : (now.rules ?? []));
  };

  const checkBinding = async (a: Attributes): Promise<void> => {
    const now = a.object as Policy;
    const old = a.oldObject as Policy | undefined;
    if (old && sameJson(now.subjects, old.subjects) && sameJson(now.roleRef, old.roleRef)) return;
    const ref = now.roleRef;
    if (!ref || may(a, 'bind', ref.kind === 'ClusterRole' ? 'clusterroles' : 'roles', ref.name)) return;
    const cluster = ref.kind === 'ClusterRole';
    const role = cluster
      ? await lookup.find(ClusterRoles, '', ref.name)
      : await lookup.find(Roles, a.namespace, ref.name);
    if (!role) {
      const plural = cluster ? 'clusterroles' : 'roles';
      throw errors.notFound({ group: GROUP, plural, kind: ref.kind }, ref.name);
    }
    check(a, (role as ClusterRole).rules ?? []);
  };

  return {
    name: 'RBACEscalation',
    async validate(a) {
      const { group, plural } = a.resource.kind;
      if (group !== GROUP || !a.object || a.user.groups.includes('system:masters')) return;
      if (plural === 'roles' || plural === 'clusterroles') checkRole(a, plural);
      else await checkBinding(a);
    },
  };
}
