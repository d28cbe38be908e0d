import type { KubeObject } from '#api/meta/objectmeta.ts';
import { systemClock } from '#async/clock.ts';
import { pathOf } from '../api/discovery.ts';
import { type RestRequest, TABLE } from '../api/rest.ts';
import { type RawWatchEvent, watchLines } from '../api/watch-lines.ts';
import type { CliContext } from '../context.ts';
import { ColumnStream } from '../output/columns.ts';
import { printObject, withoutManagedFields } from '../output/print.ts';
import { type Table, tableCells } from '../output/table.ts';
import type { Chosen } from '../targets.ts';
import { type GetOptions, isTable, qualifiedSingular, styleOf } from './options.ts';
import { tableOf } from './tables.ts';

/** Before the server is asked anew that has ended a watch, milliseconds. */
const PAUSE_MS = 500;

/** Shows collections or objects and then their changes, until the user ends it. @throws StatusError when the server has forgotten some */
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
  const seen = first.metadata?.resourceVersion;
  // That of one object may be older than the server remembers: what is there now comes as the first event.
  let resourceVersion = c.name ? '0' : seen || '0';
  const request = (): RestRequest => ({
    path: pathOf(c.resource, c.namespace),
    query: {
      labelSelector: o.selector,
      fieldSelector: c.name ? `metadata.name=${c.name}` : o.fieldSelector,
      watch: true,
      resourceVersion,
    },
    accept: isTable(o.output) ? TABLE : 'application/json',
    signal: ctx.signal,
  });
  // Servers end every watch after an hour or so; nothing is over then.
  while (!ctx.signal.aborted) {
    for await (const e of watchLines(ctx.rest, request())) {
      resourceVersion = versionOf(e) ?? resourceVersion;
      if (resourceVersion !== seen) show(e);
    }
    await systemClock.sleep(PAUSE_MS, ctx.signal).catch(() => undefined);
  }
}

/** The version an event has brought: where a watch that has ended goes on. */
function versionOf({ object }: RawWatchEvent): string | undefined {
  const [row] = (object as Partial<Table>).rows ?? [];
  return ((row?.object ?? object) as KubeObject).metadata?.resourceVersion;
}

async function current(ctx: CliContext, c: Chosen, o: GetOptions): Promise<KubeObject[]> {
  const path = pathOf(c.resource, c.namespace, c.name);
  const query = c.name ? {} : { labelSelector: o.selector, fieldSelector: o.fieldSelector };
  const answer = await ctx.rest.json<KubeObject & { items?: KubeObject[] }>({ path, query });
  if (c.name) return [answer];
  return (answer.items ?? []).map((i) => ({ ...i, kind: c.resource.kind }));
}
