import type { DaemonSetStatus } from '#api/kinds/index.ts';
import { isReady } from '#api/meta/readiness.ts';
import { availableIn, isTerminal } from '../pods/state.ts';
import { belongsOn } from './placement.ts';
import { byNodeName, isUpdated, type Scene } from './plan.ts';

/** The whole status of a DaemonSet, and in how many milliseconds time alone will change it. Pure. */
export function statusOf(
  s: Scene,
  collisionCount: number | undefined,
): { status: DaemonSetStatus; changesIn?: number } {
  const n = { desired: 0, current: 0, misplaced: 0, ready: 0, available: 0, updated: 0 };
  let changesIn: number | undefined;
  const on = byNodeName(s.pods);
  for (const node of s.nodes) {
    const { run } = belongsOn(s.ds, node);
    const here = (on.get(node.metadata.name) ?? []).filter((p) => !isTerminal(p));
    if (run) n.desired++;
    if (here.length === 0) continue;
    if (!run) {
      n.misplaced++;
      continue;
    }
    n.current++;
    // Of two pods that replace each other the better one counts.
    const ready = here.filter(isReady);
    if (ready.length > 0) n.ready++;
    const waits = ready.flatMap((p) => availableIn(p, s.ds.spec?.minReadySeconds ?? 0, s.now) ?? []);
    const soonest = waits.length > 0 ? Math.min(...waits) : undefined;
    if (soonest === 0) n.available++;
    else if (soonest !== undefined) changesIn = Math.min(changesIn ?? soonest, soonest);
    if (here.some((p) => isUpdated(p, s.hash))) n.updated++;
  }
  const status: DaemonSetStatus = {
    currentNumberScheduled: n.current,
    numberMisscheduled: n.misplaced,
    desiredNumberScheduled: n.desired,
    numberReady: n.ready,
    observedGeneration: s.ds.metadata.generation ?? 0,
  };
  if (n.updated > 0) status.updatedNumberScheduled = n.updated;
  if (n.available > 0) status.numberAvailable = n.available;
  if (n.desired > n.available) status.numberUnavailable = n.desired - n.available;
  if (collisionCount !== undefined) status.collisionCount = collisionCount;
  if (s.ds.status?.conditions) status.conditions = s.ds.status.conditions;
  return changesIn === undefined ? { status } : { status, changesIn };
}
