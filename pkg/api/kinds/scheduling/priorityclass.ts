import { defineKind, topLevel } from '../../kind.ts';
import { type FieldError, forbidden } from '../../meta/fielderrors.ts';
import { bool, f, int32, req, str, type TypeOf } from '../../schema/schema.ts';
import { immutable, oneOfRequired } from '../check/check.ts';
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

/** Why it is none of the classes that every cluster has; undefined: it is one of them. */
function notOfSystem({ metadata, value, globalDefault }: PriorityClass): string | undefined {
  const name = metadata?.name ?? '';
  if (!Object.hasOwn(SYSTEM_CLASSES, name)) return `${name} is not a known system priority class`;
  const wanted = SYSTEM_CLASSES[name];
  if (value !== wanted) return `value of ${name} PriorityClass must be ${wanted}`;
  return globalDefault ? `globalDefault of ${name} PriorityClass must be false` : undefined;
}

function validateNew(o: PriorityClass): FieldError[] {
  const found: FieldError[] = [];
  if (o.metadata?.name?.startsWith(SYSTEM_PREFIX)) {
    const why = notOfSystem(o);
    const reserved = "priority class names with 'system-' prefix are reserved for system use only";
    if (why) found.push(forbidden('metadata.name', `${reserved}. error: ${why}`));
  } else if (o.value > MAX_VALUE) {
    found.push(forbidden('value', `maximum allowed value of a user defined priority is ${MAX_VALUE}`));
  }
  const policy = o.preemptionPolicy;
  if (policy === undefined) return found;
  return [...found, ...oneOfRequired('preemptionPolicy', policy, ['Never', 'PreemptLowerPriority'])];
}

const validateChange = (o: PriorityClass, old: PriorityClass): FieldError[] => [
  // With a capital, as Kubernetes has it.
  ...(o.value === old.value ? [] : [forbidden('Value', 'may not be changed in an update.')]),
  ...immutable('preemptionPolicy', o.preemptionPolicy, old.preemptionPolicy),
];

export const PriorityClasses = defineKind<PriorityClass>({
  group: 'scheduling.k8s.io',
  version: 'v1',
  kind: 'PriorityClass',
  plural: 'priorityclasses',
  shortNames: ['pc'],
  namespaced: false,
  schema: PriorityClassSchema,
  defaults: (o) => {
    o.preemptionPolicy ??= 'PreemptLowerPriority';
  },
  // It counts no changes.
  prepareCreate: (o) => {
    o.metadata = { ...o.metadata, generation: 1 };
  },
  validate: (o, old) => (old ? validateChange(o, old) : validateNew(o)),
  columns: [
    nameColumn,
    numberColumn('Value', 'The priority.', (o) => o.value),
    boolColumn('Global-Default', 'Pods without a class get it.', (o) => o.globalDefault ?? false),
    ageColumn,
    column('PreemptionPolicy', 'Whether its pods may evict others.', (o) => o.preemptionPolicy ?? ''),
  ],
});
