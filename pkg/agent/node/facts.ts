import { readFileSync } from 'node:fs';
import { statfs } from 'node:fs/promises';
import { cpus, networkInterfaces, totalmem } from 'node:os';
import { milliValue, wholeValue } from '#api/meta/quantity.ts';
import type { Threshold } from '../eviction/thresholds.ts';
import type { RuntimeInfo } from '../runtime/types.ts';
import type { NodeFacts } from './node-object.ts';

export type { NodeFacts };

const firstLine = (path: string): string => {
  try {
    return readFileSync(path, 'utf8').trim();
  } catch {
    return '';
  }
};

/** The first address of this machine that is not loopback. */
export function hostAddress(): string {
  for (const list of Object.values(networkInterfaces())) {
    const found = list?.find((a) => a.family === 'IPv4' && !a.internal);
    if (found) return found.address;
  }
  return '127.0.0.1';
}

const CAP_SYS_RESOURCE = 24n;

/** Whether this host lets us lower OOM scores (needed also for --privileged). */
export function maySysResource(): boolean {
  const bounding = /^CapBnd:\s*([0-9a-f]+)/m.exec(firstLine('/proc/1/status'))?.[1];
  return bounding === undefined || (BigInt(`0x${bounding}`) & (1n << CAP_SYS_RESOURCE)) !== 0n;
}

/** What pods cannot have: all that is reserved, and what must be left below hard eviction thresholds. Pure. */
export function reservedOf(o: {
  readonly reserved: readonly Readonly<Record<string, string>>[];
  readonly thresholds: readonly Threshold[];
  readonly memoryBytes: number;
  readonly diskBytes: number;
}): NodeFacts['reserved'] {
  const sum = (name: string, of: (q: string) => number): number =>
    o.reserved.reduce((n, r) => n + (r[name] === undefined ? 0 : of(r[name])), 0);
  const hard = (signal: Threshold['signal'], capacity: number): number =>
    o.thresholds.find((t) => t.signal === signal && t.graceMs === undefined)?.least(capacity) ?? 0;
  return {
    cpuMilli: sum('cpu', milliValue),
    memoryBytes: sum('memory', wholeValue) + hard('memory.available', o.memoryBytes),
    diskBytes: sum('ephemeral-storage', wholeValue) + hard('nodefs.available', o.diskBytes),
  };
}

/** What all pods may have together: what is reserved for others is not theirs ("Node Allocatable"). Pure. */
export function forPods(
  reserved: readonly Readonly<Record<string, string>>[],
  machine: { readonly cpuMilli: number; readonly memoryBytes: number },
): { readonly cpuMilli: number; readonly memoryBytes: number } {
  const r = reservedOf({ reserved, thresholds: [], memoryBytes: 0, diskBytes: 0 });
  return {
    cpuMilli: Math.max(0, machine.cpuMilli - r.cpuMilli),
    memoryBytes: Math.max(0, machine.memoryBytes - r.memoryBytes),
  };
}

/** Reads what the Node object says of this machine. */
export async function gatherFacts(
  info: RuntimeInfo,
  o: {
    name: string;
    ips: readonly string[];
    port: number;
    labels: Record<string, string>;
    maxPods: number;
    rootDir: string;
    /** Of cpu, memory and ephemeral-storage, for daemons of the machine; they add up. */
    reserved: readonly Readonly<Record<string, string>>[];
    /** Below these pods are evicted at once: nobody can have them. */
    thresholds: readonly Threshold[];
    /** Where this process sees a path of the node. */
    atNode: (path: string) => string;
  },
): Promise<NodeFacts> {
  const { reserved, thresholds, atNode, ...given } = o;
  const machineId = firstLine(atNode('/etc/machine-id')) || firstLine(atNode('/var/lib/dbus/machine-id'));
  const disk = await statfs(o.rootDir);
  const diskBytes = disk.blocks * disk.bsize;
  return {
    ...given,
    reserved: reservedOf({ reserved, thresholds, memoryBytes: totalmem(), diskBytes }),
    cpus: cpus().length,
    memoryBytes: totalmem(),
    diskBytes,
    kernel: info.kernel,
    os: info.os,
    machineId,
    // Of the firmware; a machine without one is known by its installation.
    systemUuid: firstLine('/sys/class/dmi/id/product_uuid') || machineId,
    bootId: firstLine('/proc/sys/kernel/random/boot_id'),
    runtimeVersion: info.version,
  };
}
