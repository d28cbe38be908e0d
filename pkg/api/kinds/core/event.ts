import { defineKind, topLevel } from '../../kind.ts';
import { f, int32, microTime, objectsIn, req, str, type TypeOf, time } from '../../schema/schema.ts';
import { ObjectReference } from './references.ts';

const PKG = 'io.k8s.api.core.v1';
const obj = objectsIn(PKG);

export const EventSource = obj('EventSource', 'Who reported an event.', {
  component: f(1, str, 'Component that reported it.'),
  host: f(2, str, 'Node it was reported from.'),
});
export type EventSource = TypeOf<typeof EventSource>;

export const EventSeries = obj('EventSeries', 'A row of equal events.', {
  count: f(1, int32, 'How many so far.'),
  lastObservedTime: f(2, microTime, 'When the last one was seen.'),
});
export type EventSeries = TypeOf<typeof EventSeries>;

export const EventSchema = topLevel(PKG, 'Event', 'Something that happened to an object; kept for an hour.', {
  involvedObject: req(2, ObjectReference, 'The object it is about.'),
  reason: f(3, str, 'Short reason, in CamelCase.'),
  message: f(4, str, 'What happened, for people.'),
  source: f(5, EventSource, 'Who reported it.'),
  firstTimestamp: f(6, time, 'When it was first seen.'),
  lastTimestamp: f(7, time, 'When it was last seen.'),
  count: f(8, int32, 'How often it was seen.'),
  type: f(9, str, 'Normal or Warning.'),
  eventTime: f(10, microTime, 'When it was first observed.'),
  series: f(11, EventSeries, 'Set for a row of equal events.'),
  action: f(12, str, 'What was done or failed.'),
  related: f(13, ObjectReference, 'A second object involved.'),
  reportingComponent: req(14, str, 'Controller that reported it.', { default: '' }),
  reportingInstance: req(15, str, 'Instance of that controller.', { default: '' }),
});
export type Event = TypeOf<typeof EventSchema>;

export const Events = defineKind<Event>({
  group: '',
  version: 'v1',
  kind: 'Event',
  plural: 'events',
  shortNames: ['ev'],
  ttlSeconds: 3600,
  schema: EventSchema,
});
