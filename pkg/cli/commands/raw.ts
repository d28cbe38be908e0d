import type { CliContext } from '../context.ts';
import { CliError } from '../errors.ts';
import { readText } from '../manifests.ts';

/** A request to a path of the server, with the content of a file as it is: --raw. */
export async function rawRequest(
  ctx: CliContext,
  method: string,
  uri: string,
  filename: readonly string[] | undefined,
): Promise<void> {
  const [file, second] = filename ?? [];
  if (second !== undefined) throw new CliError('--raw can only use a single local file or stdin');
  if (file === undefined && method !== 'GET' && method !== 'DELETE')
    throw new CliError('--raw needs -f: the file to send');
  if (!uri.startsWith('/')) throw new CliError(`--raw takes a path of the server such as /version, not "${uri}"`);
  const [path = '', query = ''] = uri.split('?');
  const body = file === undefined ? undefined : await readText(ctx, file);
  ctx.out(await ctx.rest.text({ method, path, query: Object.fromEntries(new URLSearchParams(query)), body }));
}
