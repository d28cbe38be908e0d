export interface Taint {
  readonly key?: string;
  readonly value?: string;
  readonly effect?: string;
}
export interface Toleration {
  readonly key?: string;
  readonly operator?: string;
  readonly value?: string;
  readonly effect?: string;
}

/** "Taints and Tolerations": an empty key with Exists tolerates everything, an empty effect every effect. */
export function tolerates(t: Toleration, taint: Taint): boolean {
  if (t.effect && t.effect !== taint.effect) return false;
  if (t.key && t.key !== taint.key) return false;
  if (t.operator === 'Exists') return true;
  return Boolean(t.key) && (t.value ?? '') === (taint.value ?? '');
}

/** NoSchedule and NoExecute keep pods away; PreferNoSchedule only asks to. */
const isHard = (t: Taint): boolean => t.effect === 'NoSchedule' || t.effect === 'NoExecute';

/** The first taint that keeps a pod with these tolerations from being placed. */
export function untolerated<T extends Taint>(
  taints: readonly T[] | undefined,
  tolerations: readonly Toleration[] | undefined,
): T | undefined {
  return taints?.find((taint) => isHard(taint) && !tolerations?.some((t) => tolerates(t, taint)));
}
