import { constants } from 'node:fs';
import { chmod, type FileHandle, mkdir, open } from 'node:fs/promises';
import { isAbsolute, join } from 'node:path';
import { expand, variablesIn } from '../pods/env.ts';
import { VolumeError } from './errors.ts';
import type { NodeRoot } from './node-root.ts';

/** Names a place without using it: nothing begins with it (a FIFO, a device). Node.js has no name for it (open(2)). */
const O_PATH = 0o10000000;
const { O_DIRECTORY, O_NOFOLLOW } = constants;

/**
 * A `subPathExpr` by the variables of its container. Pure.
 * @throws VolumeError for a variable that is not there or empty: what is left could be another's part, or all there is
 */
export function expandedSubPath(expression: string, env: ReadonlyMap<string, string>): string {
  const missing = new Set(variablesIn(expression).filter((name) => !env.get(name)));
  if (missing.size > 0) throw new VolumeError(`missing value for ${[...missing].sort().join(', ')}`);
  return expand(expression, env);
}

/** The names that lead from a directory to a path below it; undefined when it lies elsewhere. Pure. */
function namesBelow(root: string, path: string): string[] | undefined {
  const prefix = root === '/' ? '' : root;
  if (path !== root && !path.startsWith(`${prefix}/`)) return undefined;
  return path.slice(prefix.length).split('/').filter(Boolean);
}

/** What an open file lies at, for calls that take paths: exactly it, whatever its name leads to by now. */
export const pathOf = (handle: FileHandle): string => `/proc/${process.pid}/fd/${handle.fd}`;

/** One step down, to no link. What is not there becomes a directory. */
async function enter(dir: FileHandle, name: string): Promise<{ handle: FileHandle; made: boolean }> {
  const path = `${pathOf(dir)}/${name}`;
  const here = await open(path, O_PATH | O_NOFOLLOW).catch((e: NodeJS.ErrnoException) => {
    if (e.code !== 'ENOENT') throw e;
  });
  if (here) return { handle: here, made: false };
  const { mode } = await dir.stat();
  const made = await mkdir(path, { mode: mode & 0o7777 }).then(
    () => true,
    (e: NodeJS.ErrnoException) => {
      if (e.code === 'EEXIST') return false;
      throw e;
    },
  );
  return { handle: await open(path, O_PATH | O_NOFOLLOW), made };
}

/** Goes down from an open directory, which is closed. @throws VolumeError at links */
async function descend(volume: FileHandle, names: readonly string[]): Promise<FileHandle> {
  let at = volume;
  try {
    const { mode } = await volume.stat();
    for (const [n, name] of names.entries()) {
      const { handle, made } = await enter(at, name);
      await at.close();
      at = handle;
      const found = await at.stat();
      if (found.isSymbolicLink()) throw new VolumeError(`"${name}" has become a link meanwhile`);
      if (n < names.length - 1 && !found.isDirectory()) throw new VolumeError(`"${name}" is not a directory`);
      // What the container sees is for whom the volume is, whatever the umask took away.
      if (made && n === names.length - 1 && found.isDirectory()) await chmod(pathOf(at), mode & 0o7777);
    }
    return at;
  } catch (e) {
    await at.close();
    throw e;
  }
}

/**
 * Opens a path below a volume's directory ("Volumes", using subPath), made when it is not there. Links are followed that lead to
 * somewhere in the volume. Containers that have the volume may put links there at any time: so where they lead is found out
 * first, and then each name on the way is opened from the one before and must be no link.
 * @returns what was found, named only (O_PATH): to be closed
 * @throws VolumeError
 */
export async function openSubPath(node: NodeRoot, base: string, sub: string): Promise<FileHandle> {
  if (isAbsolute(sub)) throw new VolumeError(`subPath "${sub}" must not be an absolute path`);
  if (sub.split('/').includes('..')) throw new VolumeError(`subPath "${sub}" must not contain ".."`);
  const volume = await node.follow(base);
  const names = namesBelow(volume, await node.follow(join(volume, sub)));
  if (!names) throw new VolumeError(`subPath "${sub}" leads out of the volume`);
  try {
    return await descend(await open(node.at(volume), O_PATH | O_DIRECTORY | O_NOFOLLOW), names);
  } catch (e) {
    // Of other errors only the code: where the volume lies is nothing to tell its pod.
    const why = e instanceof VolumeError ? e.message : (e as NodeJS.ErrnoException).code;
    throw new VolumeError(`subPath "${sub}" cannot be opened: ${why}`, { cause: e });
  }
}
