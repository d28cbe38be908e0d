import { readFileSync } from 'node:fs';
import { systemExec } from '#process/exec.ts';
import { run } from '../run.ts';
import { SLOW_DISK_MS } from './store.ts';

/** A registry that speaks, but slowly, must not keep `make up` from its five minutes. */
const PULL_MS = 90_000;

/**
 * The image that the image of our containers is laid upon: what BASE_IMAGE says ("none": no image), else the one of the
 * distribution and release this machine runs, whose libraries are those our programs were built with.
 * @param osRelease contents of /etc/os-release. @returns undefined when there is none to pull.
 */
export function baseImage(osRelease = readOsRelease(), wanted = process.env.BASE_IMAGE ?? ''): string | undefined {
  if (wanted !== '') return wanted === 'none' ? undefined : wanted;
  const value = (key: string): string => new RegExp(`^${key}="?([^"\n]*)`, 'm').exec(osRelease)?.[1] ?? '';
  const release = value('VERSION_ID');
  if (release === '') return undefined;
  return { debian: `debian:${release}-slim`, ubuntu: `ubuntu:${release}` }[value('ID')];
}

function readOsRelease(): string {
  try {
    return readFileSync('/etc/os-release', 'utf8');
  } catch {
    return '';
  }
}

/**
 * Writes the files of `image`, with those of `layer` laid over them, as one layer. The image is pulled unless the daemon has
 * it; what is only needed for this is taken away again.
 * @returns why the image cannot be had, in one line; undefined when `target` is written.
 */
export async function layOver(image: string, layer: string, target: string): Promise<string | undefined> {
  const docker = (args: readonly string[], timeoutMs?: number) =>
    systemExec('docker', args, timeoutMs ? { timeoutMs } : {});
  const present = await docker(['image', 'inspect', image]).catch((e: Error) => ({ code: 1, stderr: e.message }));
  if (present.code !== 0) {
    const pulled = await docker(['pull', '-q', image], PULL_MS).catch((e: Error) => ({ code: 1, stderr: e.message }));
    if (pulled.code !== 0) return pulled.stderr.trim().split('\n').at(-1) ?? '';
  }
  const container = (await run('docker', ['create', image, 'none'])).trim();
  try {
    await run('sh', ['-c', 'docker cp - "$1:/" <"$2"', 'sh', container, layer], { timeoutMs: SLOW_DISK_MS });
    await run('docker', ['export', '-o', target, container], { timeoutMs: SLOW_DISK_MS });
  } finally {
    await run('docker', ['rm', container]);
    if (present.code !== 0) await run('docker', ['image', 'rm', image]);
  }
  return undefined;
}
