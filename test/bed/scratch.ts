import { existsSync, mkdtempSync, readdirSync, rmSync, statfsSync } from 'node:fs';
import { freemem, tmpdir } from 'node:os';
import { join } from 'node:path';

const MEMORY = '/dev/shm';
/** Three etcd members set aside 200 MB for their logs, and two clusters run at a time. */
const ROOM_BYTES = 4 * 2 ** 30;

/**
 * A new folder for a test's cluster: in memory where the machine has room for it, else among the temporary files. A disk
 * shared with others lets etcd wait seconds for a flush now and then, and a test's cluster need not outlive the machine.
 * @param prefix of its name. @returns its path; whoever asked for it removes it.
 */
export function scratchFolder(prefix: string): string {
  if (!existsSync(MEMORY)) return mkdtempSync(join(tmpdir(), prefix));
  removeOrphans();
  const { bavail, bsize } = statfsSync(MEMORY);
  const room = Math.min(bavail * bsize, freemem()) >= ROOM_BYTES;
  return mkdtempSync(join(room ? MEMORY : tmpdir(), `${prefix}${process.pid}-`));
}

/** What lies in memory would stay there: folders of processes that ended before they could remove them go. */
function removeOrphans(): void {
  for (const name of readdirSync(MEMORY)) {
    const pid = /^coxswain-(?:[a-z]+-)?(\d+)-/.exec(name)?.[1];
    if (pid && !existsSync(`/proc/${pid}`)) rmSync(join(MEMORY, name), { recursive: true, force: true });
  }
}
