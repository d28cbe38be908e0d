import { readFileSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Clock } from '#async/clock.ts';
import type { ContainerRecord, Runtime } from '../runtime/types.ts';
import { type CgroupDirs, cgroupDirs } from './cgroup-paths.ts';

/** What was used up to `at`. Memory in bytes. */
export interface Usage {
  /** Epoch milliseconds. */
  readonly at: number;
  readonly cpuNs: number;
  /** CPU nanoseconds per second since the reading before; undefined for the first. */
  readonly cpuRate: number | undefined;
  /** What the rate is taken over, milliseconds; 0 without one. */
  readonly windowMs: number;
  readonly memory: number;
  /** Without what the kernel can take back at once. */
  readonly workingSet: number;
  readonly rss: number;
  readonly pageFaults: number;
  readonly majorPageFaults: number;
  readonly processes: number;
  /** From and to disks. */
  readonly readBytes: number;
  readonly writtenBytes: number;
}

export interface NetworkUsage {
  readonly rxBytes: number;
  readonly rxErrors: number;
  readonly txBytes: number;
  readonly txErrors: number;
}

/** Rates are taken over at least this time if somebody asked so long ago, milliseconds. */
const RATE_MS = 5_000;
/** Over less than this a rate says nothing. */
const MIN_RATE_MS = 500;
/** A reading older than this says nothing about the present. */
const MAX_RATE_MS = 120_000;
const US = 1000;
const POD_INTERFACE = 'eth0';

const text = (path: string): Promise<string> => readFile(path, 'utf8');
const number = async (path: string): Promise<number> => Number((await text(path)).trim());

/** "name value" lines. */
const tableOf = (lines: string): Map<string, number> =>
  new Map(lines.split('\n').map((l) => [l.split(' ')[0] ?? '', Number(l.split(' ')[1] ?? 0)]));
const table = async (path: string): Promise<Map<string, number>> => tableOf(await text(path));

type Reading = Omit<Usage, 'cpuRate' | 'windowMs'>;

function cpuTime(d: CgroupDirs): number {
  if (!d.unified) return Number(readFileSync(join(d.cpu, 'cpuacct.usage'), 'utf8').trim());
  return (tableOf(readFileSync(join(d.cpu, 'cpu.stat'), 'utf8')).get('usage_usec') ?? 0) * US;
}

/** Bytes read and written of all disks together: of `io.stat`, or the blkio controller's file. Pure. */
export function trafficOf(stat: string): Pick<Usage, 'readBytes' | 'writtenBytes'> {
  const sum = (of: RegExp): number => [...stat.matchAll(of)].reduce((n, [, bytes]) => n + Number(bytes), 0);
  return { readBytes: sum(/(?:rbytes=| Read )(\d+)/g), writtenBytes: sum(/(?:wbytes=| Write )(\d+)/g) };
}

/** Nothing where it is not counted. */
async function diskTraffic({ io, unified }: CgroupDirs): Promise<ReturnType<typeof trafficOf>> {
  if (io === undefined) return trafficOf('');
  const file = join(io, unified ? 'io.stat' : 'blkio.throttle.io_service_bytes_recursive');
  return trafficOf(await text(file).catch(() => ''));
}

async function readOne(d: CgroupDirs, clock: Clock): Promise<Reading> {
  const stat = await table(join(d.memory, 'memory.stat'));
  const of = (name: string): number => stat.get(d.unified ? name : `total_${name}`) ?? 0;
  const memory = await number(join(d.memory, d.unified ? 'memory.current' : 'memory.usage_in_bytes'));
  const processes = (await text(join(d.memory, 'cgroup.procs'))).split('\n').length - 1;
  return {
    // At once with its time: a rate is over the time between two readings, however long the rest takes on a busy machine.
    at: clock.now(),
    cpuNs: cpuTime(d),
    memory,
    workingSet: Math.max(0, memory - of('inactive_file')),
    rss: of(d.unified ? 'anon' : 'rss'),
    pageFaults: of('pgfault'),
    majorPageFaults: of('pgmajfault'),
    processes,
    ...(await diskTraffic(d)),
  };
}

/** Memory of a cgroup and all below it, without what the kernel can take back at once, bytes. @throws Error where it is not */
export async function workingSetOf(dir: string, unified: boolean): Promise<number> {
  const stat = await table(join(dir, 'memory.stat'));
  const used = await number(join(dir, unified ? 'memory.current' : 'memory.usage_in_bytes'));
  return Math.max(0, used - (stat.get(unified ? 'inactive_file' : 'total_inactive_file') ?? 0));
}

interface Known {
  readonly pid: number;
  readonly dirs: CgroupDirs;
  older: Usage | undefined;
  last: Usage | undefined;
}

/** What the rate is against: the newest reading that is old enough, failing that the one before, or the only one. */
export function rateBase<T extends { readonly at: number }>(
  { older, last }: { readonly older: T | undefined; readonly last: T | undefined },
  now: number,
): T | undefined {
  const within = (u: T | undefined, least: number): T | undefined =>
    u && now - u.at >= least && now - u.at <= MAX_RATE_MS ? u : undefined;
  return within(last, RATE_MS) ?? within(older, RATE_MS) ?? within(last, MIN_RATE_MS);
}

/** Usage of containers, read from their cgroups when it is asked for: nothing runs in between. */
export class UsageReader {
  readonly #runtime: Runtime;
  readonly #clock: Clock;
  readonly #known = new Map<string, Known>();

  constructor(deps: { readonly runtime: Runtime; readonly clock: Clock }) {
    this.#runtime = deps.runtime;
    this.#clock = deps.clock;
  }

  /** Forgets all containers but these. */
  retain(ids: ReadonlySet<string>): void {
    for (const id of this.#known.keys()) if (!ids.has(id)) this.#known.delete(id);
  }

  /** Undefined for one that just ended. */
  async container(r: ContainerRecord): Promise<Usage | undefined> {
    try {
      const k = await this.#find(r.id);
      if (!k) return undefined;
      const reading = await readOne(k.dirs, this.#clock);
      const { at } = reading;
      const base = rateBase(k, at);
      const cpuRate = base && Math.round(((reading.cpuNs - base.cpuNs) * 1000) / (at - base.at));
      const usage: Usage = { ...reading, cpuRate, windowMs: base ? at - base.at : 0 };
      if (!k.last) k.last = usage;
      else if (at - k.last.at >= RATE_MS) {
        k.older = k.last;
        k.last = usage;
      }
      return usage;
    } catch {
      this.#known.delete(r.id);
      return undefined;
    }
  }

  /** What went through the interface of a sandbox. */
  async network(sandbox: ContainerRecord): Promise<NetworkUsage | undefined> {
    try {
      const k = await this.#find(sandbox.id);
      return k && networkUsage(await text(`/proc/${k.pid}/net/dev`), POD_INTERFACE);
    } catch {
      return undefined;
    }
  }

  async #find(id: string): Promise<Known | undefined> {
    const known = this.#known.get(id);
    if (known) return known;
    const pid = await this.#runtime.pidOf(id);
    if (pid === 0) return undefined;
    const dirs = cgroupDirs(await text(`/proc/${pid}/cgroup`), await text('/proc/self/mountinfo'));
    if (!dirs) return undefined;
    const k: Known = { pid, dirs, older: undefined, last: undefined };
    this.#known.set(id, k);
    return k;
  }
}

/** One interface's line of /proc/net/dev (proc(5)). Pure. */
export function networkUsage(dev: string, name: string): NetworkUsage | undefined {
  const line = dev.split('\n').find((l) => l.trim().startsWith(`${name}:`));
  if (!line) return undefined;
  const n = (line.split(':')[1] ?? '').trim().split(/\s+/).map(Number);
  return { rxBytes: n[0] ?? 0, rxErrors: n[2] ?? 0, txBytes: n[8] ?? 0, txErrors: n[10] ?? 0 };
}
