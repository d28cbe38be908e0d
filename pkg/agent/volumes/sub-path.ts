import { chmod, mkdir, stat } from 'node:fs/promises';
import { isAbsolute, join, sep } from 'node:path';
import { expand, variablesIn } from '../pods/env.ts';
import { VolumeError } from './errors.ts';
import type { NodeRoot } from './node-root.ts';

const inside = (root: string, path: string): boolean => path === root || path.startsWith(root + sep);

/**
 * A `subPathExpr` by the variables of its container. Pure.
 * @throws VolumeError for a variable that is not there or empty: what is left could be another's part, or all there is
 */
export function expandedSubPath(expression: string, env: ReadonlyMap<string, string>): string {
  const missing = new Set(variablesIn(expression).filter((name) => !env.get(name)));
  if (missing.size > 0) throw new VolumeError(`missing value for ${[...missing].sort().join(', ')}`);
  return expand(expression, env);
}

/**
 * A path below a volume's directory ("Volumes", using subPath), with links followed, and made when it is not there. Links
 * that a container put into the volume must not lead out of it.
 * @throws VolumeError
 */
export async function subPathOf(node: NodeRoot, base: string, sub: string): Promise<string> {
  if (isAbsolute(sub)) throw new VolumeError(`subPath "${sub}" must not be an absolute path`);
  if (sub.split('/').includes('..')) throw new VolumeError(`subPath "${sub}" must not contain ".."`);
  const volume = await node.follow(base);
  const wanted = await node.follow(join(volume, sub));
  if (!inside(volume, wanted)) throw new VolumeError(`subPath "${sub}" leads out of the volume`);
  if (!(await stat(node.at(wanted)).catch(() => undefined))) {
    const first = await mkdir(node.at(wanted), { recursive: true });
    const { mode } = await stat(node.at(volume));
    if (first) await chmod(node.at(wanted), mode & 0o7777);
  }
  // Once more: a container may have put a link there meanwhile.
  const found = await node.follow(wanted);
  if (!inside(volume, found)) throw new VolumeError(`subPath "${sub}" leads out of the volume`);
  return found;
}
