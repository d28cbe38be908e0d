import type { Pod } from '#api/kinds/index.ts';
import type { Stored } from '#api/meta/objectmeta.ts';
import { olderFirst } from '../harness/age.ts';
import { countByNode, deletionOrder } from '../replicaset/ranking.ts';
import { countIndexes, hasIndex } from './indexes.ts';
import { countsPerIndex, endedAt, indexOf, isIndexed, type Slot, waitsForEnd } from './pods.ts';
import type { IndexFailures, Scene, Tally } from './tally.ts';

/** Most pods created or deleted in one round. */
const BURST = 500;
const BASE_MS = 10_000;
const MAX_MS = 10 * 60_000;

/** Failures in a row, for the wait before the next pod. */
export interface FailureRun {
  readonly count: number;
  /** When the last one was, epoch milliseconds. */
  readonly last: number;
}

export interface JobPlan {
  readonly create: readonly Slot[];
  readonly remove: readonly Stored<Pod>[];
  /** Milliseconds until more is to be done; Infinity: only when something happens. */
  readonly waitMs: number;
}

/** 10 s after a failure, doubled by each further one, at most 10 min ("Pod backoff failure policy"). */
export const waitAfter = ({ count, last }: FailureRun, now: number): number =>
  count === 0 ? 0 : Math.max(0, last + Math.min(BASE_MS * 2 ** (count - 1), MAX_MS) - now);

/** Pure: the run of failures after these pods ended; a success ends it. */
export function failureRun(before: FailureRun | undefined, t: Tally): FailureRun {
  const ended = [...t.newlySucceeded, ...t.newlyFailed]
    .map((pod) => ({ at: endedAt(pod), ok: pod.status?.phase === 'Succeeded' }))
    .sort((a, b) => a.at - b.at);
  let run = before ?? { count: 0, last: 0 };
  for (const { at, ok } of ended)
    run = ok ? { count: 0, last: 0 } : { count: run.count + 1, last: Math.max(run.last, at) };
  return run;
}

/** How many pods shall be active. */
function wanted({ job }: Scene, t: Tally): number {
  const { parallelism = 1, completions } = job.spec ?? {};
  if (completions === undefined) return t.succeeded > 0 ? Math.min(t.active.length, parallelism) : parallelism;
  const left = completions - t.succeeded - countIndexes(t.failedIndexes);
  return Math.min(parallelism, Math.max(0, left));
}

/** Active pods nobody needs: a second one of an index, and those of indexes that are done or no longer exist. */
function needless({ job }: Scene, t: Tally): { readonly surplus: Stored<Pod>[]; readonly taken: Set<number> } {
  const surplus: Stored<Pod>[] = [];
  const taken = new Set<number>();
  if (!isIndexed(job)) return { surplus, taken };
  for (const pod of [...t.active].sort(olderFirst)) {
    const index = indexOf(job, pod);
    const idle = index === undefined || hasIndex(t.succeededIndexes, index) || hasIndex(t.failedIndexes, index);
    if (idle || taken.has(index)) surplus.push(pod);
    else taken.add(index);
  }
  return { surplus, taken };
}

/** Pure: pods to start and to end, for a job that goes on. */
export function planPods(s: Scene, t: Tally, run: FailureRun): JobPlan {
  const { job, now } = s;
  if (job.spec?.suspend) return { create: [], remove: t.active.slice(0, BURST), waitMs: more(t.active.length) };
  const { surplus, taken } = needless(s, t);
  const want = wanted(s, t);
  const useful = t.active.filter((p) => !surplus.includes(p));
  const order = deletionOrder(useful, countByNode(useful), now);
  const remove = [...surplus, ...order.slice(0, Math.max(0, useful.length - want))];
  const kept = Math.min(useful.length, want);
  // A place is free once its pod has ended, or already while it ends.
  const missing = want - kept - (waitsForEnd(job) ? t.terminating.length : 0);
  if (missing <= 0) return { create: [], remove: remove.slice(0, BURST), waitMs: more(remove.length) };
  if (countsPerIndex(job)) return { remove, ...nextIndexes(s, t, { taken, missing }) };
  const wait = waitAfter(run, now);
  if (wait > 0) return { create: [], remove, waitMs: wait };
  if (isIndexed(job)) return { remove, ...nextIndexes(s, t, { taken, missing }) };
  return { create: new Array<Slot>(Math.min(missing, BURST)).fill({}), remove, waitMs: more(missing) };
}

const more = (count: number): number => (count > BURST ? 1 : Number.POSITIVE_INFINITY);

interface Room {
  readonly taken: ReadonlySet<number>;
  readonly missing: number;
}

/** The lowest indexes that want a pod; with limits per index each waits for itself after a failure. */
function nextIndexes(s: Scene, t: Tally, { taken, missing }: Room): Pick<JobPlan, 'create' | 'waitMs'> {
  const ending = waitsForEnd(s.job) ? t.terminating.flatMap((p) => indexOf(s.job, p) ?? []) : [];
  const busy = new Set([...taken, ...ending]);
  const create: Slot[] = [];
  let waitMs = more(missing);
  for (let index = 0; index < (s.job.spec?.completions ?? 0) && create.length < Math.min(missing, BURST); index++) {
    if (busy.has(index) || hasIndex(t.succeededIndexes, index) || hasIndex(t.failedIndexes, index)) continue;
    const failures = t.failures.get(index);
    const wait = failures ? waitAfter(runOf(failures), s.now) : 0;
    if (wait > 0) waitMs = Math.min(waitMs, wait);
    else create.push({ index, counted: failures?.counted ?? 0, ignored: failures?.ignored ?? 0 });
  }
  return { create, waitMs };
}

const runOf = (f: IndexFailures): FailureRun => ({ count: f.counted + f.ignored, last: endedAt(f.last) });
