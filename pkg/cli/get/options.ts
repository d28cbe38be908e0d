import { type ApiResource, pathOf } from '../api/discovery.ts';
import type { RestRequest } from '../api/rest.ts';
import type { CliContext } from '../context.ts';
import { failure, isCut } from '../interrupted.ts';
import type { Sources } from '../manifests.ts';
import type { TableStyle } from '../output/table.ts';
import type { Chosen } from '../targets.ts';

export interface GetOptions extends Sources {
  readonly output?: string;
  readonly allNamespaces?: boolean;
  readonly selector?: string;
  readonly fieldSelector?: string;
  readonly sortBy?: string;
  readonly watch?: boolean;
  readonly watchOnly?: boolean;
  readonly outputWatchEvents?: boolean;
  readonly showLabels?: boolean;
  readonly showKind?: boolean;
  readonly labelColumns?: string;
  /** false: `--no-headers` */
  readonly headers?: boolean;
  readonly ignoreNotFound?: boolean;
  readonly showManagedFields?: boolean;
  readonly chunkSize?: string;
  readonly subresource?: string;
  readonly raw?: string;
  /** false: name and age instead of the server's columns. */
  readonly serverPrint?: boolean;
}

/** Formats that are columns the server prints; every other one needs the objects themselves. */
export const isTable = (format: string | undefined): boolean =>
  format === undefined || format === '' || format === 'wide';

export const qualifiedSingular = (r: ApiResource): string => (r.group ? `${r.singular}.${r.group}` : r.singular);

export function styleOf(o: GetOptions, resource: ApiResource, many: boolean): TableStyle {
  return {
    wide: o.output === 'wide',
    withNamespace: Boolean(o.allNamespaces) && resource.namespaced,
    noHeaders: o.headers === false,
    showLabels: Boolean(o.showLabels),
    ...(o.labelColumns ? { labelColumns: o.labelColumns.split(',') } : {}),
    ...(many || o.showKind ? { namePrefix: `${qualifiedSingular(resource)}/` } : {}),
  };
}

/** Path and selectors of an object or collection. */
export function requestOf(c: Chosen, o: GetOptions): { path: string; query: NonNullable<RestRequest['query']> } {
  return {
    path: pathOf(c.resource, c.namespace, c.name, o.subresource),
    query: c.name ? {} : { labelSelector: o.selector, fieldSelector: o.fieldSelector },
  };
}

/** Does `read` for each object; what fails is told and does not keep the others from being shown. */
export async function each<T>(
  ctx: CliContext,
  o: GetOptions,
  chosen: readonly Chosen[],
  read: (c: Chosen) => Promise<T>,
): Promise<{ found: { of: Chosen; value: T }[]; failed: boolean; tell: () => void }> {
  const found: { of: Chosen; value: T }[] = [];
  const problems: string[] = [];
  const answers = await Promise.allSettled(chosen.map(read));
  for (const [i, a] of answers.entries()) {
    if (a.status === 'fulfilled') found.push({ of: chosen[i] as Chosen, value: a.value });
    else if (isCut(ctx, a.reason)) throw a.reason;
    else if (!(o.ignoreNotFound && (a.reason as { reason?: string }).reason === 'NotFound')) {
      problems.push(await failure(ctx, a.reason));
    }
  }
  return { found, failed: problems.length > 0, tell: () => problems.forEach((p) => void ctx.err(`${p}\n`)) };
}
