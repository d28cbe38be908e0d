import { join } from 'node:path';
import type { Pod } from '#api/kinds/index.ts';
import type { Stored } from '#api/meta/objectmeta.ts';
import type { Clock } from '#async/clock.ts';
import type { Lister } from '#client/types.ts';
import type { Exec } from '#process/exec.ts';
import type { Logger } from '#process/logger.ts';
import type { Failure } from '../pods/deadline.ts';
import { diskUse } from '../stats/disk-use.ts';
import type { NodeStats, NodeUsage, PodUsage } from '../stats/node-stats.ts';
import { podTotal } from '../stats/summary.ts';
import { SUB_PATHS } from '../volumes/sub-path-mounts.ts';
import type { LocalStorage } from './local-storage.ts';
import { evictionMessage } from './message.ts';
import { ranked } from './rank.ts';
import {
  isOfMemory,
  type Pressure,
  type Reclaims,
  type Shortage,
  SIGNALS,
  type Signal,
  type Supplies,
  type Supply,
  shortages,
  type Threshold,
} from './thresholds.ts';

export interface EvictionDeps {
  readonly stats: NodeStats;
  readonly pods: Lister<Pod>;
  readonly thresholds: readonly Threshold[];
  readonly reclaims: Reclaims;
  /** What pods may have, and what is left of it; undefined where it is not known. */
  readonly allocatableMemory: () => Promise<Supply | undefined>;
  /** A pressure lasts at least this long, milliseconds. */
  readonly transitionMs: number;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly exec: Exec;
  readonly storage: LocalStorage;
  /** Longest grace of a pod that is evicted for a soft threshold, seconds. */
  readonly maxPodGraceSeconds: number;
  readonly podDir: (podUid: string) => string;
  readonly evict: (podUid: string, failure: Failure) => void;
  /** Whether a pod has been told to end, or has. */
  readonly ending: (podUid: string) => boolean;
  /** Whether nothing is left of a pod that was evicted but what its containers wrote and logged, and the API knows. */
  readonly cleaned: (podUid: string) => boolean;
  /** Frees what nobody uses: ended containers, and when there are none images. @returns whether that was anything */
  readonly reclaimDisk: () => Promise<boolean>;
  /** Called when something is to be freed for want of this. */
  readonly reclaiming: (resource: string) => void;
  /** Called when the set of pressures changed. */
  readonly changed: () => void;
}

/** Nothing about a node changes faster than this matters, milliseconds. */
const PERIOD_MS = 10_000;
/** After an eviction its effect is waited for, not guessed: until the pod is gone, but so long at most, and then this. */
const CLEANUP_MS = 30_000;
const CLEANUP_LOOK_MS = 500;
const SETTLE_MS = 2_000;
/** For hard thresholds and limits. */
const HARD_GRACE_S = 1;

/** Of what is no number of bytes. */
const isCounted = (signal: Signal): boolean =>
  SIGNALS[signal].resource === 'pids' || SIGNALS[signal].resource === 'inodes';

type Left = Pick<NodeUsage, 'machine' | 'disk' | 'imageDisk'>;

export const suppliesOf = ({ machine: m, disk, imageDisk: images }: Left): Supplies => ({
  'memory.available': { available: m.memoryAvailable, capacity: m.memoryTotal },
  'nodefs.available': { available: disk.available, capacity: disk.capacity },
  'imagefs.available': { available: images.available, capacity: images.capacity },
  // Some file systems have no table of inodes.
  ...(disk.inodes > 0 ? { 'nodefs.inodesFree': { available: disk.inodesFree, capacity: disk.inodes } } : {}),
  ...(images.inodes > 0 ? { 'imagefs.inodesFree': { available: images.inodesFree, capacity: images.inodes } } : {}),
  'pid.available': { available: m.maxProcesses - m.processes, capacity: m.maxProcesses },
});

/** What of pods takes of what runs short. */
interface Holders {
  readonly volumes: boolean;
  /** Of containers, and their logs; images too. */
  readonly layers: boolean;
}

/** What lies on the disk that runs short: where volumes and images share one, all of it. Pure. */
function holdersOf(signal: Signal, { disk, imageDisk }: Pick<Left, 'disk' | 'imageDisk'>): Holders {
  const [volumes, layers] = [signal.startsWith('nodefs.'), signal.startsWith('imagefs.')];
  const both = (volumes || layers) && disk.device === imageDisk.device;
  return { volumes: volumes || both, layers: layers || both };
}

/** Watches what runs short on this node, says so, and ends pods before the kernel ends something else. */
export class Eviction {
  readonly #d: EvictionDeps;
  readonly #since = new Map<Pressure, number>();
  /** Since when each threshold is crossed without a break. */
  readonly #crossed = new Map<Threshold, number>();

  /** Evicted by the last look. */
  readonly #leaving = new Set<string>();

  /** Thresholds because of which pods were ended, or would have been. */
  #actedOn: ReadonlySet<Threshold> = new Set();

  constructor(deps: EvictionDeps) {
    this.#d = deps;
  }

  get pressures(): ReadonlySet<Pressure> {
    return new Set(this.#since.keys());
  }

  async run(signal: AbortSignal): Promise<void> {
    const { clock, logger } = this.#d;
    while (!signal.aborted) {
      let wait = PERIOD_MS;
      try {
        if (await this.#look()) wait = SETTLE_MS;
      } catch (err) {
        logger.warn({ err }, 'what is left on this node could not be measured');
      }
      await this.#cleanUp(signal);
      await clock.sleep(wait, signal).catch(() => {});
    }
  }

  /** Waits until what was evicted has given back what it held, or another would have to go for it. */
  async #cleanUp(signal: AbortSignal): Promise<void> {
    const { clock, cleaned } = this.#d;
    const until = clock.now() + CLEANUP_MS;
    const left = (): boolean => [...this.#leaving].some((uid) => !cleaned(uid));
    while (left() && clock.now() < until && !signal.aborted) await clock.sleep(CLEANUP_LOOK_MS, signal).catch(() => {});
    this.#leaving.clear();
  }

  /** @returns whether something was evicted */
  async #look(): Promise<boolean> {
    const { stats, thresholds, reclaims } = this.#d;
    const left = await stats.machine();
    const ofPods = await this.#d.allocatableMemory();
    const supplies = { ...suppliesOf(left), ...(ofPods ? { 'allocatableMemory.available': ofPods } : {}) };
    const short = shortages(thresholds, supplies, { crossed: this.#actedOn, reclaims });
    this.#note(short);
    const oversized = await this.#oversized();
    const due = this.#due(short);
    this.#actedOn = new Set(due.map((s) => s.threshold));
    const [worst] = due;
    if (!worst) return oversized;
    this.#d.reclaiming(SIGNALS[worst.threshold.signal].resource);
    const on = holdersOf(worst.threshold.signal, left);
    if (on.layers && (await this.#d.reclaimDisk())) return true;
    return (await this.#evictFor(worst, (await stats.measure()).pods, on)) || oversized;
  }

  #note(short: readonly Shortage[]): void {
    const { clock, transitionMs, changed } = this.#d;
    const before = [...this.#since.keys()].join();
    const now = clock.now();
    for (const s of short) this.#since.set(SIGNALS[s.threshold.signal].condition, now);
    for (const [pressure, at] of this.#since) if (now - at > transitionMs) this.#since.delete(pressure);
    if ([...this.#since.keys()].join() !== before) changed();
  }

  /** Shortages that are acted on now: soft ones only when they have lasted. */
  #due(short: readonly Shortage[]): Shortage[] {
    const now = this.#d.clock.now();
    for (const t of this.#crossed.keys()) if (!short.some((s) => s.threshold === t)) this.#crossed.delete(t);
    return short.filter(({ threshold }) => {
      const since = this.#crossed.get(threshold) ?? now;
      this.#crossed.set(threshold, since);
      return now - since >= (threshold.graceMs ?? 0);
    });
  }

  async #evictFor(shortage: Shortage, pods: readonly PodUsage[], on: Holders): Promise<boolean> {
    const { threshold } = shortage;
    const { signal } = threshold;
    const alive = pods.filter((p) => !this.#d.ending(p.pod.metadata.uid));
    const candidates = await Promise.all(
      alive.map(async (p) => ({ pod: p.pod, used: await this.#used(p, signal, on) })),
    );
    const [first] = ranked(candidates, signal);
    if (!first) return false;
    const used = await this.#containers(
      pods.find((p) => p.pod === first.pod),
      signal,
    );
    const graceSeconds = threshold.graceMs === undefined ? HARD_GRACE_S : this.#d.maxPodGraceSeconds;
    this.#evict(first.pod, { message: evictionMessage(shortage, first.pod, used), graceSeconds, disruption: true });
    return true;
  }

  /** What each container of a pod uses of what runs short, where that is told of containers. */
  async #containers(p: PodUsage | undefined, signal: Signal): Promise<ReadonlyMap<string, number>> {
    const { resource } = SIGNALS[signal];
    if (resource === 'memory')
      return new Map(p?.containers.map(({ record, usage }) => [record.name, usage.workingSet] as const));
    if (!p || resource !== 'ephemeral-storage') return new Map();
    // What cannot be counted in time is not told.
    return this.#d.storage.containers(p.pod).catch(() => new Map());
  }

  async #used(p: PodUsage, signal: Signal, on: Holders): Promise<number> {
    if (isOfMemory(signal)) return podTotal(p)?.workingSet ?? 0;
    if (signal === 'pid.available') return podTotal(p)?.processes ?? 0;
    const { exec, podDir, storage } = this.#d;
    const counted = isCounted(signal);
    try {
      const dir = podDir(p.pod.metadata.uid);
      // Parts of volumes are mounted there once more, also of volumes that are not the pod's own.
      const what = { count: counted ? 'inodes' : 'bytes', except: join(dir, SUB_PATHS) } as const;
      const volumes = on.volumes ? ((await diskUse(exec, [dir], what)).get(dir) ?? 0) : 0;
      // Docker does not count the files of a layer.
      return volumes + (on.layers && !counted ? await storage.written(p.pod) : 0);
    } catch {
      // What cannot be counted in time is much.
      return Number.POSITIVE_INFINITY;
    }
  }

  /** Ends pods that hold more of the disk than they may. */
  async #oversized(): Promise<boolean> {
    let any = false;
    for (const pod of this.#d.pods.list()) {
      const excess = this.#d.ending(pod.metadata.uid) ? undefined : await this.#excess(pod);
      if (excess === undefined) continue;
      // Of its own doing, not for the sake of others.
      this.#evict(pod, { message: excess, graceSeconds: HARD_GRACE_S });
      any = true;
    }
    return any;
  }

  /** A pod that cannot be measured must not keep the others from being looked at, nor what runs short. */
  async #excess(pod: Stored<Pod>): Promise<string | undefined> {
    const { storage, logger } = this.#d;
    return storage.excess(pod).catch((err: unknown) => {
      logger.warn({ err, pod: `${pod.metadata.namespace}/${pod.metadata.name}` }, 'its storage could not be measured');
      return undefined;
    });
  }

  #evict(pod: Stored<Pod>, how: Omit<Failure, 'reason'>): void {
    const { message } = how;
    this.#d.logger.warn({ pod: `${pod.metadata.namespace}/${pod.metadata.name}`, message }, 'a pod is evicted');
    this.#leaving.add(pod.metadata.uid);
    this.#d.evict(pod.metadata.uid, { reason: 'Evicted', ...how });
  }
}
