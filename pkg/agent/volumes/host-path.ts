import { chmod, mkdir, stat, writeFile } from 'node:fs/promises';
import { dirname } from 'node:path';
import { VolumeError } from './errors.ts';
import type { NodeRoot } from './node-root.ts';

type Found = Awaited<ReturnType<typeof stat>> | undefined;

const CHECKS: Readonly<Record<string, readonly [what: string, is: (f: NonNullable<Found>) => boolean]>> = {
  Directory: ['a directory', (f) => f.isDirectory()],
  DirectoryOrCreate: ['a directory', (f) => f.isDirectory()],
  File: ['a file', (f) => f.isFile()],
  FileOrCreate: ['a file', (f) => f.isFile()],
  Socket: ['a socket file', (f) => f.isSocket()],
  CharDevice: ['a character device', (f) => f.isCharacterDevice()],
  BlockDevice: ['a block device', (f) => f.isBlockDevice()],
};

/**
 * A path of the node, checked by its type ("Volumes", hostPath volume types) and made where the type says so. Without a
 * type nothing is checked, and what is not there becomes a directory.
 * @param mode of a directory that is made
 * @throws VolumeError
 */
export async function hostPath(node: NodeRoot, path: string, type: string, mode = 0o755): Promise<string> {
  const here = node.at(await node.follow(path));
  let found: Found = await stat(here).catch(() => undefined);
  if (!found && (type === '' || type === 'DirectoryOrCreate')) {
    await mkdir(here, { recursive: true, mode: 0o755 });
    // Not by mkdir, which takes away what the umask says and gives the folders above the same.
    if (mode !== 0o755) await chmod(here, mode);
  }
  if (!found && type === 'FileOrCreate') {
    const parent = await stat(dirname(here)).catch(() => undefined);
    if (!parent?.isDirectory()) throw new VolumeError(`open ${path}: no such file or directory`);
    await writeFile(here, '', { mode: 0o644, flag: 'a' });
  }
  if (type === '') return path;
  found ??= await stat(here).catch(() => undefined);
  const [what, is] = CHECKS[type] ?? ['of a known type', () => false];
  if (!found || !is(found)) throw new VolumeError(`hostPath type check failed: ${path} is not ${what}`);
  return path;
}
