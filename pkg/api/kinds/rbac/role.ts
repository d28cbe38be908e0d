import { defineKind, topLevel } from '../../kind.ts';
import { arr, req, type TypeOf } from '../../schema/schema.ts';
import { createdColumn, nameColumn } from '../print/columns.ts';
import { RBAC_GROUP, validateRules } from './rbac-validation.ts';
import { PolicyRule } from './rules.ts';

const PKG = 'io.k8s.api.rbac.v1';

export const RoleSchema = topLevel(PKG, 'Role', 'Rules that hold in one namespace.', {
  rules: req(2, arr(PolicyRule), 'The rules.'),
});
export type Role = TypeOf<typeof RoleSchema>;

export const Roles = defineKind<Role>({
  group: RBAC_GROUP,
  version: 'v1',
  kind: 'Role',
  plural: 'roles',
  nameRule: 'pathSegment',
  createOnUpdate: true,
  schema: RoleSchema,
  validate: (o) => validateRules(o.rules, true),
  columns: [nameColumn, createdColumn],
});
