import type { Event } from '#api/kinds/index.ts';
import { watchLines } from '../api/watch-lines.ts';
import type { CliContext } from '../context.ts';
import { since } from '../describe/values.ts';
import { CliError } from '../errors.ts';
import { pages } from '../get/pages.ts';
import { formatColumns } from '../output/columns.ts';
import { printObject } from '../output/print.ts';
import { parseTargets } from '../targets.ts';

export interface EventOptions {
  readonly for?: string;
  readonly types?: string;
  readonly watch?: boolean;
  readonly headers?: boolean;
  readonly output?: string;
  readonly allNamespaces?: boolean;
  readonly chunkSize?: string;
}

interface EventList {
  items: Event[];
  metadata: { resourceVersion: string; continue?: string };
}

const timeOf = (e: Event): string =>
  e.series?.lastObservedTime ?? e.lastTimestamp ?? e.eventTime ?? e.metadata?.creationTimestamp ?? '';

function lastSeen(e: Event, now: number): string {
  const count = e.series?.count ?? e.count ?? 1;
  const last = since(timeOf(e), now);
  return count > 1 ? `${last} (x${count} over ${since(e.firstTimestamp ?? e.eventTime, now)})` : last;
}

function rowOf(e: Event, o: EventOptions): string[] {
  const { kind = '', name = '' } = e.involvedObject ?? {};
  return [
    ...(o.allNamespaces ? [e.metadata?.namespace ?? ''] : []),
    lastSeen(e, Date.now()),
    e.type ?? '',
    e.reason ?? '',
    `${kind}/${name}`,
    (e.message ?? '').trim(),
  ];
}

async function fieldsOf(ctx: CliContext, o: EventOptions): Promise<string | undefined> {
  if (!o.for) return undefined;
  const [target] = await parseTargets([o.for], await ctx.discovery());
  if (!target?.name) throw new CliError('--for must be TYPE/NAME');
  return `involvedObject.kind=${target.resource.kind},involvedObject.name=${target.name}`;
}

/** `cox events`: in the order they happened. */
export async function events(ctx: CliContext, o: EventOptions): Promise<void> {
  const path = o.allNamespaces ? '/api/v1/events' : `/api/v1/namespaces/${ctx.namespace}/events`;
  const types = o.types?.split(',').map((t) => t.toLowerCase());
  if (types?.some((t) => t !== 'normal' && t !== 'warning')) throw new CliError('valid --types are Normal or Warning');
  const wanted = (e: Event): boolean => !types || types.includes((e.type ?? '').toLowerCase());
  const fieldSelector = await fieldsOf(ctx, o);
  const found = await pages<EventList>(ctx, { path, query: { fieldSelector } }, o.chunkSize ?? '500');
  const [list] = found as [EventList];
  const items = found
    .flatMap((l) => l.items)
    .filter(wanted)
    .sort((a, b) => timeOf(a).localeCompare(timeOf(b)));
  if (o.output) {
    ctx.out(printObject({ ...list, items } as never, o, (e) => `event/${e.metadata?.name}`));
    return;
  }
  if (items.length === 0 && !o.watch) {
    ctx.err(o.allNamespaces ? 'No events found.\n' : `No events found in ${ctx.namespace} namespace.\n`);
    return;
  }
  const header = [...(o.allNamespaces ? ['NAMESPACE'] : []), 'LAST SEEN', 'TYPE', 'REASON', 'OBJECT', 'MESSAGE'];
  ctx.out(formatColumns([...(o.headers === false ? [] : [header]), ...items.map((e) => rowOf(e, o))]));
  if (!o.watch) return;
  const query = { fieldSelector, watch: true, resourceVersion: list.metadata.resourceVersion };
  for await (const e of watchLines(ctx.rest, { path, query, signal: ctx.signal })) {
    if (e.type !== 'DELETED' && wanted(e.object as Event)) ctx.out(formatColumns([rowOf(e.object as Event, o)]));
  }
}
