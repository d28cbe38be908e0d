import { defineKind, topLevel } from '../../kind.ts';
import { type FieldError, required } from '../../meta/fielderrors.ts';
import { validateLabelSelector } from '../../meta/labels.ts';
import { LabelSelector } from '../../meta/labelselector.ts';
import { arr, f, objectsIn, req, type TypeOf } from '../../schema/schema.ts';
import { createdColumn, nameColumn } from '../print/columns.ts';
import { RBAC_GROUP, validateRules } from './rbac-validation.ts';
import { PolicyRule } from './rules.ts';

const PKG = 'io.k8s.api.rbac.v1';
const obj = objectsIn(PKG);

export const AggregationRule = obj('AggregationRule', 'Cluster roles whose rules are gathered into this one.', {
  clusterRoleSelectors: f(1, arr(LabelSelector), 'Which cluster roles.'),
});
export type AggregationRule = TypeOf<typeof AggregationRule>;

export const ClusterRoleSchema = topLevel(
  PKG,
  'ClusterRole',
  'Rules that hold in the whole cluster, or where a role binding names them.',
  {
    rules: req(2, arr(PolicyRule), 'The rules.'),
    aggregationRule: f(3, AggregationRule, 'Gathers the rules of other cluster roles.'),
  },
);
export type ClusterRole = TypeOf<typeof ClusterRoleSchema>;

function validateAggregation(o: ClusterRole): FieldError[] {
  if (!o.aggregationRule) return [];
  const path = 'aggregationRule.clusterRoleSelectors';
  const selectors = o.aggregationRule.clusterRoleSelectors ?? [];
  if (selectors.length === 0)
    return [required(path, 'at least one clusterRoleSelector required if aggregationRule is non-nil')];
  return selectors.flatMap((s, i) => validateLabelSelector(s, `${path}[${i}]`));
}

export const ClusterRoles = defineKind<ClusterRole>({
  group: RBAC_GROUP,
  version: 'v1',
  kind: 'ClusterRole',
  plural: 'clusterroles',
  namespaced: false,
  nameRule: 'pathSegment',
  createOnUpdate: true,
  schema: ClusterRoleSchema,
  validate: (o) => [...validateRules(o.rules, false), ...validateAggregation(o)],
  columns: [nameColumn, createdColumn],
});
