import { defineKind, topLevel } from '../../kind.ts';
import type { KubeObject } from '../../meta/objectmeta.ts';
import { f, int32, microTime, str, type TypeOf, time } from '../../schema/schema.ts';
import { EVENT_SUBJECT_FIELDS, type Event, EventSeries, EventSource, Events } from '../core/event.ts';
import { ObjectReference } from '../core/references.ts';
import { renamed, viaStored } from './renamed.ts';

const EventV1Schema = topLevel('io.k8s.api.events.v1', 'Event', 'Something that happened to an object; kept an hour.', {
  eventTime: f(2, microTime, 'When it was first observed.'),
  series: f(3, EventSeries, 'Set for a row of equal events.'),
  reportingController: f(4, str, 'Controller that reported it.'),
  reportingInstance: f(5, str, 'Instance of that controller.'),
  action: f(6, str, 'What was done or failed.'),
  reason: f(7, str, 'Short reason, in CamelCase.'),
  regarding: f(8, ObjectReference, 'The object it is about.'),
  related: f(9, ObjectReference, 'A second object involved.'),
  note: f(10, str, 'What happened, for people.'),
  type: f(11, str, 'Normal or Warning.'),
  deprecatedSource: f(12, EventSource, 'Who reported it, as core events say it.', { default: {} }),
  deprecatedFirstTimestamp: f(13, time, 'When it was first seen, as core events say it.'),
  deprecatedLastTimestamp: f(14, time, 'When it was last seen, as core events say it.'),
  deprecatedCount: f(15, int32, 'How often it was seen, as core events say it.'),
});
export type EventV1 = TypeOf<typeof EventV1Schema>;

/** Name in events.k8s.io/v1 → name in v1; fields not named here are called the same. */
const { toStored, fromStored } = renamed({
  reportingController: 'reportingComponent',
  regarding: 'involvedObject',
  note: 'message',
  deprecatedSource: 'source',
  deprecatedFirstTimestamp: 'firstTimestamp',
  deprecatedLastTimestamp: 'lastTimestamp',
  deprecatedCount: 'count',
});

/** Who reported it is written in v1 even where nobody is named, but not here. */
function shown(o: KubeObject): KubeObject {
  const event = fromStored(o) as EventV1;
  if (event.reportingController === '') delete event.reportingController;
  if (event.reportingInstance === '') delete event.reportingInstance;
  return event;
}

/** events.k8s.io/v1: the same events as v1 has, under newer names. */
export const EventsV1 = defineKind<EventV1>({
  group: 'events.k8s.io',
  version: 'v1',
  kind: 'Event',
  plural: 'events',
  shortNames: ['ev'],
  createOnUpdate: true,
  schema: EventV1Schema,
  storedAs: { kind: Events as never, toStored: (o) => toStored(o), fromStored: shown as (o: KubeObject) => EventV1 },
  fields: {
    ...Object.fromEntries(EVENT_SUBJECT_FIELDS.map((k) => [`regarding.${k}`, (o: EventV1) => o.regarding?.[k] ?? ''])),
    reason: (o) => o.reason ?? '',
    reportingController: (o) => o.reportingController ?? '',
    type: (o) => o.type ?? '',
  },
  columns: viaStored(Events.columns, (o: EventV1) => toStored(o) as Event),
});
