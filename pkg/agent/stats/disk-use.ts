import type { Exec } from '#process/exec.ts';

const DU_TIMEOUT_MS = 30_000;
const KIB = 1024;

export interface DiskUseOptions {
  /** What to count: bytes that are taken, or files and folders. */
  readonly count: 'bytes' | 'inodes';
  /** What lies below this path does not count. */
  readonly except?: string | undefined;
}

/** What directories take of their own file systems, by path; those that cannot be looked through are not among them. */
export async function diskUse(
  exec: Exec,
  dirs: readonly string[],
  { count, except }: DiskUseOptions,
): Promise<ReadonlyMap<string, number>> {
  // Of nothing, du would count where it stands.
  if (dirs.length === 0) return new Map();
  const flags = [count === 'bytes' ? '-skx' : '-sx', ...(count === 'inodes' ? ['--inodes'] : [])];
  const without = except === undefined ? [] : [`--exclude=${except}`];
  const { stdout } = await exec('du', [...flags, ...without, ...dirs], { timeoutMs: DU_TIMEOUT_MS });
  const unit = count === 'bytes' ? KIB : 1;
  return new Map(
    stdout.split('\n').flatMap((line) => {
      const [number = '', path] = line.split('\t');
      return path ? [[path, Number(number) * unit] as const] : [];
    }),
  );
}
