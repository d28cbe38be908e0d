import type { KubeObject, Stored } from '#api/meta/objectmeta.ts';
import type { BootstrapRole, NamespacedBootstrapRole } from '../authz/bootstrap/index.ts';
import { notCovered } from '../authz/covers.ts';
import type { PolicyRule } from '../authz/rules.ts';

const RBAC = 'rbac.authorization.k8s.io';
const AUTO_UPDATE = 'rbac.authorization.kubernetes.io/autoupdate';
/** Marks roles and bindings that every start brings up to date. */
const BOOTSTRAPPED = {
  labels: { 'kubernetes.io/bootstrapping': 'rbac-defaults' },
  annotations: { [AUTO_UPDATE]: 'true' },
};

interface Subject {
  readonly kind: string;
  readonly name: string;
  readonly namespace?: string;
  readonly apiGroup?: string;
}
type Role = KubeObject & { readonly rules?: readonly PolicyRule[] | null };
type Binding = KubeObject & {
  readonly subjects?: readonly Subject[] | null;
  readonly roleRef?: { readonly kind: string; readonly name: string };
};

const subject =
  (kind: string) =>
  (name: string): Subject => ({ kind, name, apiGroup: RBAC });
const account = (name: string): Subject => ({ kind: 'ServiceAccount', name, namespace: 'kube-system' });

/** Who has one of the roles every cluster has. */
const subjectsOf = ({ groups = [], users = [], accounts = [] }: Omit<BootstrapRole, 'name' | 'rules'>): Subject[] => [
  ...groups.map(subject('Group')),
  ...users.map(subject('User')),
  ...accounts.map(account),
];

/** The role of the cluster; an aggregated one holds what its parts have before they have been gathered. */
export function clusterRole({ name, rules, labels, gathers }: BootstrapRole): Role {
  return {
    metadata: { name, ...BOOTSTRAPPED, labels: { ...BOOTSTRAPPED.labels, ...labels } },
    rules,
    ...(gathers && { aggregationRule: { clusterRoleSelectors: [{ matchLabels: { [gathers]: 'true' } }] } }),
  };
}

/** Its binding; undefined: nobody has it from the start. */
export function clusterRoleBinding(role: BootstrapRole): Binding | undefined {
  const subjects = subjectsOf(role);
  if (subjects.length === 0) return undefined;
  return {
    metadata: { name: role.name, ...BOOTSTRAPPED },
    subjects,
    roleRef: { apiGroup: RBAC, kind: 'ClusterRole', name: role.name } as NonNullable<Binding['roleRef']>,
  };
}

export const namespacedRole = ({ name, namespace, rules }: NamespacedBootstrapRole): Role => ({
  metadata: { name, namespace, ...BOOTSTRAPPED },
  rules,
});

export const namespacedRoleBinding = (role: NamespacedBootstrapRole): Binding => ({
  metadata: { name: role.binding ?? role.name, namespace: role.namespace, ...BOOTSTRAPPED },
  subjects: subjectsOf(role),
  roleRef: { apiGroup: RBAC, kind: 'Role', name: role.name } as NonNullable<Binding['roleRef']>,
});

/** What somebody has taken out of the updates, by its annotation. */
const isKept = (old: KubeObject): boolean => old.metadata?.annotations?.[AUTO_UPDATE] === 'false';

const withMarks = (old: Stored<KubeObject>, wanted: KubeObject): Stored<KubeObject>['metadata'] => ({
  ...old.metadata,
  labels: { ...old.metadata.labels, ...wanted.metadata?.labels },
  annotations: { ...old.metadata.annotations, ...wanted.metadata?.annotations },
});

/**
 * A default role with what it lacks; what others added stays ("Using RBAC Authorization", Auto-reconciliation). The rules of
 * an aggregated one are the controller's: others may have been gathered.
 */
export function updatedRole(old: Stored<Role>, wanted: Role): KubeObject {
  if (isKept(old)) return old;
  const { rules, ...others } = wanted;
  const isAggregated = 'aggregationRule' in wanted;
  const had = old.rules ?? [];
  const missing = isAggregated ? [] : (rules ?? []).filter((rule) => notCovered(had, [rule]).length > 0);
  return { ...old, ...others, metadata: withMarks(old, wanted), rules: [...had, ...missing] } as KubeObject;
}

const isSame = (a: Subject, b: Subject): boolean =>
  a.kind === b.kind && a.name === b.name && (a.namespace ?? '') === (b.namespace ?? '');

/** A default binding with the subjects it lacks. One of another role by this name is somebody's own, and left alone. */
export function updatedBinding(old: Stored<Binding>, wanted: Binding): KubeObject {
  if (isKept(old) || old.roleRef?.name !== wanted.roleRef?.name || old.roleRef?.kind !== wanted.roleRef?.kind)
    return old;
  const had = old.subjects ?? [];
  const missing = (wanted.subjects ?? []).filter((s) => !had.some((other) => isSame(s, other)));
  return { ...old, metadata: withMarks(old, wanted), subjects: [...had, ...missing] } as KubeObject;
}
