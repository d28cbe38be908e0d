import { existsSync } from 'node:fs';
import { systemExec } from '#process/exec.ts';
import { CliError } from '../errors.ts';

export interface ImportFlags {
  readonly dockerHost?: string;
}

const LOAD_MS = 600_000;

/** `cox image import FILE…`: images from archives of `docker save`, for a node that cannot pull them. */
export async function importImages(
  out: (text: string) => void,
  args: readonly string[],
  o: ImportFlags,
): Promise<void> {
  if (args.length === 0) throw new CliError('say which: cox image import FILE.tar');
  const host = o.dockerHost ?? process.env.DOCKER_HOST ?? 'unix:///var/run/docker.sock';
  for (const file of args) {
    if (!existsSync(file)) throw new CliError(`the path "${file}" does not exist`);
    const { code, stdout, stderr } = await systemExec('docker', ['--host', host, 'load', '--input', file], {
      timeoutMs: LOAD_MS,
    });
    if (code !== 0) throw new CliError(`${file}: ${stderr.trim().split('\n').at(-1) ?? 'docker could not load it'}`);
    out(stdout);
  }
}
