import { defineKind, topLevel } from '../../kind.ts';
import { type FieldError, forbidden } from '../../meta/fielderrors.ts';
import { bool, f, int32, req, str, type TypeOf } from '../../schema/schema.ts';
import { immutable, oneOfOptional } from '../check/check.ts';
import { PreemptionPolicy } from '../core/values.ts';
import { ageColumn, boolColumn, column, nameColumn, numberColumn } from '../print/columns.ts';

const PKG = 'io.k8s.api.scheduling.v1';

export const PriorityClassSchema = topLevel(PKG, 'PriorityClass', 'A name for a priority.', {
  value: req(2, int32, 'The priority; higher comes first.'),
  globalDefault: f(3, bool, 'Pods without a class get this one.'),
  description: f(4, str, 'What the class is for.'),
  preemptionPolicy: f(5, PreemptionPolicy, 'Whether its pods may evict others.', { ptr: true }),
});
export type PriorityClass = TypeOf<typeof PriorityClassSchema>;

const SYSTEM_PREFIX = 'system-';
const SYSTEM_CLASSES: Record<string, number> = {
  'system-node-critical': 2_000_001_000,
  'system-cluster-critical': 2_000_000_000,
};
const MAX_VALUE = 1_000_000_000;

function validateClass(o: PriorityClass, old?: PriorityClass): FieldError[] {
  const found: FieldError[] = [];
  const name = o.metadata?.name ?? '';
  if (name.startsWith(SYSTEM_PREFIX)) {
    if (SYSTEM_CLASSES[name] !== o.value) {
      const why = "priority class names with 'system-' prefix are reserved for system use only";
      found.push(forbidden('metadata.name', why));
    }
  } else if (o.value > MAX_VALUE) {
    found.push(forbidden('value', `maximum allowed value of a user defined priority is ${MAX_VALUE}`));
  }
  found.push(...oneOfOptional('preemptionPolicy', o.preemptionPolicy, ['Never', 'PreemptLowerPriority']));
  if (old) {
    if (o.value !== old.value) found.push(forbidden('value', 'may not be changed in an update.'));
    found.push(...immutable('preemptionPolicy', o.preemptionPolicy, old.preemptionPolicy));
  }
  return found;
}

export const PriorityClasses = defineKind<PriorityClass>({
  group: 'scheduling.k8s.io',
  version: 'v1',
  kind: 'PriorityClass',
  plural: 'priorityclasses',
  shortNames: ['pc'],
  namespaced: false,
  hasGeneration: true,
  schema: PriorityClassSchema,
  defaults: (o) => {
    o.preemptionPolicy ??= 'PreemptLowerPriority';
  },
  validate: validateClass,
  columns: [
    nameColumn,
    numberColumn('Value', 'The priority.', (o) => o.value),
    boolColumn('Global-Default', 'Pods without a class get it.', (o) => o.globalDefault ?? false),
    ageColumn,
    column('PreemptionPolicy', 'Whether its pods may evict others.', (o) => o.preemptionPolicy ?? ''),
  ],
});
