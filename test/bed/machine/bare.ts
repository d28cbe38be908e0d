import { existsSync, mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Inside, NodeSpec } from '../node.ts';
import { waitFor } from '../wait.ts';

/** Where the beds of a machine have their folders. */
export const BEDS = '/var/tmp/coxswain-bed';

/** Processes that come in from outside belong to the machine like those that it starts itself. */
const JOIN = `
  for group in /sys/fs/cgroup"$0"/init /sys/fs/cgroup/*"$0"/init; do
    [ ! -d "$group" ] || echo 0 >"$group/cgroup.procs"
  done
  exec nsenter "$@"`;

/** Temporary files of what runs on a bare machine; they go with it. */
export const tmpOf = (dir: string): string => join(dir, 'tmp');

/** Programs of a bare machine that stand before those of the machine outside. */
export const programsOf = (dir: string): string => join(dir, 'bin');

/**
 * A machine as a user has it before `make up`: the programs and files of the one outside, but processes, mounts, network,
 * cgroups, /run, and what Docker and a cluster keep in /var/lib of its own.
 */
export async function bareInside({ name, dir, lan, cgroupRoot }: NodeSpec): Promise<Inside> {
  for (const folder of ['docker', 'lib', 'lib.work']) mkdirSync(join(dir, folder), { recursive: true });
  for (const folder of [tmpOf(dir), programsOf(dir)]) mkdirSync(folder, { recursive: true });
  // Packages come from where the machine outside has them from; a bed has no route there.
  const aptGet = `#!/bin/sh\nexec nsenter --net=${join(dir, 'outside')} /usr/bin/apt-get "$@"\n`;
  writeFileSync(join(programsOf(dir), 'apt-get'), aptGet, { mode: 0o755 });
  const outside = await lan.outside();
  return {
    init: [join(import.meta.dirname, 'init.sh'), dir, name, cgroupRoot, BEDS, outside],
    propagation: 'private',
    volatile: ['ready'],
    ready: (signal) => waitFor(`the machine ${name}`, () => existsSync(join(dir, 'ready')), { signal, everyMs: 20 }),
    enter: (init) => {
      const namespaces = ['--mount', '--uts', '--net', '--pid', '--cgroup'];
      return ['sh', '-c', JOIN, cgroupRoot, '--target', String(init), ...namespaces, '--'];
    },
  };
}
