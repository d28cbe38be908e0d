import { type Pod, type RuntimeClass, RuntimeClasses } from '#api/kinds/index.ts';
import { sameJson } from '#api/meta/equal.ts';
import { errors } from '#api/meta/errors.ts';
import { canonicalQuantity } from '#api/meta/quantity.ts';
import type { Lookup } from './lookup.ts';
import { type AdmissionPlugin, type Attributes, concerns } from './types.ts';

type PodSpec = NonNullable<Pod['spec']>;
type Toleration = NonNullable<PodSpec['tolerations']>[number];

const refused = (a: Attributes, why: string): Error => errors.forbidden(a.resource.ref, a.name, why);

const canonical = (amounts: Readonly<Record<string, string>>): Record<string, string> =>
  Object.fromEntries(Object.entries(amounts).map(([k, v]) => [k, canonicalQuantity(v)]));

/** The pod's overhead is that of its class, which the pod may repeat but not change. */
function setOverhead(a: Attributes, spec: PodSpec, chosen: RuntimeClass | undefined): void {
  const wanted = chosen?.overhead?.podFixed;
  if (!wanted) {
    if (!spec.overhead) return;
    throw refused(a, 'pod rejected: Pod Overhead set without corresponding RuntimeClass defined Overhead');
  }
  if (spec.overhead && !sameJson(canonical(spec.overhead), canonical(wanted))) {
    throw refused(a, "pod rejected: Pod's Overhead doesn't match RuntimeClass's defined Overhead");
  }
  spec.overhead = { ...wanted };
}

/** Does one toleration put up with all that the other does? */
function covers(wide: Toleration, narrow: Toleration): boolean {
  const all = !wide.key && wide.operator === 'Exists';
  if (!all && (wide.key ?? '') !== (narrow.key ?? '')) return false;
  if (wide.effect && wide.effect !== narrow.effect) return false;
  const seconds = narrow.tolerationSeconds ?? Number.POSITIVE_INFINITY;
  if (wide.effect === 'NoExecute' && (wide.tolerationSeconds ?? Number.POSITIVE_INFINITY) < seconds) return false;
  if (wide.operator === 'Exists') return true;
  return (narrow.operator ?? 'Equal') === 'Equal' && (wide.value ?? '') === (narrow.value ?? '');
}

/** The tolerations of both, without those that others make superfluous. */
function merged(own: readonly Toleration[], added: readonly Toleration[]): Toleration[] {
  const kept: Toleration[] = [];
  const all = [...own, ...added];
  for (const [i, t] of all.entries()) {
    const superfluous = all.slice(i + 1).some((later) => covers(later, t) && !sameJson(later, t));
    if (!superfluous && !kept.some((k) => covers(k, t))) kept.push(t);
  }
  return kept;
}

/** Pods go to nodes that have the runtime. */
function setScheduling(a: Attributes, spec: PodSpec, chosen: RuntimeClass): void {
  const { nodeSelector = {}, tolerations = [] } = chosen.scheduling ?? {};
  for (const [key, value] of Object.entries(nodeSelector)) {
    const own = spec.nodeSelector?.[key];
    if (own === undefined || own === value) continue;
    const why = `conflict: runtimeClass.scheduling.nodeSelector[${key}] = ${value}; pod.spec.nodeSelector[${key}] = ${own}`;
    throw refused(a, why);
  }
  if (Object.keys(nodeSelector).length > 0) spec.nodeSelector = { ...spec.nodeSelector, ...nodeSelector };
  if (tolerations.length > 0) spec.tolerations = merged(spec.tolerations ?? [], tolerations);
}

/** Gives pods what their runtime class says: overhead, and where they may run ("Runtime Class", "Pod Overhead"). */
export function runtimeClassAdmission(lookup: Lookup): AdmissionPlugin {
  return {
    name: 'RuntimeClass',
    async admit(a) {
      if (!concerns(a, '', 'pods', 'CREATE')) return;
      const { spec } = a.object as Pod;
      if (!spec || (!spec.runtimeClassName && !spec.overhead)) return;
      const name = spec.runtimeClassName;
      const chosen = name ? await lookup.find(RuntimeClasses, '', name) : undefined;
      if (name && !chosen) throw refused(a, `pod rejected: RuntimeClass "${name}" not found`);
      setOverhead(a, spec, chosen);
      if (chosen) setScheduling(a, spec, chosen);
    },
  };
}
