import type { KubeObject } from '#api/meta/objectmeta.ts';
import { TABLE } from '../api/rest.ts';
import type { CliContext } from '../context.ts';
import { since } from '../describe/values.ts';
import { sortedBy } from '../output/sort.ts';
import { type Table, tableText } from '../output/table.ts';
import type { Chosen } from '../targets.ts';
import { each, type GetOptions, requestOf, styleOf } from './options.ts';
import { pages } from './pages.ts';

export async function tableOf(ctx: CliContext, c: Chosen, o: GetOptions): Promise<Table> {
  // Rows come with metadata only, unless the order asked for may need other fields.
  const { path, query } = requestOf(c, o);
  const all = { ...query, includeObject: o.sortBy ? 'Object' : undefined };
  const found = await pages<Table>(
    ctx,
    { path, query: all, accept: o.serverPrint === false ? 'application/json' : TABLE },
    c.name ? undefined : (o.chunkSize ?? '500'),
  );
  const first = found[0] as Table;
  if (first.kind !== 'Table') {
    const objects = found as unknown as (KubeObject & { items?: KubeObject[] })[];
    return plainTable(objects.flatMap((x) => x.items ?? [x]));
  }
  return { ...first, rows: found.flatMap((t) => t.rows ?? []) };
}

/** Name and age: for what the server does not print as a table, such as scales. */
function plainTable(objects: readonly KubeObject[]): Table {
  const columns = ['Name', 'Age'].map((name) => ({ name, priority: 0 }));
  const now = Date.now();
  const rows = objects.map((object) => ({
    object,
    cells: [object.metadata?.name, since(object.metadata?.creationTimestamp, now)],
  }));
  return { kind: 'Table', columnDefinitions: columns, rows };
}

/** Prints one table per type. @returns whether everything asked for was there */
export async function printTables(ctx: CliContext, chosen: readonly Chosen[], o: GetOptions): Promise<boolean> {
  const { found, failed, tell } = await each(ctx, o, chosen, (c) => tableOf(ctx, c, o));
  const kinds = new Set(found.map((f) => f.of.resource));
  let printed = 0;
  for (const resource of kinds) {
    const tables = found.filter((f) => f.of.resource === resource).map((f) => f.value);
    const rows = tables.flatMap((t) => t.rows);
    if (!tables[0] || rows.length === 0) continue;
    if (printed++ > 0) ctx.out('\n');
    const ordered = o.sortBy ? sortedBy(rows, o.sortBy, (r) => r.object as KubeObject) : rows;
    ctx.out(tableText({ ...tables[0], rows: ordered }, styleOf(o, resource, kinds.size > 1)));
  }
  tell();
  if (printed === 0 && !failed && !o.ignoreNotFound) {
    const namespaced = chosen.every((c) => c.resource.namespaced) && !o.allNamespaces;
    ctx.err(namespaced ? `No resources found in ${ctx.namespace} namespace.\n` : 'No resources found\n');
  }
  return !failed;
}
