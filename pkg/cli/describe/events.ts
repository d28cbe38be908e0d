import type { Event } from '#api/kinds/index.ts';
import type { KubeObject } from '#api/meta/objectmeta.ts';
import type { CliContext } from '../context.ts';
import { since } from './values.ts';
import type { DescriptionWriter } from './writer.ts';

const lastSeen = (e: Event): string =>
  e.series?.lastObservedTime ?? e.lastTimestamp ?? e.eventTime ?? e.metadata?.creationTimestamp ?? '';
const firstSeen = (e: Event): string | undefined => e.firstTimestamp ?? e.eventTime ?? e.metadata?.creationTimestamp;

/** "3m (x5 over 10m)" for what happened several times. */
function ageText(e: Event, now: number): string {
  const count = e.series?.count ?? e.count ?? 1;
  const last = since(lastSeen(e), now);
  return count > 1 ? `${last} (x${count} over ${since(firstSeen(e), now)})` : last;
}

/** Events about an object, oldest first. */
export async function eventsAbout(ctx: CliContext, o: KubeObject): Promise<Event[]> {
  const { name, namespace, uid } = o.metadata ?? {};
  const fields = [
    `involvedObject.name=${name}`,
    ...(uid ? [`involvedObject.uid=${o.kind === 'Node' ? name : uid}`] : []),
  ];
  const path = namespace ? `/api/v1/namespaces/${namespace}/events` : '/api/v1/events';
  const list = await ctx.rest.json<{ items: Event[] }>({
    path,
    query: { fieldSelector: fields.join(','), limit: 500 },
  });
  return list.items.sort((a, b) => lastSeen(a).localeCompare(lastSeen(b)));
}

export function eventTable(w: DescriptionWriter, list: readonly Event[], now: number): void {
  if (list.length === 0) {
    w.line(0, 'Events:', '<none>');
    return;
  }
  w.line(0, 'Events:');
  w.line(1, 'Type', 'Reason', 'Age', 'From', 'Message');
  w.line(1, '----', '------', '----', '----', '-------');
  for (const e of list) {
    const from = e.source?.component || e.reportingComponent || '';
    w.line(1, e.type ?? '', e.reason ?? '', ageText(e, now), from, (e.message ?? '').trim());
  }
}
