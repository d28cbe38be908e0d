import { type FileHandle, lstat, mkdir, readdir, rmdir, unlink, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import type { Exec } from '#process/exec.ts';
import { VolumeError } from './errors.ts';
import { unbind } from './mount-table.ts';
import type { NodeRoot } from './node-root.ts';
import { openSubPath, pathOf } from './sub-path.ts';

export interface SubPathMountDeps {
  readonly exec: Exec;
  readonly node: NodeRoot;
  readonly podDir: (uid: string) => string;
}

/** Which mount of which container it is for. */
export interface MountPlace {
  readonly uid: string;
  readonly volume: string;
  readonly container: string;
  /** Of the container's volumeMounts. */
  readonly index: number;
}

/** A volume's directory, and where it is seen: what was opened is mounted by this process, so that it has to see it. */
export interface VolumePlace {
  readonly base: string;
  readonly root: NodeRoot;
}

/** Folder of a pod where the parts of volumes are mounted that its containers see. */
export const SUB_PATHS = 'volume-subpaths';
/** Folders between that one and a mount: the volume's and the container's. */
const LEVELS = 3;

/** Whether an open file and what a path shows are the same. */
async function isAt(handle: FileHandle, path: string): Promise<boolean> {
  const [a, b] = await Promise.all([
    handle.stat({ bigint: true }),
    lstat(path, { bigint: true }).catch(() => undefined),
  ]);
  return a.dev === b?.dev && a.ino === b.ino;
}

/** Removes folders down to this depth. Never what is in the last ones: should one still be mounted, that is somebody's data. */
async function removeFolders(dir: string, levels: number): Promise<void> {
  const entries = await readdir(dir, { withFileTypes: true }).catch((e: NodeJS.ErrnoException) => {
    if (e.code === 'ENOENT') return undefined;
    throw e;
  });
  if (!entries) return;
  for (const e of entries) {
    const path = join(dir, e.name);
    if (!e.isDirectory()) await unlink(path);
    else if (levels > 1) await removeFolders(path, levels - 1);
    else await rmdir(path);
  }
  await rmdir(dir);
}

/**
 * Parts of volumes (subPath), each mounted at a place of its own that no container reaches, for Docker to find. Docker follows
 * links in what it is told to mount, and between our look and its own a container may exchange a folder of the volume for one.
 */
export class SubPathMounts {
  readonly #d: SubPathMountDeps;

  constructor(deps: SubPathMountDeps) {
    this.#d = deps;
  }

  #dir(uid: string): string {
    return join(this.#d.podDir(uid), SUB_PATHS);
  }

  /**
   * Mounts a part of a volume for a container that is about to start; for the same file or directory, what is there stays.
   * @returns where it is
   * @throws VolumeError
   */
  async mount(place: MountPlace, { root, base }: VolumePlace, sub: string): Promise<string> {
    const target = join(this.#dir(place.uid), place.volume, place.container, String(place.index));
    const handle = await openSubPath(root, base, sub);
    try {
      // Also one of an agent before this one, or what the last start of the container saw, if it is still what is meant.
      if (!(await isAt(handle, target))) await this.#mountAt(handle, target);
    } finally {
      await handle.close();
    }
    return target;
  }

  async #mountAt(handle: FileHandle, target: string): Promise<void> {
    await this.#clear(target);
    await mkdir(dirname(target), { recursive: true, mode: 0o711 });
    if ((await handle.stat()).isDirectory()) await mkdir(target, { mode: 0o711 });
    else await writeFile(target, '', { mode: 0o600 });
    // By its name in /proc, which leads to the very file that is open here; mount(8) is not to look for a better name.
    const r = await this.#d.exec('mount', ['--no-canonicalize', '--bind', pathOf(handle), target]);
    if (r.code !== 0) throw new VolumeError(`a subPath cannot be mounted: ${r.stderr.trim()}`);
    if (await isAt(handle, target)) return;
    await this.#clear(target);
    throw new VolumeError('a subPath was mounted, and another file is seen in its place');
  }

  /** Makes room for a mount: it may have shown something else before. */
  async #clear(target: string): Promise<void> {
    const found = await lstat(target).catch(() => undefined);
    if (!found) return;
    await this.#unbind(target);
    const below = await lstat(target);
    await (below.isDirectory() ? rmdir(target) : unlink(target));
  }

  async #unbind(path: string): Promise<void> {
    for (const seen of this.#d.node.sightings(path)) await unbind(seen, this.#d.exec);
  }

  /** Takes all mounts of a pod away, and their folders. @throws VolumeError when one stays */
  async release(uid: string): Promise<void> {
    await this.#unbind(this.#dir(uid));
    await removeFolders(this.#dir(uid), LEVELS);
  }
}
