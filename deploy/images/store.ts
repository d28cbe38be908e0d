import { createHash } from 'node:crypto';
import { existsSync, readdirSync, statSync } from 'node:fs';
import { mkdir, rename, rm } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { run } from '../run.ts';

/** Some hundred megabytes are read, written and unpacked. */
export const SLOW_DISK_MS = 600_000;

export const repository = resolve(import.meta.dirname, '../..');
/** Archives for `docker load`, by content; shared by every daemon of this checkout. */
export const store = join(repository, '.cluster', 'images');

/** A key that changes with the files (size and time) and the words it is made from. */
export function contentKey(files: readonly string[], words: readonly string[] = []): string {
  const hash = createHash('sha256');
  for (const file of files) {
    const { size, mtimeMs } = statSync(file);
    hash.update(`${file}:${size}:${mtimeMs}\n`);
  }
  return hash.update(words.join('\n')).digest('hex').slice(0, 12);
}

/**
 * `<store>/<name>-<key>.tar`, made by `make` when missing; archives of older contents are removed. It has its name only when it
 * is whole: what was interrupted, or found the disk full, is made again.
 */
export async function cached(
  name: string,
  key: string,
  make: (target: string) => Promise<void>,
  folder = store,
): Promise<string> {
  const target = join(folder, `${name}-${key}.tar`);
  if (existsSync(target)) return target;
  await mkdir(folder, { recursive: true, mode: 0o700 });
  const part = `${target}.${process.pid}.part`;
  try {
    await make(part);
    await rename(part, target);
  } finally {
    await rm(part, { force: true });
  }
  for (const old of readdirSync(folder)) {
    const goes = old.startsWith(`${name}-`) && !target.endsWith(old) && !isBeingMade(old);
    if (goes) await rm(join(folder, old), { recursive: true, force: true });
  }
  return target;
}

/** Whether a process that lives has begun a file of this name. */
const isBeingMade = (file: string): boolean => {
  const pid = /\.(\d+)\.part/.exec(file)?.[1];
  return pid !== undefined && existsSync(`/proc/${pid}`);
};

/** An archive and the images inside, as made by `cached`. */
export interface Archive {
  readonly path: string;
  readonly key: string;
  /** Image names without tags. */
  readonly names: readonly string[];
}

/**
 * Loads an archive into a daemon that does not have it yet, and drops what an older archive left there.
 * @param host such as unix:///var/run/docker.sock; undefined: the CLI's default. @returns whether it was loaded.
 */
export async function ensureLoaded(archive: Archive, host?: string): Promise<boolean> {
  const docker = (...args: string[]): Promise<string> => run('docker', [...(host ? ['-H', host] : []), ...args]);
  const present = await docker(
    'image',
    'ls',
    '--format',
    '{{.Repository}}:{{.Tag}}',
    '--filter',
    'label=io.coxswain.image',
  );
  const tags = present.split('\n');
  if (archive.names.every((name) => tags.includes(`${name}:${archive.key}`))) return false;
  await run('docker', [...(host ? ['-H', host] : []), 'load', '-q', '-i', archive.path], { timeoutMs: SLOW_DISK_MS });
  const old = tags.filter((tag) => archive.names.includes(tag.split(':')[0] ?? '') && !tag.endsWith(':1'));
  // An image still in use by a container stays until its next turn.
  for (const tag of old) await docker('image', 'rm', tag).catch(() => undefined);
  return true;
}
