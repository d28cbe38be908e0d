import type { RestRequest } from '../api/rest.ts';
import type { CliContext } from '../context.ts';

/** Reads a list page by page; undefined or "0" as size reads it at once. */
export async function pages<T extends { metadata?: { continue?: string } }>(
  ctx: CliContext,
  request: RestRequest,
  size: string | undefined,
): Promise<T[]> {
  const found: T[] = [];
  let token: string | undefined;
  do {
    const query =
      size === undefined || size === '0' ? request.query : { ...request.query, limit: size, continue: token };
    const page: T = await ctx.rest.json<T>({ ...request, ...(query ? { query } : {}) });
    found.push(page);
    token = size === undefined ? undefined : page.metadata?.continue;
  } while (token);
  return found;
}
