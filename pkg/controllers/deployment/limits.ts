import type { Deployment, ReplicaSet } from '#api/kinds/index.ts';
import { countOrShare } from '../harness/amounts.ts';

export const replicasOf = (o: { spec?: { replicas?: number } }): number => o.spec?.replicas ?? 1;
export const availableOf = (rs: ReplicaSet): number => rs.status?.availableReplicas ?? 0;
export const sum = <T>(items: readonly T[], of: (item: T) => number): number => items.reduce((n, i) => n + of(i), 0);

export const isRolling = (d: Deployment): boolean => (d.spec?.strategy?.type ?? 'RollingUpdate') === 'RollingUpdate';

/** How many pods a rolling update may add above, and take below, the desired number; never both 0. */
export function rollingLimits(d: Deployment): { maxSurge: number; maxUnavailable: number } {
  if (!isRolling(d)) return { maxSurge: 0, maxUnavailable: 0 };
  const total = replicasOf(d);
  const rolling = d.spec?.strategy?.rollingUpdate;
  const maxSurge = countOrShare(rolling?.maxSurge ?? '25%', total, Math.ceil);
  const maxUnavailable = countOrShare(rolling?.maxUnavailable ?? '25%', total, Math.floor);
  if (maxSurge === 0 && maxUnavailable === 0) return { maxSurge: 0, maxUnavailable: 1 };
  return { maxSurge, maxUnavailable: Math.min(maxUnavailable, total) };
}

/** Most replicas all ReplicaSets together may have. */
export const maxTotal = (d: Deployment): number =>
  replicasOf(d) === 0 ? 0 : replicasOf(d) + rollingLimits(d).maxSurge;
