import { toYaml } from '#api/yaml.ts';
import { versionInfo } from '#process/version.ts';
import type { CliContext } from '../context.ts';
import { CliError } from '../errors.ts';

/** `cox version` */
export async function version(ctx: CliContext, o: { client?: boolean; output?: string }): Promise<void> {
  if (o.output && o.output !== 'json' && o.output !== 'yaml') throw new CliError("--output must be 'yaml' or 'json'");
  const serverVersion = o.client ? undefined : await ctx.rest.json<{ gitVersion: string }>({ path: '/version' });
  const all = { clientVersion: versionInfo, ...(serverVersion ? { serverVersion } : {}) };
  if (o.output === 'json') ctx.out(`${JSON.stringify(all, null, 2)}\n`);
  else if (o.output === 'yaml') ctx.out(toYaml(all));
  else {
    ctx.out(`Client Version: ${versionInfo.gitVersion}\n`);
    if (serverVersion) ctx.out(`Server Version: ${serverVersion.gitVersion}\n`);
  }
}
