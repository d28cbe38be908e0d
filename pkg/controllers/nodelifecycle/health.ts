import type { Lease, Node, Pod, Taint, Toleration } from '#api/kinds/index.ts';

export const NOT_READY = 'node.kubernetes.io/not-ready';
export const UNREACHABLE = 'node.kubernetes.io/unreachable';
const UNSCHEDULABLE = 'node.kubernetes.io/unschedulable';
const OURS = new Set([NOT_READY, UNREACHABLE, UNSCHEDULABLE]);

export type Health = 'ready' | 'not-ready' | 'unreachable';

/** What a node's heartbeat says. `heardAt` is when we last saw its lease change, by our own clock. */
export function healthOf(node: Node, heardAt: number, now: number, graceMs: number): Health {
  if (now - heardAt > graceMs) return 'unreachable';
  const ready = node.status?.conditions?.find((c) => c.type === 'Ready');
  return ready?.status === 'True' ? 'ready' : 'not-ready';
}

/** Taints the node should have: ours by its health, all others as they are. Times of taints that stay are kept. Pure. */
export function wantedTaints(node: Node, health: Health, nowText: string): Taint[] {
  const present = node.spec?.taints ?? [];
  const foreign = present.filter((t) => !OURS.has(t.key));
  const wanted: Taint[] = [];
  const want = (key: string, effect: 'NoSchedule' | 'NoExecute'): void => {
    const known = present.find((t) => t.key === key && t.effect === effect);
    wanted.push(known ?? ({ key, effect, ...(effect === 'NoExecute' ? { timeAdded: nowText } : {}) } as Taint));
  };
  if (health !== 'ready') {
    const key = health === 'not-ready' ? NOT_READY : UNREACHABLE;
    want(key, 'NoSchedule');
    want(key, 'NoExecute');
  }
  if (node.spec?.unschedulable) want(UNSCHEDULABLE, 'NoSchedule');
  return [...foreign, ...wanted];
}

const tolerates = (t: Toleration, taint: Taint): boolean => {
  if (t.effect && t.effect !== taint.effect) return false;
  if (t.key && t.key !== taint.key) return false;
  if (t.operator === 'Exists') return true;
  return Boolean(t.key) && (t.value ?? '') === (taint.value ?? '');
};

/** Epoch ms at which a pod must leave a node with these taints; undefined: it may stay ("Taint based Evictions"). Pure. */
export function evictionTime(pod: Pod, taints: readonly Taint[], now: number): number | undefined {
  let at: number | undefined;
  for (const taint of taints) {
    if (taint.effect !== 'NoExecute') continue;
    const since = taint.timeAdded ? Date.parse(taint.timeAdded) : now;
    const tolerating = (pod.spec?.tolerations ?? []).filter((t) => tolerates(t, taint));
    if (tolerating.length === 0) return now;
    const limits = tolerating.flatMap((t) => (t.tolerationSeconds === undefined ? [] : [t.tolerationSeconds]));
    // One toleration without limit means "as long as it takes".
    if (limits.length < tolerating.length) continue;
    const until = since + Math.max(0, Math.min(...limits)) * 1000;
    at = Math.min(at ?? until, until);
  }
  return at;
}

export const renewedAt = (lease: Lease | undefined): string => lease?.spec?.renewTime ?? '';
