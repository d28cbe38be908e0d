import type { KubeObject } from '#api/meta/objectmeta.ts';
import { pathOf } from '../api/discovery.ts';
import { TABLE } from '../api/rest.ts';
import { type RawWatchEvent, watchLines } from '../api/watch-lines.ts';
import type { CliContext } from '../context.ts';
import { ColumnStream } from '../output/columns.ts';
import { printObject, withoutManagedFields } from '../output/print.ts';
import { type Table, tableCells } from '../output/table.ts';
import type { Chosen } from '../targets.ts';
import { type GetOptions, isTable, qualifiedSingular, styleOf } from './options.ts';
import { tableOf } from './tables.ts';

/** Shows collections or objects and then their changes, until the user or the server ends it. */
export async function watchObjects(ctx: CliContext, chosen: readonly Chosen[], o: GetOptions): Promise<void> {
  await Promise.all(chosen.map((c) => watchOne(ctx, c, o, chosen.length > 1)));
}

async function watchOne(ctx: CliContext, c: Chosen, o: GetOptions, many: boolean): Promise<void> {
  const style = styleOf(o, c.resource, many);
  const first = await tableOf(ctx, c, o);
  const columns = new ColumnStream();
  const print = (type: string, t: Table, noHeaders: boolean): void => {
    const cells = tableCells(t, first.columnDefinitions, {
      ...style,
      noHeaders: noHeaders || Boolean(style.noHeaders),
    });
    const rows = o.outputWatchEvents
      ? cells.map((row, i) => [!noHeaders && !style.noHeaders && i === 0 ? 'EVENT' : type, ...row])
      : cells;
    if (rows.length > 0) ctx.out(columns.lines(rows));
  };
  const name = (x: KubeObject): string => `${qualifiedSingular(c.resource)}/${x.metadata?.name ?? ''}`;
  const show = (e: RawWatchEvent): void => {
    if (isTable(o.output)) {
      print(e.type, e.object as Table, true);
      return;
    }
    const object = o.showManagedFields ? (e.object as KubeObject) : withoutManagedFields(e.object as KubeObject);
    ctx.out(printObject(o.outputWatchEvents ? ({ object, type: e.type } as never) : object, o, name));
  };
  if (isTable(o.output)) print('ADDED', o.watchOnly ? { ...first, rows: [] } : first, false);
  else if (!o.watchOnly) {
    for (const object of await current(ctx, c, o)) show({ type: 'ADDED', object });
  }
  const events = watchLines(ctx.rest, {
    path: pathOf(c.resource, c.namespace),
    query: {
      labelSelector: o.selector,
      fieldSelector: c.name ? `metadata.name=${c.name}` : o.fieldSelector,
      watch: true,
      resourceVersion: first.metadata?.resourceVersion || '0',
    },
    accept: isTable(o.output) ? TABLE : 'application/json',
    signal: ctx.signal,
  });
  for await (const e of events) show(e);
}

async function current(ctx: CliContext, c: Chosen, o: GetOptions): Promise<KubeObject[]> {
  const path = pathOf(c.resource, c.namespace, c.name);
  const query = c.name ? {} : { labelSelector: o.selector, fieldSelector: o.fieldSelector };
  const answer = await ctx.rest.json<KubeObject & { items?: KubeObject[] }>({ path, query });
  if (c.name) return [answer];
  return (answer.items ?? []).map((i) => ({ ...i, kind: c.resource.kind }));
}
