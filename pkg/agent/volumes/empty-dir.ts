import { chmod, chown, mkdir } from 'node:fs/promises';
import type { Pod } from '#api/kinds/index.ts';
import { wholeValue } from '#api/meta/quantity.ts';
import type { Exec } from '#process/exec.ts';
import { VolumeError } from './errors.ts';
import { isMounted } from './mount-table.ts';

export interface EmptyDir {
  readonly dir: string;
  readonly memory: boolean;
  /** Bytes of a memory-backed one. */
  readonly bytes: number;
  readonly fsGroup: number | undefined;
}

/** Most a memory-backed emptyDir may hold: its own limit, its pod's memory limit, or what the node has to give. */
export function memoryBytes(pod: Pod, sizeLimit: string | undefined, allocatable: string | undefined): number {
  const limits = (pod.spec?.containers ?? []).map((c) => c.resources?.limits?.memory);
  const ofPod = limits.every((l) => l !== undefined) ? limits.reduce((sum, l) => sum + wholeValue(l), 0) : undefined;
  const bounds = [sizeLimit && wholeValue(sizeLimit), ofPod, allocatable && wholeValue(allocatable)];
  const known = bounds.filter((b): b is number => typeof b === 'number' && b > 0);
  return known.length > 0 ? Math.min(...known) : 0;
}

/**
 * Whether an emptyDir is in memory, by its medium. Pure.
 * @throws VolumeError when this node does not have such a medium
 */
export function inMemory(medium: string | undefined): boolean {
  if (medium === 'Memory') return true;
  if (medium === undefined || medium === '') return false;
  if (/^HugePages(-|$)/.test(medium)) throw new VolumeError(`medium ${medium}: this node offers no huge pages`);
  throw new VolumeError(`unknown storage medium "${medium}"`);
}

/** Makes the directory, or leaves it as it is: what containers wrote stays. @throws VolumeError */
export async function emptyDir(e: EmptyDir, exec: Exec): Promise<string> {
  const made = await mkdir(e.dir, { recursive: true });
  // After the machine was off, the directory is still there and its memory is not.
  const fresh = e.memory ? !(await isMounted(e.dir)) : made !== undefined;
  if (!fresh) return e.dir;
  if (e.memory) {
    const options = e.bytes > 0 ? ['-o', `size=${e.bytes}`] : [];
    const r = await exec('mount', ['-t', 'tmpfs', ...options, 'tmpfs', e.dir]);
    if (r.code !== 0) throw new VolumeError(`mounting a tmpfs failed: ${r.stderr.trim()}`);
  }
  if (e.fsGroup !== undefined) await chown(e.dir, -1, e.fsGroup);
  await chmod(e.dir, e.fsGroup === undefined ? 0o777 : 0o2777);
  return e.dir;
}
