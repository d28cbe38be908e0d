import type { Job, Pod } from '#api/kinds/index.ts';
import type { Stored } from '#api/meta/objectmeta.ts';
import { isReady } from '#api/meta/readiness.ts';
import { isActive } from '../pods/state.ts';
import { countIndexes, type Indexes, NO_INDEXES, parseIndexes, withIndexes } from './indexes.ts';
import {
  countsPerIndex,
  earlierFailures,
  endedAt,
  hasFailed,
  indexOf,
  isIndexed,
  isTerminating,
  isTracked,
} from './pods.ts';
import { failureVerdict } from './policies.ts';

/** What everything is decided from. `pods` are the job's own; `now` is in epoch milliseconds. */
export interface Scene {
  readonly job: Stored<Job>;
  readonly pods: readonly Stored<Pod>[];
  readonly now: number;
}

/** How an index has failed so far. */
export interface IndexFailures {
  readonly counted: number;
  readonly ignored: number;
  /** The pod that failed last. It keeps the count, and so stays until another pod carries it on. */
  readonly last: Stored<Pod>;
}

export interface Tally {
  readonly active: readonly Stored<Pod>[];
  readonly terminating: readonly Stored<Pod>[];
  readonly ready: number;
  /** Those in the status, and those that ended since. */
  readonly succeeded: number;
  readonly failed: number;
  /** Ended pods of which the status does not know yet. */
  readonly newlySucceeded: readonly Stored<Pod>[];
  readonly newlyFailed: readonly Stored<Pod>[];
  readonly succeededIndexes: Indexes;
  readonly failedIndexes: Indexes;
  readonly failures: ReadonlyMap<number, IndexFailures>;
}

/** Pure: counts the pods of a job, each exactly once whether the status has it already or not. */
export function tallyOf({ job, pods }: Scene): Tally {
  const { uncountedTerminatedPods: uncounted, succeeded = 0, failed = 0, completedIndexes } = job.status ?? {};
  const known = new Set([...(uncounted?.succeeded ?? []), ...(uncounted?.failed ?? [])]);
  // Of an indexed job, a pod of no index of it counts nowhere.
  const counts = (p: Stored<Pod>): boolean => !isIndexed(job) || indexOf(job, p) !== undefined;
  const ended = pods.filter((p) => isTracked(p) && !known.has(p.metadata.uid) && counts(p));
  const newlySucceeded = ended.filter((p) => p.status?.phase === 'Succeeded');
  const newlyFailed = ended.filter((p) => hasFailed(job, p));
  const active = pods.filter(isActive);
  const base = {
    active,
    terminating: pods.filter(isTerminating),
    ready: active.filter(isReady).length,
    newlySucceeded,
    newlyFailed,
    failed:
      failed +
      (uncounted?.failed?.length ?? 0) +
      newlyFailed.filter((p) => failureVerdict(job, p).action !== 'Ignore').length,
  };
  if (!isIndexed(job)) {
    const total = succeeded + (uncounted?.succeeded?.length ?? 0) + newlySucceeded.length;
    const none = { succeededIndexes: NO_INDEXES, failedIndexes: NO_INDEXES, failures: new Map() };
    return { ...base, ...none, succeeded: total };
  }
  const done = newlySucceeded.flatMap((p) => indexOf(job, p) ?? []);
  const succeededIndexes = withIndexes(parseIndexes(completedIndexes, job.spec?.completions ?? 0), done);
  const indexed = { ...base, succeededIndexes, succeeded: countIndexes(succeededIndexes) };
  return { ...indexed, ...failuresOf(job, ended) };
}

function failuresOf(job: Stored<Job>, ended: readonly Stored<Pod>[]): Pick<Tally, 'failedIndexes' | 'failures'> {
  const failures = new Map<number, IndexFailures>();
  if (!countsPerIndex(job)) return { failedIndexes: NO_INDEXES, failures };
  const limit = job.spec?.backoffLimitPerIndex ?? 0;
  const failed: number[] = [];
  for (const pod of ended.filter((p) => hasFailed(job, p))) {
    const index = indexOf(job, pod);
    if (index === undefined) continue;
    const { action } = failureVerdict(job, pod);
    const before = earlierFailures(pod);
    const counted = before.counted + (action === 'Ignore' ? 0 : 1);
    const ignored = before.ignored + (action === 'Ignore' ? 1 : 0);
    if (action === 'FailIndex' || counted > limit) failed.push(index);
    const other = failures.get(index);
    const later = !other || counted + ignored > other.counted + other.ignored || endedAt(pod) > endedAt(other.last);
    if (later) failures.set(index, { counted, ignored, last: pod });
  }
  const known = parseIndexes(job.status?.failedIndexes, job.spec?.completions ?? 0);
  return { failedIndexes: withIndexes(known, failed), failures };
}
