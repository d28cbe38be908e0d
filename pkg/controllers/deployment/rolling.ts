import type { Deployment, ReplicaSet } from '#api/kinds/index.ts';
import type { Stored } from '#api/meta/objectmeta.ts';
import { olderFirst } from '../harness/age.ts';
import { availableOf, maxTotal, replicasOf, rollingLimits, sum } from './limits.ts';

/** A ReplicaSet and the size it should have. */
export interface Scale {
  readonly rs: Stored<ReplicaSet>;
  readonly to: number;
}

/**
 * One step of a rolling update: how far the new ReplicaSet may grow and which old ones may shrink, so that never more
 * than replicas + maxSurge pods exist and never fewer than replicas - maxUnavailable are available.
 */
export function rollingStep(
  d: Stored<Deployment>,
  current: Stored<ReplicaSet>,
  old: readonly Stored<ReplicaSet>[],
): Scale[] {
  const all = [current, ...old];
  const newSize = grownSize(d, current, sum(all, replicasOf));
  const steps: Scale[] = newSize === replicasOf(current) ? [] : [{ rs: current, to: newSize }];
  return [...steps, ...shrinkOld(d, { current, newSize, old })];
}

/** The size of the new ReplicaSet when `existing` replicas are asked for in total. */
export function grownSize(d: Stored<Deployment>, current: { spec?: { replicas?: number } }, existing: number): number {
  const size = replicasOf(current);
  const wanted = replicasOf(d);
  if (size >= wanted) return wanted;
  const room = maxTotal(d) - existing;
  return room <= 0 ? size : Math.min(wanted, size + room);
}

interface Rollout {
  readonly current: Stored<ReplicaSet>;
  readonly newSize: number;
  readonly old: readonly Stored<ReplicaSet>[];
}

function shrinkOld(d: Stored<Deployment>, r: Rollout): Scale[] {
  const minAvailable = replicasOf(d) - rollingLimits(d).maxUnavailable;
  const sizes = new Map(r.old.filter((rs) => replicasOf(rs) > 0).map((rs) => [rs, replicasOf(rs)]));
  const total = sum([...sizes.values()], (n) => n) + r.newSize;
  // New pods that are not available yet are counted as if they never would be.
  const newUnavailable = r.newSize - Math.min(r.newSize, availableOf(r.current));
  let budget = total - minAvailable - newUnavailable;
  const oldest = [...sizes.keys()].sort(olderFirst);

  // First pods that do not serve anyway (they cost no availability), then serving ones, oldest ReplicaSet first.
  for (const rs of oldest) {
    if (budget <= 0) break;
    const unhealthy = Math.max(0, replicasOf(rs) - availableOf(rs));
    const n = Math.min(budget, unhealthy);
    sizes.set(rs, replicasOf(rs) - n);
    budget -= n;
  }
  let spare = Math.min(budget, sum([r.current, ...r.old], availableOf) - minAvailable);
  for (const rs of oldest) {
    if (spare <= 0) break;
    const size = sizes.get(rs) ?? 0;
    const n = Math.min(spare, size);
    sizes.set(rs, size - n);
    spare -= n;
  }
  return [...sizes].filter(([rs, to]) => to !== replicasOf(rs)).map(([rs, to]) => ({ rs, to }));
}
