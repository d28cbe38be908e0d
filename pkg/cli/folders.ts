import { mkdirSync, statSync } from 'node:fs';
import { dirname, resolve } from 'node:path';
import { CliError } from './errors.ts';

/**
 * Makes a folder a user has named, and those it lies in. One at a time: below /proc, Node's own way never ends.
 * @throws CliError that names the one that cannot be made
 */
export function makeFolder(folder: string): void {
  const path = resolve(folder);
  const there = statSync(path, { throwIfNoEntry: false });
  if (there?.isDirectory()) return;
  if (there) throw new CliError(`${path} is no folder`);
  const parent = dirname(path);
  if (parent !== path) makeFolder(parent);
  try {
    mkdirSync(path);
  } catch (e) {
    const { code } = e as NodeJS.ErrnoException;
    // Somebody else may have made it just now.
    if (code === 'EEXIST' && statSync(path).isDirectory()) return;
    throw new CliError(`the folder ${path} cannot be made (${code})`);
  }
}
