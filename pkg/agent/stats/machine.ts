import { readFile, stat, statfs } from 'node:fs/promises';

/** What this machine has and uses. Bytes. */
export interface MachineUsage {
  readonly cpuNs: number;
  readonly memoryTotal: number;
  readonly memoryAvailable: number;
  /** Threads too: the kernel numbers them alike. */
  readonly processes: number;
  readonly maxProcesses: number;
}

/** Of one file system. */
export interface DiskUsage {
  /** Its number: two folders with the same one share it. */
  readonly device: number;
  readonly capacity: number;
  readonly available: number;
  readonly inodes: number;
  readonly inodesFree: number;
}

/** The kernel counts CPU time in hundredths of a second. */
const TICK_NS = 10_000_000;
const KIB = 1024;
const text = (path: string): Promise<string> => readFile(path, 'utf8');

/** Busy time of all CPUs in /proc/stat (proc(5)): user, nice, system, irq, softirq and steal. Pure. */
export function busyNs(stat: string): number {
  const [user = 0, nice = 0, system = 0, , , irq = 0, softirq = 0, steal = 0] = (stat.split('\n')[0] ?? '')
    .trim()
    .split(/\s+/)
    .slice(1)
    .map(Number);
  return (user + nice + system + irq + softirq + steal) * TICK_NS;
}

export async function machineUsage(): Promise<MachineUsage> {
  const meminfo = await text('/proc/meminfo');
  const memory = (name: string): number => Number(new RegExp(`^${name}:\\s+(\\d+)`, 'm').exec(meminfo)?.[1] ?? 0) * KIB;
  const [, tasks = '0'] = /\/(\d+)/.exec(await text('/proc/loadavg')) ?? [];
  const most = await Promise.all(['pid_max', 'threads-max'].map((n) => text(`/proc/sys/kernel/${n}`)));
  return {
    cpuNs: busyNs(await text('/proc/stat')),
    memoryTotal: memory('MemTotal'),
    memoryAvailable: memory('MemAvailable'),
    processes: Number(tasks),
    maxProcesses: Math.min(...most.map(Number)),
  };
}

export async function diskUsage(path: string): Promise<DiskUsage> {
  const [s, { dev: device }] = await Promise.all([statfs(path), stat(path)]);
  return { device, capacity: s.blocks * s.bsize, available: s.bavail * s.bsize, inodes: s.files, inodesFree: s.ffree };
}
