import type { KubeObject } from '#api/meta/objectmeta.ts';
import { type ApiResource, pathOf } from '../api/discovery.ts';
import { TABLE } from '../api/rest.ts';
import { watchLines } from '../api/watch-lines.ts';
import type { CliContext } from '../context.ts';
import { CliError } from '../errors.ts';
import { formatColumns } from '../output/columns.ts';
import { printObject, withoutManagedFields } from '../output/print.ts';
import { type Table, type TableStyle, tableCells, tableText } from '../output/table.ts';
import { parseTargets, readManifests, type Target } from '../targets.ts';

export interface GetOptions {
  readonly output?: string;
  readonly allNamespaces?: boolean;
  readonly selector?: string;
  readonly fieldSelector?: string;
  readonly watch?: boolean;
  readonly watchOnly?: boolean;
  readonly showLabels?: boolean;
  readonly labelColumns?: string;
  readonly noHeaders?: boolean;
  readonly ignoreNotFound?: boolean;
  readonly showManagedFields?: boolean;
  readonly filename?: readonly string[];
  readonly chunkSize?: string;
}

const nameOf = (resource: ApiResource) => (o: KubeObject) => `${qualifiedSingular(resource)}/${o.metadata?.name ?? ''}`;
const qualifiedSingular = (r: ApiResource): string => (r.group ? `${r.singular}.${r.group}` : r.singular);

const isTable = (format: string | undefined): boolean => format === undefined || format === 'wide';

function styleOf(o: GetOptions, target: Target, many: boolean): TableStyle {
  return {
    wide: o.output === 'wide',
    withNamespace: Boolean(o.allNamespaces) && target.resource.namespaced,
    noHeaders: Boolean(o.noHeaders),
    showLabels: Boolean(o.showLabels),
    ...(o.labelColumns ? { labelColumns: o.labelColumns.split(',') } : {}),
    ...(many ? { namePrefix: `${qualifiedSingular(target.resource)}/` } : {}),
  };
}

const queryOf = (o: GetOptions) => ({ labelSelector: o.selector, fieldSelector: o.fieldSelector });

const namespaceOf = (ctx: CliContext, o: GetOptions): string | undefined =>
  o.allNamespaces ? undefined : ctx.namespace;

/** Reads all pages of a list. */
async function pages<T extends { metadata?: { continue?: string } }>(
  ctx: CliContext,
  target: Target,
  o: GetOptions,
  accept?: string,
): Promise<T[]> {
  const found: T[] = [];
  let token: string | undefined;
  do {
    const page: T = await ctx.rest.json<T>({
      path: pathOf(target.resource, namespaceOf(ctx, o), target.name),
      query: target.name ? {} : { ...queryOf(o), limit: o.chunkSize ?? 500, continue: token },
      ...(accept ? { accept } : {}),
    });
    found.push(page);
    token = target.name ? undefined : page.metadata?.continue;
  } while (token);
  return found;
}

async function tableOf(ctx: CliContext, target: Target, o: GetOptions): Promise<Table> {
  const found = await pages<Table>(ctx, target, o, TABLE);
  const first = found[0] as Table;
  return { ...first, rows: found.flatMap((t) => t.rows ?? []) };
}

async function objectsOf(ctx: CliContext, target: Target, o: GetOptions): Promise<KubeObject[]> {
  const found = await pages<KubeObject & { items?: KubeObject[]; metadata?: { continue?: string } }>(ctx, target, o);
  if (target.name) return found;
  return found.flatMap((l) =>
    (l.items ?? []).map((i) => ({
      ...i,
      kind: target.resource.kind,
      apiVersion: target.resource.group
        ? `${target.resource.group}/${target.resource.version}`
        : target.resource.version,
    })),
  );
}

async function printTables(ctx: CliContext, targets: readonly Target[], o: GetOptions): Promise<void> {
  const byResource = Map.groupBy(targets, (t) => t.resource);
  const many = byResource.size > 1;
  let printed = 0;
  for (const [, group] of byResource) {
    const tables: Table[] = [];
    for (const t of group) {
      const table = await ignoringNotFound(o, () => tableOf(ctx, t, o));
      if (table) tables.push(table);
    }
    const first = tables[0];
    const rows = tables.flatMap((t) => t.rows);
    if (!first || rows.length === 0) continue;
    if (printed++ > 0) ctx.out('\n');
    ctx.out(tableText({ ...first, rows }, styleOf(o, group[0] as Target, many)));
  }
  if (printed > 0 || o.ignoreNotFound) return;
  const namespaced = targets.some((t) => t.resource.namespaced) && !o.allNamespaces;
  ctx.err(namespaced ? `No resources found in ${ctx.namespace} namespace.\n` : 'No resources found\n');
}

async function ignoringNotFound<T>(o: GetOptions, read: () => Promise<T>): Promise<T | undefined> {
  try {
    return await read();
  } catch (e) {
    if (o.ignoreNotFound && (e as { reason?: string }).reason === 'NotFound') return undefined;
    throw e;
  }
}

async function printObjects(ctx: CliContext, targets: readonly Target[], o: GetOptions): Promise<void> {
  const format = o.output ?? '';
  const all: { target: Target; object: KubeObject }[] = [];
  for (const target of targets) {
    for (const object of (await ignoringNotFound(o, () => objectsOf(ctx, target, o))) ?? []) {
      all.push({ target, object: o.showManagedFields ? object : withoutManagedFields(object) });
    }
  }
  if (format === 'name') {
    for (const { target, object } of all) ctx.out(`${nameOf(target.resource)(object)}\n`);
    return;
  }
  const single = targets.length === 1 && targets[0]?.name !== undefined;
  if (single && all.length === 0) return;
  const shown = single
    ? (all[0] as { object: KubeObject }).object
    : ({
        apiVersion: 'v1',
        items: all.map((a) => a.object),
        kind: 'List',
        metadata: { resourceVersion: '' },
      } as KubeObject);
  ctx.out(printObject(shown, format, (x) => x.metadata?.name ?? ''));
}

async function watch(ctx: CliContext, target: Target, o: GetOptions): Promise<void> {
  const style = styleOf(o, target, false);
  const table = await tableOf(ctx, { resource: target.resource, ...(target.name ? { name: target.name } : {}) }, o);
  const widths: number[] = [];
  const print = (cells: string[][]): void => {
    for (const row of cells) for (const [i, c] of row.entries()) widths[i] = Math.max(widths[i] ?? 0, c.length);
    ctx.out(
      cells
        .map(
          (row) =>
            `${row
              .map((c, i) => c.padEnd((widths[i] ?? 0) + 3))
              .join('')
              .trimEnd()}\n`,
        )
        .join(''),
    );
  };
  const initial = tableCells(o.watchOnly ? { ...table, rows: [] } : table, table.columnDefinitions, style);
  if (isTable(o.output) && initial.length > 0) ctx.out(formatColumns(initial));
  for (const row of initial) for (const [i, c] of row.entries()) widths[i] = Math.max(widths[i] ?? 0, c.length);
  const query = {
    ...queryOf(o),
    ...(target.name ? { fieldSelector: `metadata.name=${target.name}` } : {}),
    watch: true,
    resourceVersion: table.metadata?.resourceVersion || '0',
  };
  const path = pathOf(target.resource, namespaceOf(ctx, o));
  const events = watchLines(ctx.rest, {
    path,
    query,
    accept: isTable(o.output) ? TABLE : 'application/json',
    signal: ctx.signal,
  });
  for await (const e of events) {
    if (isTable(o.output))
      print(tableCells(e.object as unknown as Table, table.columnDefinitions, { ...style, noHeaders: true }));
    else ctx.out(printObject(withoutManagedFields(e.object as KubeObject), o.output ?? '', nameOf(target.resource)));
  }
}

/** `cox get`. */
export async function get(ctx: CliContext, args: readonly string[], o: GetOptions): Promise<void> {
  const discovery = await ctx.discovery();
  const targets: Target[] = o.filename
    ? readManifests(o.filename).map((m) => ({ resource: discovery.ofObject(m), name: m.metadata?.name ?? '' }))
    : parseTargets(args, discovery);
  if (o.watch || o.watchOnly) {
    const only = targets[0];
    if (!only || targets.length > 1) throw new CliError('watching works for one type or one object at a time');
    return watch(ctx, only, o);
  }
  if (isTable(o.output)) await printTables(ctx, targets, o);
  else await printObjects(ctx, targets, o);
}
