import { readFile } from 'node:fs/promises';
import type { Exec } from '#process/exec.ts';
import { VolumeError } from './errors.ts';

/** Mount points in a mountinfo table (proc(5)), in the order they were made. Octal escapes stand for blanks in paths. */
export const mountPoints = (mountinfo: string): string[] =>
  mountinfo
    .split('\n')
    .filter(Boolean)
    .map((line) =>
      (line.split(' ')[4] ?? '').replace(/\\(\d{3})/g, (_, n: string) => String.fromCharCode(Number.parseInt(n, 8))),
    );

const present = async (): Promise<string[]> => mountPoints(await readFile('/proc/self/mountinfo', 'utf8'));

export const isMounted = async (path: string): Promise<boolean> => (await present()).includes(path);

/**
 * Takes all mounts below a directory away, those made last first.
 * @param table tells the mount points there are
 * @throws VolumeError when one stays: what is in it must not be removed with the directory
 */
export async function unmountBelow(dir: string, exec: Exec, table = present): Promise<void> {
  const below = async (): Promise<string[]> => (await table()).filter((p) => p.startsWith(`${dir}/`));
  const found = await below();
  for (const path of found.toReversed()) await exec('umount', ['-l', path]);
  const [left] = found.length > 0 ? await below() : [];
  if (left !== undefined) throw new VolumeError(`${left} cannot be unmounted`);
}

/**
 * Takes mounts of what lies elsewhere away, at a path and below it. Before, they stop telling of changes: with what the machine
 * mounted meanwhile within what they show, that would be unmounted there too (mount_namespaces(7)).
 * @throws VolumeError when one stays
 */
export async function unbind(path: string, exec: Exec, table = present): Promise<void> {
  const here = async (): Promise<string[]> => (await table()).filter((p) => p === path || p.startsWith(`${path}/`));
  const found = await here();
  for (const point of found) {
    const r = await exec('mount', ['--make-slave', point]);
    if (r.code !== 0) throw new VolumeError(`${point} cannot be set apart: ${r.stderr.trim()}`);
  }
  for (const point of found.toReversed()) await exec('umount', ['-l', point]);
  const [left] = found.length > 0 ? await here() : [];
  if (left !== undefined) throw new VolumeError(`${left} cannot be unmounted`);
}
