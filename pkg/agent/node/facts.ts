import { readFileSync } from 'node:fs';
import { statfs } from 'node:fs/promises';
import { cpus, networkInterfaces, totalmem } from 'node:os';
import type { Runtime } from '../runtime/types.ts';
import type { NodeFacts } from './node-object.ts';

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

/** Reads what the Node object says of this machine. */
export async function gatherFacts(
  runtime: Runtime,
  o: { name: string; ip: string; port: number; labels: Record<string, string>; maxPods: number; rootDir: string },
): Promise<NodeFacts> {
  const info = await runtime.info();
  const disk = await statfs(o.rootDir);
  return {
    ...o,
    cpus: cpus().length,
    memoryBytes: totalmem(),
    diskBytes: disk.blocks * disk.bsize,
    kernel: info.kernel,
    os: info.os,
    machineId: firstLine('/etc/machine-id'),
    bootId: firstLine('/proc/sys/kernel/random/boot_id'),
    runtimeVersion: info.version,
  };
}
