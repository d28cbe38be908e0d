import type { Lease, Node, Taint } from '#api/kinds/index.ts';
import type { Stored } from '#api/meta/objectmeta.ts';
import { readinessOf } from '#api/meta/readiness.ts';
import { apiTime } from '#api/meta/time.ts';

export const NOT_READY = 'node.kubernetes.io/not-ready';
export const UNREACHABLE = 'node.kubernetes.io/unreachable';
const UNSCHEDULABLE = 'node.kubernetes.io/unschedulable';

/** Conditions that keep new pods away while they are True. */
const PRESSURE: Readonly<Record<string, string>> = {
  MemoryPressure: 'node.kubernetes.io/memory-pressure',
  DiskPressure: 'node.kubernetes.io/disk-pressure',
  PIDPressure: 'node.kubernetes.io/pid-pressure',
  NetworkUnavailable: 'node.kubernetes.io/network-unavailable',
};
const OURS = new Set([NOT_READY, UNREACHABLE, UNSCHEDULABLE, ...Object.values(PRESSURE)]);

export type Health = 'ready' | 'not-ready' | 'unreachable';

/** What a node's heartbeat says. `heardAt` is when we last saw its lease change, by our own clock. */
export function healthOf(node: Node, heardAt: number, now: number, graceMs: number): Health {
  if (now - heardAt > graceMs) return 'unreachable';
  const ready = readinessOf(node);
  // Unknown is our own mark; only the node itself takes it back, with its first status after the silence.
  return ready === 'True' ? 'ready' : ready === 'Unknown' ? 'unreachable' : 'not-ready';
}

/** What agents tell of their nodes; of other conditions others know whether they still hold. */
const TOLD_BY_AGENTS = ['Ready', 'MemoryPressure', 'DiskPressure', 'PIDPressure'] as const;

/** Pure: the conditions of a silent node that are to be changed: nothing it last said of itself holds any more. */
export function silenced({ metadata, status }: Stored<Node>, now: number): NodeCondition[] {
  const lastTransitionTime = apiTime(now);
  return TOLD_BY_AGENTS.flatMap((type): NodeCondition[] => {
    const old = status?.conditions?.find((c) => c.type === type);
    if (old?.status === 'Unknown') return [];
    const unknown = { type, status: 'Unknown' as const, lastTransitionTime };
    if (old) return [{ ...unknown, reason: 'NodeStatusUnknown', message: 'Kubelet stopped posting node status.' }];
    const never = { reason: 'NodeStatusNeverUpdated', message: 'Kubelet never posted node status.' };
    return [{ ...unknown, ...never, lastHeartbeatTime: metadata.creationTimestamp }];
  });
}

type NodeCondition = NonNullable<NonNullable<Node['status']>['conditions']>[number];

export interface Wanted {
  readonly health: Health;
  /** False: pods may not be moved away now, so a NoExecute taint is neither added nor kept. */
  readonly evict: boolean;
  /** For taints that are new. */
  readonly nowText: string;
}

/** Taints the node should have: ours by its health, all others as they are. Times of taints that stay are kept. Pure. */
export function wantedTaints(node: Node, w: Wanted): Taint[] {
  const present = node.spec?.taints ?? [];
  const wanted: Taint[] = present.filter((t) => !OURS.has(t.key));
  const want = (key: string, effect: 'NoSchedule' | 'NoExecute'): void => {
    const known = present.find((t) => t.key === key && t.effect === effect);
    wanted.push(known ?? { key, effect, ...(effect === 'NoExecute' ? { timeAdded: w.nowText } : {}) });
  };
  if (w.health !== 'ready') {
    const key = w.health === 'not-ready' ? NOT_READY : UNREACHABLE;
    want(key, 'NoSchedule');
    if (w.evict) want(key, 'NoExecute');
  }
  for (const c of node.status?.conditions ?? []) {
    const key = PRESSURE[c.type];
    if (key && c.status === 'True') want(key, 'NoSchedule');
  }
  if (node.spec?.unschedulable) want(UNSCHEDULABLE, 'NoSchedule');
  return wanted;
}

/** True while the pods of the node are being given up for its state. */
export const isBeingEvicted = (node: Node): boolean =>
  (node.spec?.taints ?? []).some((t) => t.effect === 'NoExecute' && (t.key === NOT_READY || t.key === UNREACHABLE));

/**
 * True if an update of the Node shows that the node itself wrote its status: the Ready condition changed, and not to
 * Unknown, which only we write. (The lease and the Node come by different watches, in any order.)
 */
export function isOwnReport(node: Node, old: Node): boolean {
  const ready = (n: Node) => n.status?.conditions?.find((c) => c.type === 'Ready');
  const now = ready(node);
  const before = ready(old);
  if (!now || now.status === 'Unknown') return false;
  return now.status !== before?.status || now.lastHeartbeatTime !== before?.lastHeartbeatTime;
}

export const renewedAt = (lease: Lease | undefined): string => lease?.spec?.renewTime ?? '';
