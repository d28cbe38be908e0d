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
