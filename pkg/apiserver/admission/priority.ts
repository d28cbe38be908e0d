import { type Pod, type PriorityClass, PriorityClasses } from '#api/kinds/index.ts';
import { errors } from '#api/meta/errors.ts';
import type { KubeObject } from '#api/meta/objectmeta.ts';
import type { Lookup } from './lookup.ts';
import { type AdmissionPlugin, type Attributes, concerns } from './types.ts';

/** The classes every cluster has, for pods it cannot do without. */
export const SYSTEM_PRIORITY_CLASSES: readonly PriorityClass[] = [
  {
    metadata: { name: 'system-cluster-critical' },
    value: 2_000_000_000,
    description:
      'Used for system critical pods that must run in the cluster, but can be moved to another node if necessary.',
  },
  {
    metadata: { name: 'system-node-critical' },
    value: 2_000_001_000,
    description: 'Used for system critical pods that must not be moved from their current node.',
  },
];

const DEFAULT_PRIORITY = 0;
const DEFAULT_POLICY = 'PreemptLowerPriority';

/** What was given on creation stays with who writes the pod back without it. */
function keepPriority(a: Attributes): void {
  const { spec } = a.object as Pod;
  const before = (a.oldObject as Pod | undefined)?.spec;
  if (!spec || !before) return;
  if (before.priority !== undefined) spec.priority ??= before.priority;
  if (before.preemptionPolicy !== undefined) spec.preemptionPolicy ??= before.preemptionPolicy;
}

/** Gives pods the number behind their class, and lets only one class be the default ("Pod Priority and Preemption"). */
export function priorityAdmission(lookup: Lookup): AdmissionPlugin {
  /** Of several defaults, which only a race can make, the lowest counts. */
  const globalDefault = (): PriorityClass | undefined =>
    lookup
      .list(PriorityClasses, '')
      .filter((c) => c.globalDefault)
      .sort((a, b) => a.value - b.value)[0];

  const classOf = async (a: Attributes, name: string): Promise<PriorityClass> => {
    const found =
      (await lookup.find(PriorityClasses, '', name)) ?? SYSTEM_PRIORITY_CLASSES.find((c) => c.metadata?.name === name);
    if (!found) throw errors.forbidden(a.resource.ref, a.name, `no PriorityClass with name ${name} was found`);
    return found;
  };

  const admitPod = async (a: Attributes): Promise<void> => {
    const { spec } = a.object as Pod;
    if (!spec) return;
    const chosen = spec.priorityClassName ? await classOf(a, spec.priorityClassName) : globalDefault();
    if (chosen) spec.priorityClassName = chosen.metadata?.name ?? '';
    const priority = chosen?.value ?? DEFAULT_PRIORITY;
    const policy = chosen?.preemptionPolicy ?? DEFAULT_POLICY;
    if (spec.priority !== undefined && spec.priority !== priority) {
      const why = `the integer value of priority (${spec.priority}) must not be provided in pod spec; priority admission controller computed ${priority} from the given PriorityClass name`;
      throw errors.forbidden(a.resource.ref, a.name, why);
    }
    if (spec.preemptionPolicy !== undefined && spec.preemptionPolicy !== policy) {
      const why = `the string value of PreemptionPolicy (${spec.preemptionPolicy}) must not be provided in pod spec; priority admission controller computed ${policy} from the given PriorityClass name`;
      throw errors.forbidden(a.resource.ref, a.name, why);
    }
    spec.priority = priority;
    spec.preemptionPolicy = policy;
  };

  return {
    name: 'Priority',
    async admit(a) {
      if (concerns(a, '', 'pods', 'CREATE')) await admitPod(a);
      else if (concerns(a, '', 'pods', 'UPDATE')) keepPriority(a);
    },
    validate(a) {
      if (!concerns(a, 'scheduling.k8s.io', 'priorityclasses', 'CREATE', 'UPDATE')) return;
      const { globalDefault: wants, metadata } = a.object as KubeObject & PriorityClass;
      const present = wants ? globalDefault() : undefined;
      if (!present || present.metadata?.name === metadata?.name) return;
      const why = `PriorityClass ${present.metadata?.name} is already marked as default. Only one default can exist`;
      throw errors.forbidden(a.resource.ref, a.name, why);
    },
  };
}
