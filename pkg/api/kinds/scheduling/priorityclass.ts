import { defineKind, topLevel } from '../../kind.ts';
import { bool, f, int32, req, str, type TypeOf } from '../../schema/schema.ts';
import { PreemptionPolicy } from '../core/values.ts';

const PKG = 'io.k8s.api.scheduling.v1';

export const PriorityClassSchema = topLevel(PKG, 'PriorityClass', 'A name for a priority.', {
  value: req(2, int32, 'The priority; higher comes first.'),
  globalDefault: f(3, bool, 'Pods without a class get this one.'),
  description: f(4, str, 'What the class is for.'),
  preemptionPolicy: f(5, PreemptionPolicy, 'Whether its pods may evict others.', { ptr: true }),
});
export type PriorityClass = TypeOf<typeof PriorityClassSchema>;

export const PriorityClasses = defineKind<PriorityClass>({
  group: 'scheduling.k8s.io',
  version: 'v1',
  kind: 'PriorityClass',
  plural: 'priorityclasses',
  namespaced: false,
  shortNames: ['pc'],
  hasGeneration: true,
  schema: PriorityClassSchema,
});
