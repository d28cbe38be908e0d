import { existsSync, readdirSync, realpathSync } from 'node:fs';
import { dirname, join } from 'node:path';

/**
 * For the environment of kubectl alone: a quarter of its work is collecting the garbage of a heap that is gone with it a moment
 * later, and spreading that over processors which have others to serve. Those that stay longer have a limit.
 */
export const KUBECTL_ENV = { GOGC: 'off', GOMEMLIMIT: '256MiB', GOMAXPROCS: '1' };

/** Every kubectl of this machine, by path: the one on PATH, and versioned ones beside it (kubectl.1.27 …). */
export function kubectls(): string[] {
  const first = (process.env.PATH ?? '')
    .split(':')
    .map((d) => join(d, 'kubectl'))
    .find(existsSync);
  if (!first) throw new Error('kubectl is not installed');
  const dir = dirname(realpathSync(first));
  const versions = readdirSync(dir)
    .filter((f) => /^kubectl\.1\.\d+$/.test(f))
    .sort();
  const wanted = versions.length > 1 ? [versions[0], versions.at(-1)] : versions;
  return wanted.length > 0 ? wanted.map((v) => join(dir, v ?? '')) : [first];
}
