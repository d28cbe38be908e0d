import { defineKind, topLevel } from '../../kind.ts';
import { arr, f, req, type TypeOf } from '../../schema/schema.ts';
import { bindingColumns } from './rbac-table.ts';
import { defaultBinding, RBAC_GROUP, validateBinding } from './rbac-validation.ts';
import { RoleRef, Subject } from './rules.ts';

const PKG = 'io.k8s.api.rbac.v1';

export const ClusterRoleBindingSchema = topLevel(
  PKG,
  'ClusterRoleBinding',
  'Gives a cluster role to subjects, in the whole cluster.',
  {
    subjects: f(2, arr(Subject), 'Who gets the role.'),
    roleRef: req(3, RoleRef, 'The cluster role.'),
  },
);
export type ClusterRoleBinding = TypeOf<typeof ClusterRoleBindingSchema>;

export const ClusterRoleBindings = defineKind<ClusterRoleBinding>({
  group: RBAC_GROUP,
  version: 'v1',
  kind: 'ClusterRoleBinding',
  plural: 'clusterrolebindings',
  namespaced: false,
  nameRule: 'pathSegment',
  createOnUpdate: true,
  schema: ClusterRoleBindingSchema,
  defaults: defaultBinding,
  validate: (o, old) => validateBinding(o, old, ['ClusterRole']),
  columns: bindingColumns<ClusterRoleBinding>(),
});
