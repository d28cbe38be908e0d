import type { Deployment, ReplicaSet } from '#api/kinds/index.ts';
import type { Stored } from '#api/meta/objectmeta.ts';
import { olderFirst } from '../harness/age.ts';
import { desiredOf, maxOf } from './annotations.ts';
import { availableOf, isRolling, maxTotal, replicasOf, sum } from './limits.ts';
import type { Scale } from './rolling.ts';

/** True when `spec.replicas` changed since the ReplicaSets were last sized for it. */
export const isScaling = (d: Stored<Deployment>, all: readonly Stored<ReplicaSet>[]): boolean =>
  all.some((rs) => replicasOf(rs) > 0 && desiredOf(rs) !== undefined && desiredOf(rs) !== replicasOf(d));

/**
 * How a new `spec.replicas` is spread while no rollout step may be taken (paused, or sized for another number): the only
 * active ReplicaSet takes it all; a saturated new one ends the old ones; in the middle of a rolling update every
 * ReplicaSet grows or shrinks in proportion to its size.
 */
export function scaleStep(
  d: Stored<Deployment>,
  current: Stored<ReplicaSet> | undefined,
  old: readonly Stored<ReplicaSet>[],
): Scale[] {
  const active = [...(current ? [current] : []), ...old].filter((rs) => replicasOf(rs) > 0);
  const wanted = replicasOf(d);
  const only = active.length > 1 ? undefined : (active[0] ?? current ?? [...old].sort(olderFirst).at(-1));
  if (only) return replicasOf(only) === wanted && desiredOf(only) === wanted ? [] : [{ rs: only, to: wanted }];
  if (current && isSaturated(d, current)) {
    return old.filter((rs) => replicasOf(rs) > 0).map((rs) => ({ rs, to: 0 }));
  }
  return isRolling(d) ? proportional(d, active) : [];
}

const isSaturated = (d: Stored<Deployment>, rs: Stored<ReplicaSet>): boolean =>
  replicasOf(rs) === replicasOf(d) && desiredOf(rs) === replicasOf(d) && availableOf(rs) === replicasOf(d);

function proportional(d: Stored<Deployment>, active: readonly Stored<ReplicaSet>[]): Scale[] {
  const toAdd = maxTotal(d) - sum(active, replicasOf);
  // Larger ones first; among equals growth favours the newest, shrinking the oldest.
  const order = [...active].sort(
    (a, b) => replicasOf(b) - replicasOf(a) || (toAdd > 0 ? olderFirst(b, a) : olderFirst(a, b)),
  );
  let added = 0;
  const sizes = order.map((rs) => {
    const share = toAdd === 0 ? 0 : shareOf(d, rs);
    const left = toAdd - added;
    const n = toAdd > 0 ? Math.max(0, Math.min(share, left)) : Math.min(0, Math.max(share, left));
    added += n;
    return { rs, to: replicasOf(rs) + n };
  });
  const first = sizes[0];
  // Rounding leaves a rest: it goes to the largest.
  if (first) sizes[0] = { rs: first.rs, to: Math.max(0, first.to + toAdd - added) };
  return sizes;
}

/** What `rs` should gain (or lose) so that it keeps its part of the whole. */
function shareOf(d: Stored<Deployment>, rs: Stored<ReplicaSet>): number {
  if (replicasOf(d) === 0) return -replicasOf(rs);
  const before = maxOf(rs) ?? d.status?.replicas ?? 0;
  if (before === 0) return 0;
  return Math.round((replicasOf(rs) * maxTotal(d)) / before) - replicasOf(rs);
}
