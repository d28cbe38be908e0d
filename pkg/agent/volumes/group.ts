import { chmod, lchown, lstat, readdir } from 'node:fs/promises';
import { join } from 'node:path';

const FILE_MODE = 0o660;
const FOLDER_MODE = 0o2770;
const MODE = 0o7777;

/**
 * Gives a folder and everything below it to a group, which may read and write it from then on ("Configure a Security Context",
 * fsGroup). Links are not followed.
 * @param policy `OnRootMismatch` leaves everything as it is where the folder itself is as it should be
 */
export async function giveToGroup(folder: string, group: number, policy: string | undefined): Promise<void> {
  const { gid, mode } = await lstat(folder);
  const given = gid === group && (mode & FOLDER_MODE) === FOLDER_MODE;
  if (given && policy === 'OnRootMismatch') return;
  await give(folder, group);
}

/** Other pods on the volume take files away meanwhile. */
function unlessGone(e: NodeJS.ErrnoException): void {
  if (e.code !== 'ENOENT') throw e;
}

/** The folder itself comes last: it tells that all is done. */
async function give(path: string, group: number): Promise<void> {
  const found = await lstat(path);
  if (found.isDirectory())
    for (const name of await readdir(path)) await give(join(path, name), group).catch(unlessGone);
  await lchown(path, -1, group);
  if (found.isSymbolicLink()) return;
  await chmod(path, (found.mode & MODE) | (found.isDirectory() ? FOLDER_MODE : FILE_MODE));
}
