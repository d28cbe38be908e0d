import { wholeValue } from '#api/meta/quantity.ts';

/** What can run short on a node ("Node-pressure Eviction", eviction signals). */
export const SIGNALS = {
  'memory.available': { condition: 'MemoryPressure', resource: 'memory' },
  /** Of what pods may have. */
  'allocatableMemory.available': { condition: 'MemoryPressure', resource: 'memory' },
  'nodefs.available': { condition: 'DiskPressure', resource: 'ephemeral-storage' },
  'nodefs.inodesFree': { condition: 'DiskPressure', resource: 'inodes' },
  'imagefs.available': { condition: 'DiskPressure', resource: 'ephemeral-storage' },
  'imagefs.inodesFree': { condition: 'DiskPressure', resource: 'inodes' },
  'pid.available': { condition: 'PIDPressure', resource: 'pids' },
} as const;

export type Signal = keyof typeof SIGNALS;
export type Pressure = (typeof SIGNALS)[Signal]['condition'];

export interface Threshold {
  readonly signal: Signal;
  /** A soft threshold must be crossed for so long before pods are evicted, milliseconds. */
  readonly graceMs?: number;
  /** As it was written. */
  readonly text: string;
  /** What must be left at least, of this capacity. */
  readonly least: (capacity: number) => number;
}

export interface Supply {
  readonly available: number;
  readonly capacity: number;
}

/** What is left of what can run short; what could not be measured is not there. */
export type Supplies = Partial<Record<Signal, Supply>>;

export interface Shortage {
  readonly threshold: Threshold;
  readonly available: number;
  /** Less than this. */
  readonly least: number;
}

export const isOfMemory = (signal: Signal): boolean => SIGNALS[signal].resource === 'memory';

/**
 * What of memory must be left on the node at once is also to be left of what pods may have ("Reserve Compute Resources for
 * System Daemons", enforcing node allocatable). Pure.
 */
export const ofAllocatable = (hard: readonly Threshold[]): Threshold[] =>
  hard.filter((t) => t.signal === 'memory.available').map((t) => ({ ...t, signal: 'allocatableMemory.available' }));

const isSignal = (s: string): s is Signal => s in SIGNALS;

/** "memory.available<100Mi,nodefs.available<10%" → thresholds; "" for none. @throws Error naming what is wrong */
export function parseThresholds(text: string): Threshold[] {
  return text
    .split(',')
    .filter(Boolean)
    .map((part) => {
      const [signal = '', value = ''] = part.split('<');
      if (!isSignal(signal)) throw new Error(`"${signal}" is no signal; there are ${Object.keys(SIGNALS).join(', ')}`);
      const percent = /^(\d+(?:\.\d+)?)%$/.exec(value)?.[1];
      if (percent === undefined && !/^\d+(\.\d+)?([KMGT]i?|[kmEP])?$/.test(value))
        throw new Error(`"${value}" is neither a quantity such as 100Mi nor a percentage`);
      const least = percent ? (capacity: number) => (capacity * Number(percent)) / 100 : () => wholeValue(value);
      return { signal, text: value, least };
    });
}

/** How much more than a threshold must be left before its shortage is over ("--eviction-minimum-reclaim"). */
export type Reclaims = Partial<Record<Signal, (capacity: number) => number>>;

/** @param text by signal: "500Mi" or "5%" @throws Error naming what is wrong */
export const parseReclaims = (text: Readonly<Record<string, string>>): Reclaims =>
  Object.fromEntries(
    Object.entries(text).flatMap(([signal, value]) =>
      parseThresholds(`${signal}<${value}`).map((t) => [t.signal, t.least] as const),
    ),
  );

/** Thresholds that are crossed, or were and are not clear again by as much as is to be reclaimed; memory first. Pure. */
export function shortages(
  thresholds: readonly Threshold[],
  supplies: Supplies,
  { crossed, reclaims }: { crossed?: ReadonlySet<Threshold>; reclaims?: Reclaims } = {},
): Shortage[] {
  return thresholds
    .flatMap((threshold) => {
      const s = supplies[threshold.signal];
      if (!s) return [];
      const more = crossed?.has(threshold) ? (reclaims?.[threshold.signal]?.(s.capacity) ?? 0) : 0;
      const least = threshold.least(s.capacity);
      return s.available < least + more ? [{ threshold, available: s.available, least }] : [];
    })
    .sort((a, b) => Number(isOfMemory(b.threshold.signal)) - Number(isOfMemory(a.threshold.signal)));
}

/**
 * Soft thresholds and how long each may be crossed. Pure.
 * @param grace milliseconds by signal @throws Error for one without
 */
export const softThresholds = (text: string, grace: Readonly<Record<string, number>>): Threshold[] =>
  parseThresholds(text).map((t) => {
    const graceMs = grace[t.signal];
    if (graceMs === undefined) throw new Error(`${t.signal} needs a time in --eviction-soft-grace-period`);
    return { ...t, graceMs };
  });
