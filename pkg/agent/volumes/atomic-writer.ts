import {
  chmod,
  chown,
  mkdir,
  readdir,
  readFile,
  readlink,
  rename,
  rm,
  stat,
  symlink,
  writeFile,
} from 'node:fs/promises';
import { dirname, join } from 'node:path';

export interface VolumeFile {
  readonly content: Buffer;
  readonly mode: number;
  /** Owner; root when not given. */
  readonly uid?: number;
}

/** What a group that owns a file may do with it. */
const GROUP_MAY = 0o440;

export type VolumeFiles = ReadonlyMap<string, VolumeFile>;

const DATA = '..data';

/** The mode a file gets; a group that owns it may read it. */
const modeOf = (f: VolumeFile, gid: number | undefined): number => (gid === undefined ? f.mode : f.mode | GROUP_MAY);

async function same(path: string, f: VolumeFile, gid: number | undefined): Promise<boolean> {
  const s = await stat(path);
  const owned = s.uid === (f.uid ?? s.uid) && s.gid === (gid ?? s.gid);
  return owned && (s.mode & 0o7777) === modeOf(f, gid) && (await readFile(path)).equals(f.content);
}

async function allSame(dir: string, files: VolumeFiles, gid: number | undefined): Promise<boolean> {
  try {
    const listed = (await readdir(dir, { recursive: true, withFileTypes: true })).filter((e) => e.isFile());
    if (listed.length !== files.size) return false;
    for (const [path, f] of files) if (!(await same(join(dir, path), f, gid))) return false;
    return true;
  } catch {
    return false;
  }
}

/**
 * Writes a set of files so that readers see either all old or all new ones: a fresh directory, then one rename of the
 * `..data` link, to which every visible name points (the layout of Kubernetes' configMap volumes).
 * @returns whether anything changed.
 */
export async function writeAtomically(dir: string, files: VolumeFiles, gid?: number): Promise<boolean> {
  await mkdir(dir, { recursive: true });
  const current = await readlink(join(dir, DATA)).catch(() => undefined);
  if (current && (await allSame(join(dir, current), files, gid))) {
    // Whoever wrote them may have ended before their names were there.
    await linkNames(dir, files);
    return false;
  }
  const fresh = `..${new Date().toISOString().replace(/[-:.TZ]/g, '_')}${Math.random().toString(36).slice(2, 8)}`;
  await mkdir(join(dir, fresh), { mode: 0o755 });
  for (const [path, f] of files) {
    const target = join(dir, fresh, path);
    await mkdir(dirname(target), { recursive: true });
    const mode = modeOf(f, gid);
    await writeFile(target, f.content, { mode });
    if (gid !== undefined || f.uid !== undefined) await chown(target, f.uid ?? -1, gid ?? -1);
    await chmod(target, mode);
  }
  // A write that did not come to its end may have left its link, and its directory (below).
  await rm(join(dir, `${DATA}_tmp`), { force: true });
  await symlink(fresh, join(dir, `${DATA}_tmp`));
  await rename(join(dir, `${DATA}_tmp`), join(dir, DATA));
  await linkNames(dir, files);
  for (const e of await readdir(dir))
    if (e.startsWith('..') && e !== DATA && e !== fresh) await rm(join(dir, e), { recursive: true, force: true });
  return true;
}

/** One link per top-level name; names that are gone lose theirs. */
async function linkNames(dir: string, files: VolumeFiles): Promise<void> {
  const wanted = new Set([...files.keys()].map((p) => p.split('/')[0] ?? p));
  for (const e of await readdir(dir))
    if (!e.startsWith('..') && !wanted.has(e)) await rm(join(dir, e), { force: true });
  for (const name of wanted) {
    await symlink(join(DATA, name), join(dir, name)).catch((e: NodeJS.ErrnoException) => {
      if (e.code !== 'EEXIST') throw e;
    });
  }
}
