import type { Pod, StatefulSet, StatefulSetStatus } from '#api/kinds/index.ts';
import type { Stored } from '#api/meta/objectmeta.ts';
import { isReady } from '#api/meta/readiness.ts';
import { countOrShare } from '../harness/amounts.ts';
import { HASH_LABEL } from '../history/revisions.ts';
import { availableIn, isTerminal } from '../pods/state.ts';
import { ordinalOf, range } from './identity.ts';

/** What a step is planned from. `current` and `update` name the revisions that pods are updated from and to. */
export interface Scene {
  readonly set: Stored<StatefulSet>;
  readonly pods: readonly Stored<Pod>[];
  readonly current: string;
  readonly update: string;
  readonly now: number;
}

export interface Step {
  /** Ordinals to start. */
  readonly create: readonly number[];
  readonly remove: readonly Stored<Pod>[];
  /** Milliseconds until a pod has been ready for long enough; Infinity: only an event leads on. */
  readonly waitMs: number;
}

const isLeaving = (p: Stored<Pod>): boolean => p.metadata.deletionTimestamp !== undefined;
const isHealthy = (p: Stored<Pod> | undefined): boolean =>
  p !== undefined && p.status?.phase === 'Running' && isReady(p) && !isLeaving(p);
const isUpdated = (p: Stored<Pod>, s: Scene): boolean => p.metadata.labels?.[HASH_LABEL] === s.update;

/** Milliseconds until the pod is available; Infinity while it is not even healthy. */
function availableAfter(p: Stored<Pod>, s: Scene): number {
  if (!isHealthy(p)) return Number.POSITIVE_INFINITY;
  return availableIn(p, s.set.spec?.minReadySeconds ?? 0, s.now) ?? Number.POSITIVE_INFINITY;
}

interface Places {
  /** By ordinal, lowest first; some may have no pod. */
  readonly replicas: readonly { readonly ordinal: number; readonly pod: Stored<Pod> | undefined }[];
  /** Pods beyond the range, highest ordinal first. */
  readonly condemned: readonly Stored<Pod>[];
}

export function placesOf({ set, pods }: Pick<Scene, 'set' | 'pods'>): Places {
  const { start, end } = range(set);
  const byOrdinal = new Map<number, Stored<Pod>>();
  for (const p of pods) {
    const ordinal = ordinalOf(set, p);
    if (ordinal !== undefined) byOrdinal.set(ordinal, p);
  }
  const replicas = Array.from({ length: end - start }, (_, i) => ({
    ordinal: start + i,
    pod: byOrdinal.get(start + i),
  }));
  const condemned = [...byOrdinal]
    .filter(([ordinal]) => ordinal < start || ordinal >= end)
    .sort((a, b) => b[0] - a[0])
    .map(([, pod]) => pod);
  return { replicas, condemned };
}

const IDLE: Step = { create: [], remove: [], waitMs: Number.POSITIVE_INFINITY };

/** Pure: what is to be done next. With OrderedReady at most one pod is started or ended, and only beside healthy ones. */
export function planStep(s: Scene): Step {
  const places = placesOf(s);
  return s.set.spec?.podManagementPolicy === 'Parallel' ? parallelStep(s, places) : orderedStep(s, places);
}

function orderedStep(s: Scene, { replicas, condemned }: Places): Step {
  for (const { ordinal, pod } of replicas) {
    if (!pod) return { ...IDLE, create: [ordinal] };
    if (isTerminal(pod) && !isLeaving(pod)) return { ...IDLE, remove: [pod] };
    const waitMs = availableAfter(pod, s);
    if (waitMs > 0) return { ...IDLE, waitMs };
  }
  const [last] = condemned;
  if (last) return isLeaving(last) ? IDLE : { ...IDLE, remove: [last] };
  return updateStep(s, replicas);
}

function parallelStep(s: Scene, { replicas, condemned }: Places): Step {
  const create = replicas.filter((r) => !r.pod).map((r) => r.ordinal);
  const ended = replicas.flatMap(({ pod }) => (pod && isTerminal(pod) && !isLeaving(pod) ? [pod] : []));
  const remove = [...ended, ...condemned.filter((p) => !isLeaving(p))];
  const update = updateStep(s, replicas);
  return { ...update, create, remove: [...remove, ...update.remove.filter((p) => !remove.includes(p))] };
}

/** Old pods go from the highest ordinal down to the partition, so many at a time as may be unavailable. */
function updateStep(s: Scene, replicas: Places['replicas']): Step {
  const { type, rollingUpdate } = s.set.spec?.updateStrategy ?? {};
  if (type === 'OnDelete') return IDLE;
  const max = Math.max(1, countOrShare(rollingUpdate?.maxUnavailable ?? 1, replicas.length, Math.ceil));
  const from = range(s.set).start + (rollingUpdate?.partition ?? 0);
  const remove: Stored<Pod>[] = [];
  let waitMs = Number.POSITIVE_INFINITY;
  // With more than one at a time those that fail below count as well; with one, a broken pod must not stop its own repair.
  let missing = max > 1 ? replicas.filter(({ pod }) => !pod || availableAfter(pod, s) > 0).length : 0;
  for (const { ordinal, pod } of [...replicas].reverse()) {
    if (ordinal < from || missing >= max) break;
    const wait = pod ? availableAfter(pod, s) : Number.POSITIVE_INFINITY;
    if (pod && !isUpdated(pod, s) && !isLeaving(pod)) {
      remove.push(pod);
      if (max === 1 || wait === 0) missing++;
    } else if (wait > 0) {
      waitMs = Math.min(waitMs, wait);
      if (max === 1) missing++;
    }
  }
  return { create: [], remove, waitMs };
}

/** Which revision a new pod of an ordinal is made from. */
export function revisionFor(s: Pick<Scene, 'set' | 'current' | 'update'>, ordinal: number): string {
  const { type, rollingUpdate } = s.set.spec?.updateStrategy ?? {};
  const kept = type !== 'OnDelete' && ordinal < range(s.set).start + (rollingUpdate?.partition ?? 0);
  return kept ? s.current : s.update;
}

/** Pure: the whole status, and in how many milliseconds time alone will change it. */
export function statusOf(s: Scene, collisionCount: number): { status: StatefulSetStatus; changesIn: number } {
  const n = { ready: 0, available: 0, current: 0, updated: 0 };
  let changesIn = Number.POSITIVE_INFINITY;
  for (const p of s.pods) {
    if (p.status?.phase === 'Running' && isReady(p)) {
      n.ready++;
      const wait = availableIn(p, s.set.spec?.minReadySeconds ?? 0, s.now) ?? Number.POSITIVE_INFINITY;
      if (wait === 0) n.available++;
      else changesIn = Math.min(changesIn, wait);
    }
    if (isLeaving(p)) continue;
    if (p.metadata.labels?.[HASH_LABEL] === s.current) n.current++;
    if (isUpdated(p, s)) n.updated++;
  }
  const wanted = s.set.spec?.replicas ?? 1;
  const rolling = s.set.spec?.updateStrategy?.type !== 'OnDelete';
  const complete = rolling && n.updated === wanted && n.ready === wanted && s.pods.length === wanted;
  const current = complete ? s.update : s.current;
  if (complete) n.current = n.updated;
  const status: StatefulSetStatus = {
    observedGeneration: s.set.metadata.generation ?? 0,
    replicas: s.pods.length,
    availableReplicas: n.available,
    ...(n.ready > 0 ? { readyReplicas: n.ready } : {}),
    ...(n.current > 0 ? { currentReplicas: n.current } : {}),
    ...(n.updated > 0 ? { updatedReplicas: n.updated } : {}),
    currentRevision: current,
    updateRevision: s.update,
    collisionCount,
    ...(s.set.status?.conditions ? { conditions: s.set.status.conditions } : {}),
  };
  return { status, changesIn };
}
