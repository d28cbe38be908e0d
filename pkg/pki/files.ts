import { chmod, mkdir, readFile, rename, rm, stat, writeFile } from 'node:fs/promises';
import { dirname } from 'node:path';
import type { PemPair } from './issue.ts';

const SECRET = 0o600;

/** Text of a file, undefined when there is none. Makes a file others could read private. */
export async function readSecret(path: string): Promise<string | undefined> {
  try {
    if (((await stat(path)).mode & 0o077) !== 0) await chmod(path, SECRET);
    return await readFile(path, 'utf8');
  } catch (e) {
    if ((e as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw e;
  }
}

/** Replaces a file as a whole, readable by its owner alone, so that a crash leaves the old one or the new one. */
export async function writeSecret(path: string, text: string): Promise<void> {
  await mkdir(dirname(path), { recursive: true, mode: 0o700 });
  const temporary = `${path}.${process.pid}.tmp`;
  try {
    await writeFile(temporary, text, { mode: SECRET });
    await rename(temporary, path);
  } catch (e) {
    await rm(temporary, { force: true });
    throw e;
  }
}

/** `<path>.crt` and `<path>.key`, undefined unless both exist. */
export async function readPair(path: string): Promise<PemPair | undefined> {
  const [cert, key] = await Promise.all([readSecret(`${path}.crt`), readSecret(`${path}.key`)]);
  return cert === undefined || key === undefined ? undefined : { cert, key };
}

/** The key goes first: a crash in between leaves a pair that does not match, which is issued anew. */
export async function writePair(path: string, pair: PemPair): Promise<void> {
  await writeSecret(`${path}.key`, pair.key);
  await writeSecret(`${path}.crt`, pair.cert);
}
