import { type ApiResource, apiVersionOf, qualified } from '../api/discovery.ts';
import type { CliContext } from '../context.ts';
import { CliError } from '../errors.ts';
import { formatColumns } from '../output/columns.ts';

export interface ApiResourceFlags {
  readonly apiGroup?: string;
  readonly namespaced?: string;
  readonly verbs?: string;
  readonly categories?: string;
  readonly sortBy?: string;
  readonly output?: string;
  readonly headers?: boolean;
  /** As they were some hours ago; ask no server. */
  readonly cached?: boolean;
}

const all = (wanted: string | undefined, has: readonly string[]): boolean =>
  (wanted ?? '').split(',').every((w) => w === '' || has.includes(w));

function rowOf(r: ApiResource, wide: boolean): string[] {
  const row = [r.plural, r.shortNames.join(','), apiVersionOf(r), String(r.namespaced), r.kind];
  return wide ? [...row, r.verbs.join(','), r.categories.join(',')] : row;
}

/** `cox api-resources` */
export async function apiResources(ctx: CliContext, o: ApiResourceFlags): Promise<void> {
  if (o.sortBy && o.sortBy !== 'name' && o.sortBy !== 'kind') throw new CliError('--sort-by accepts only name or kind');
  if (o.output && o.output !== 'name' && o.output !== 'wide')
    throw new CliError(`--output ${o.output} is not available`);
  const discovery = await ctx.discovery();
  const resources = o.cached ? discovery.known : await discovery.all();
  const preferred = new Set<string>();
  const found = resources.filter((r) => {
    // One line for each resource, in the version the server prefers, which it lists first.
    if (preferred.has(qualified(r))) return false;
    preferred.add(qualified(r));
    if (o.apiGroup !== undefined && r.group !== o.apiGroup) return false;
    if (o.namespaced !== undefined && String(r.namespaced) !== o.namespaced) return false;
    return all(o.verbs, r.verbs) && all(o.categories, r.categories);
  });
  const by =
    o.sortBy === 'kind' ? (r: ApiResource) => r.kind : o.sortBy === 'name' ? (r: ApiResource) => r.plural : undefined;
  const sorted = by
    ? found.sort((a, b) => by(a).localeCompare(by(b)))
    : found.sort((a, b) => a.group.localeCompare(b.group) || a.plural.localeCompare(b.plural));
  if (o.output === 'name') {
    ctx.out(sorted.map((r) => `${qualified(r)}\n`).join(''));
    return;
  }
  const wide = o.output === 'wide';
  const header = ['NAME', 'SHORTNAMES', 'APIVERSION', 'NAMESPACED', 'KIND', ...(wide ? ['VERBS', 'CATEGORIES'] : [])];
  ctx.out(formatColumns([...(o.headers === false ? [] : [header]), ...sorted.map((r) => rowOf(r, wide))]));
}

/** `cox api-versions` */
export async function apiVersions(ctx: CliContext): Promise<void> {
  const resources = await (await ctx.discovery()).all();
  ctx.out(
    [...new Set(resources.map(apiVersionOf))]
      .sort()
      .map((v) => `${v}\n`)
      .join(''),
  );
}
