import { readlink } from 'node:fs/promises';
import { dirname } from 'node:path';
import { VolumeError } from './errors.ts';

/** Links on the way to a path, at most: the kernel's own limit (path_resolution(7)). */
const MAX_LINKS = 40;

/**
 * The file system of the node, which need not be the one this process sees: for an agent in a container it is mounted
 * somewhere, at /host say. Paths are the node's own everywhere, as Docker and pods know them; `at` says where we reach one.
 */
export class NodeRoot {
  readonly #root: string;

  /** @param root where the node's root directory is for this process; "/" when there is no difference. */
  constructor(root = '/') {
    this.#root = root.replace(/\/+$/, '');
  }

  /** The path for our own system calls; only for paths without links in them, because links are the node's. */
  at(path: string): string {
    return this.#root + path;
  }

  /**
   * Every path by which this process has a directory of its own: where the node is mounted for it, that is seen once more, with
   * the mounts there were when this process's own were made.
   */
  sightings(path: string): string[] {
    return this.#root === '' ? [path] : [path, this.at(path)];
  }

  /**
   * Where a path leads once every link in it is followed, on the node. What is not there yet stays as it is.
   * @throws VolumeError when links go round in circles.
   */
  async follow(path: string): Promise<string> {
    const names = (p: string): string[] => p.split('/').filter((name) => name !== '' && name !== '.');
    let links = 0;
    let reached = '';
    for (const todo = names(path); todo.length > 0; ) {
      const name = todo.shift();
      if (name === '..') {
        reached = reached === '' ? '' : dirname(reached).replace(/^\/$/, '');
        continue;
      }
      const next = `${reached}/${name}`;
      const link = await readlink(this.at(next)).catch(() => undefined);
      if (link === undefined) {
        reached = next;
        continue;
      }
      if (++links > MAX_LINKS) throw new VolumeError(`${path}: too many levels of symbolic links`);
      if (link.startsWith('/')) reached = '';
      todo.unshift(...names(link));
    }
    return reached || '/';
  }
}
