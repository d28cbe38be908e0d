import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';

/** When memory runs out, all processes of a cgroup (version 2) go together. One that has ended meanwhile is no error. */
export async function killWhole(folder: string): Promise<void> {
  try {
    await writeFile(join(folder, 'memory.oom.group'), '1', { flag: 'r+' });
  } catch (e) {
    const { code } = e as NodeJS.ErrnoException;
    if (code !== 'ENOENT' && code !== 'ENODEV') throw e;
  }
}
