import { existsSync, globSync, mkdirSync, mkdtempSync, renameSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { contentKey } from '../../../deploy/images/store.ts';
import { run } from '../../../deploy/run.ts';

const CACHE = '/var/tmp/coxswain-kernel';
const FETCH_MS = 240_000;

/**
 * A folder made of Debian's packages, once for the same `name` and `words`: `make` gets a folder to work in and fills its `ready`.
 * @throws Error that says what could not be had
 */
export async function folderOfPackages(
  name: string,
  words: readonly string[],
  make: (work: string) => Promise<void>,
): Promise<string> {
  const dir = join(CACHE, `${name}-${contentKey([], words)}`);
  if (existsSync(dir)) return dir;
  mkdirSync(CACHE, { recursive: true, mode: 0o700 });
  const work = mkdtempSync(join(CACHE, 'work-'));
  try {
    await make(work);
    // Another file may have made it meanwhile.
    if (!existsSync(dir)) renameSync(join(work, 'ready'), dir);
  } catch (e) {
    if (!existsSync(dir)) throw e;
  } finally {
    rmSync(work, { recursive: true, force: true });
  }
  return dir;
}

/** Unpacks packages without installing them. @returns the full path of the one file that a pattern means */
export async function unpack(work: string, packages: readonly string[]): Promise<(pattern: string) => string> {
  const deb = join(work, 'deb');
  mkdirSync(deb);
  const each = 'for d in *.deb; do dpkg-deb -x "$d" x || exit 1; done';
  await run('sh', ['-c', `cd '${deb}' && apt-get -qq download ${packages.join(' ')} && ${each}`], {
    timeoutMs: FETCH_MS,
  });
  return (pattern) => {
    const [found] = globSync(pattern, { cwd: join(deb, 'x') });
    if (!found) throw new Error(`the packages hold no ${pattern}`);
    return join(deb, 'x', found);
  };
}

/** The packages that a package depends on; none when it is not known. */
export async function dependsOf(name: string): Promise<string[]> {
  const said = await run('apt-cache', ['depends', '--important', name]).catch(() => '');
  return [...said.matchAll(/Depends: (\S+)/g)].map((m) => m[1] ?? '');
}

/** Installs packages. */
export async function install(packages: readonly string[]): Promise<void> {
  const args = ['install', '-y', '-q', '--no-install-recommends', '-o', 'DPkg::Lock::Timeout=200', ...packages];
  await run('env', ['DEBIAN_FRONTEND=noninteractive', 'apt-get', ...args], { timeoutMs: FETCH_MS });
}
