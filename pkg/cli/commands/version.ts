import { versionInfo } from '#process/version.ts';
import type { CliContext } from '../context.ts';
import { CliError } from '../errors.ts';

export interface VersionFlags {
  readonly client?: boolean;
  readonly output?: string;
}

/** `cox version` @param server is asked unless only the version of cox is wanted */
export async function version(
  out: (text: string) => void,
  server: () => Promise<Pick<CliContext, 'rest'>>,
  o: VersionFlags,
): Promise<void> {
  if (o.output && o.output !== 'json' && o.output !== 'yaml') throw new CliError("--output must be 'yaml' or 'json'");
  const serverVersion = o.client
    ? undefined
    : await (await server()).rest.json<{ gitVersion: string }>({ path: '/version' });
  const all = { clientVersion: versionInfo, ...(serverVersion ? { serverVersion } : {}) };
  if (o.output === 'json') out(`${JSON.stringify(all, null, 2)}\n`);
  else if (o.output === 'yaml') out((await import('#api/yaml.ts')).toYaml(all));
  else {
    out(`Client Version: ${versionInfo.gitVersion}\n`);
    if (serverVersion) out(`Server Version: ${serverVersion.gitVersion}\n`);
  }
}
