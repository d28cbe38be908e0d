import { readdirSync, readFileSync } from 'node:fs';

/** Length of a clock tick in /proc, seconds: USER_HZ is 100 on every Linux. */
const TICK = 1 / 100;

/** Processor seconds a process and its ended children have used; 0 once it is gone. */
export function cpuSeconds(pid: number): number {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
    // The name in parentheses may hold anything; the fields after it are counted from "state", the third.
    const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
    const [user, system, childUser, childSystem] = fields.slice(11, 15).map(Number);
    return ((user ?? 0) + (system ?? 0) + (childUser ?? 0) + (childSystem ?? 0)) * TICK;
  } catch {
    return 0;
  }
}

function field(file: string, name: string): number {
  try {
    return Number(new RegExp(`^${name}:\\s+(\\d+) kB`, 'm').exec(readFileSync(file, 'utf8'))?.[1] ?? 0) / 1024;
  } catch {
    return 0;
  }
}

/** Resident memory, MiB. */
export const residentMiB = (pid: number): number => field(`/proc/${pid}/status`, 'VmRSS');

/** Resident memory in which pages shared between processes are counted once in all, MiB. */
export const proportionalMiB = (pid: number): number => field(`/proc/${pid}/smaps_rollup`, 'Pss');

/** Name of the program, up to 15 letters; '' once it is gone. */
export function nameOf(pid: number): string {
  try {
    return readFileSync(`/proc/${pid}/comm`, 'utf8').trim();
  } catch {
    return '';
  }
}

/** A process and everything it has started, unless `without` names it. */
export function descendants(pid: number, without: ReadonlySet<number> = new Set()): number[] {
  if (without.has(pid)) return [];
  try {
    // Each thread has children of its own: those of a Go program come from any.
    const threads = readdirSync(`/proc/${pid}/task`);
    const children = threads.flatMap((t) => readFileSync(`/proc/${pid}/task/${t}/children`, 'utf8').split(' '));
    return [pid, ...children.filter(Boolean).flatMap((child) => descendants(Number(child), without))];
  } catch {
    return [pid];
  }
}

/** Processor seconds a piece of work takes in some processes. */
export async function cpuDuring<T>(
  pids: readonly number[],
  work: () => Promise<T>,
): Promise<{ result: T; cpu: number }> {
  const used = (): number => pids.reduce((sum, pid) => sum + cpuSeconds(pid), 0);
  const before = used();
  const result = await work();
  return { result, cpu: used() - before };
}
