import type { Pod } from '#api/kinds/index.ts';
import type { Stored } from '#api/meta/objectmeta.ts';
import { isReady } from '#api/meta/readiness.ts';
import { readySince } from '../pods/state.ts';

const DELETION_COST = 'controller.kubernetes.io/pod-deletion-cost';

/** Pending goes before unknown, unknown before running. */
const phaseOrder = (p: Pod): number => (p.status?.phase === 'Running' ? 2 : p.status?.phase === 'Unknown' ? 1 : 0);

/** The annotation's value; what is not a canonical 32-bit integer counts as 0. */
function deletionCost(p: Stored<Pod>): number {
  const text = p.metadata.annotations?.[DELETION_COST];
  if (text === undefined || !/^(0|-?[1-9][0-9]*)$/.test(text)) return 0;
  const n = Number(text);
  return Math.abs(n) <= 2 ** 31 - 1 ? n : 0;
}

const restarts = (p: Pod): number =>
  Math.max(0, ...(p.status?.containerStatuses ?? []).map((c) => c.restartCount ?? 0));

/** Ages are compared by their order of magnitude, so that pods of about the same age are chosen at random (by uid). */
const magnitude = (sinceMs: number, now: number): number => Math.floor(Math.log2(Math.max(1, now - sinceMs)));

interface Ranked {
  readonly pod: Stored<Pod>;
  /** Compared left to right; the smaller goes first. */
  readonly ranks: readonly number[];
}

/**
 * The order in which a scale-down deletes pods, as documented for ReplicaSets: unscheduled, pending, not ready, lower
 * pod-deletion-cost, more replicas on the same node, ready for a shorter time, more restarts, younger.
 * @param perNode active pods of the same workload by node name
 * @param now epoch milliseconds
 */
export function deletionOrder(pods: readonly Stored<Pod>[], perNode: ReadonlyMap<string, number>, now: number) {
  const ranked = pods.map((pod): Ranked => {
    const node = pod.spec?.nodeName ?? '';
    const since = readySince(pod);
    return {
      pod,
      ranks: [
        node === '' ? 0 : 1,
        phaseOrder(pod),
        isReady(pod) ? 1 : 0,
        deletionCost(pod),
        -(perNode.get(node) ?? 0),
        since === undefined ? -1 : magnitude(since, now),
        -restarts(pod),
        magnitude(Date.parse(pod.metadata.creationTimestamp), now),
      ],
    };
  });
  return ranked.sort(compare).map((r) => r.pod);
}

function compare(a: Ranked, b: Ranked): number {
  for (let i = 0; i < a.ranks.length; i++) {
    const d = (a.ranks[i] ?? 0) - (b.ranks[i] ?? 0);
    if (d !== 0) return d;
  }
  return a.pod.metadata.uid < b.pod.metadata.uid ? -1 : 1;
}

/** Counts pods by node name. */
export function countByNode(pods: Iterable<Pod>): Map<string, number> {
  const counts = new Map<string, number>();
  for (const p of pods) {
    const node = p.spec?.nodeName;
    if (node) counts.set(node, (counts.get(node) ?? 0) + 1);
  }
  return counts;
}
