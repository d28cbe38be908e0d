import { defineKind, topLevel } from '../../kind.ts';
import { f, mapList, objectsIn, req, str, type TypeOf } from '../../schema/schema.ts';
import { column, nameColumn } from '../print/columns.ts';
import { ConditionStatus } from './values.ts';

const PKG = 'io.k8s.api.core.v1';
const obj = objectsIn(PKG);

export const ComponentCondition = obj('ComponentCondition', 'Health of a component.', {
  type: req(1, str, 'Which aspect.'),
  status: req(2, ConditionStatus, 'True, False or Unknown.'),
  message: f(3, str, 'Explanation for people.'),
  error: f(4, str, 'Error code of the check.'),
});
export type ComponentCondition = TypeOf<typeof ComponentCondition>;

export const ComponentStatusSchema = topLevel(
  PKG,
  'ComponentStatus',
  'Health of a control plane component (deprecated).',
  {
    conditions: f(2, mapList(ComponentCondition, 'type'), 'What was found.'),
  },
);
export type ComponentStatus = TypeOf<typeof ComponentStatusSchema>;

function healthText(o: ComponentStatus): string {
  const healthy = o.conditions?.find((c) => c.type === 'Healthy');
  return healthy ? (healthy.status === 'True' ? 'Healthy' : 'Unhealthy') : 'Unknown';
}

export const ComponentStatuses = defineKind<ComponentStatus>({
  group: '',
  version: 'v1',
  kind: 'ComponentStatus',
  plural: 'componentstatuses',
  deprecated: 'v1 ComponentStatus is deprecated in v1.19+',
  shortNames: ['cs'],
  namespaced: false,
  verbs: ['get', 'list'],
  schema: ComponentStatusSchema,
  columns: [
    nameColumn,
    column('Status', 'Whether it is well.', healthText),
    column('Message', 'What was found.', (o) => o.conditions?.find((c) => c.type === 'Healthy')?.message ?? ''),
    column('Error', 'Error code of the check.', (o) => o.conditions?.find((c) => c.type === 'Healthy')?.error ?? ''),
  ],
});
