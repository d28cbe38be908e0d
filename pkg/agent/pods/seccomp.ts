import { readFile } from 'node:fs/promises';
import { join, normalize } from 'node:path';
import type { Container, Pod } from '#api/kinds/index.ts';
import { ConfigError } from './env.ts';

/**
 * The seccomp profile of a container as the runtime takes it ("Restrict a Container's Syscalls with seccomp"): without one
 * nothing is restricted; profiles of the node are looked for below `dir`. @throws ConfigError
 */
export async function seccompOf(pod: Pod, c: Container, dir: string): Promise<string> {
  const profile = c.securityContext?.seccompProfile ?? pod.spec?.securityContext?.seccompProfile;
  switch (profile?.type) {
    case 'RuntimeDefault':
      return '';
    case 'Localhost': {
      const name = normalize(profile.localhostProfile ?? '');
      if (name.startsWith('..')) throw new ConfigError(`seccomp profile ${name} lies outside of ${dir}`);
      try {
        return JSON.stringify(JSON.parse(await readFile(join(dir, name), 'utf8')));
      } catch (e) {
        throw new ConfigError(`cannot load seccomp profile "${join(dir, name)}": ${(e as Error).message}`);
      }
    }
    default:
      return 'unconfined';
  }
}
