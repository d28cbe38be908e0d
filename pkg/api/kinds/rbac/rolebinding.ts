import { defineKind, topLevel } from '../../kind.ts';
import { arr, f, req, type TypeOf } from '../../schema/schema.ts';
import { bindingColumns } from './rbac-table.ts';
import { defaultBinding, RBAC_GROUP, validateBinding } from './rbac-validation.ts';
import { RoleRef, Subject } from './rules.ts';

const PKG = 'io.k8s.api.rbac.v1';

export const RoleBindingSchema = topLevel(PKG, 'RoleBinding', 'Gives a role to subjects, within one namespace.', {
  subjects: f(2, arr(Subject), 'Who gets the role.'),
  roleRef: req(3, RoleRef, 'The role.'),
});
export type RoleBinding = TypeOf<typeof RoleBindingSchema>;

export const RoleBindings = defineKind<RoleBinding>({
  group: RBAC_GROUP,
  version: 'v1',
  kind: 'RoleBinding',
  plural: 'rolebindings',
  nameRule: 'pathSegment',
  createOnUpdate: true,
  schema: RoleBindingSchema,
  defaults: defaultBinding,
  validate: (o, old) => validateBinding(o, old, ['Role', 'ClusterRole']),
  columns: bindingColumns<RoleBinding>(),
});
