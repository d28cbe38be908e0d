import { defineKind, topLevel } from '../../kind.ts';
import { type FieldError, invalid, required } from '../../meta/fielderrors.ts';
import { qualifiedName } from '../../meta/names.ts';
import { f, int32, microTime, objectsIn, req, str, type TypeOf, time } from '../../schema/schema.ts';
import { invalidFor } from '../check/check.ts';
import { column, nameColumn, wide } from '../print/columns.ts';
import { ageSince } from '../print/duration.ts';
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
  source: f(5, EventSource, 'Who reported it.', { default: {} }),
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

const LIMITS = { reportingInstance: 128, action: 128, reason: 128, message: 1024 } as const;

/** Events of the newer form carry eventTime; these must say who reports, what was done and why. */
function validateNewForm(o: Event): FieldError[] {
  const found: FieldError[] = [];
  if (!o.reportingComponent) found.push(required('reportingController'));
  else found.push(...invalidFor('reportingController', o.reportingComponent, qualifiedName(o.reportingComponent)));
  for (const k of ['reportingInstance', 'action', 'reason'] as const) if (!o[k]) found.push(required(k));
  for (const [k, max] of Object.entries(LIMITS)) {
    if ((o[k as keyof typeof LIMITS] ?? '').length > max) {
      found.push(invalid(k, '', `can have at most ${max} characters`));
    }
  }
  return found;
}

function validateEvent(o: Event): FieldError[] {
  const namespace = o.metadata?.namespace ?? '';
  const about = o.involvedObject?.namespace ?? '';
  const found: FieldError[] = [];
  // Events about cluster-scoped objects lie in the default namespace.
  if (about === '' ? namespace !== '' && namespace !== 'default' : namespace !== about) {
    found.push(invalid('involvedObject.namespace', about, 'does not match event.namespace'));
  }
  return o.eventTime ? [...found, ...validateNewForm(o)] : found;
}

const lastSeen = (o: Event): string | undefined =>
  o.series?.lastObservedTime ?? o.lastTimestamp ?? o.firstTimestamp ?? o.eventTime;

function objectText(o: Event): string {
  const { kind = '', name } = o.involvedObject ?? {};
  return name ? `${kind.toLowerCase()}/${name}` : kind.toLowerCase();
}

function sourceText(o: Event): string {
  const component = o.source?.component || o.reportingComponent || '';
  const instance = o.source?.component ? o.source.host : o.reportingInstance || o.source?.host;
  return instance ? `${component}, ${instance}` : component;
}

/** Fields of the object an event is about by which events can be selected. */
export const EVENT_SUBJECT_FIELDS = [
  'kind',
  'namespace',
  'name',
  'uid',
  'apiVersion',
  'resourceVersion',
  'fieldPath',
] as const;

export const Events = defineKind<Event>({
  group: '',
  version: 'v1',
  kind: 'Event',
  plural: 'events',
  // Kubernetes looks no closer at its name.
  nameRule: 'pathSegment',
  shortNames: ['ev'],
  ttlSeconds: 3600,
  createOnUpdate: true,
  schema: EventSchema,
  validate: validateEvent,
  fields: {
    ...Object.fromEntries(
      EVENT_SUBJECT_FIELDS.map((k) => [`involvedObject.${k}`, (o: Event) => o.involvedObject?.[k] ?? '']),
    ),
    reason: (o) => o.reason ?? '',
    reportingComponent: (o) => o.reportingComponent ?? '',
    source: (o) => o.source?.component || o.reportingComponent || '',
    type: (o) => o.type ?? '',
  },
  columns: [
    column('Last Seen', 'Time since it was last seen.', (o, now) => ageSince(lastSeen(o), now)),
    column('Type', 'Normal or Warning.', (o) => o.type ?? ''),
    column('Reason', 'Short reason.', (o) => o.reason ?? ''),
    column('Object', 'The object it is about.', objectText),
    wide(column('Subobject', 'Part of the object it is about.', (o) => o.involvedObject?.fieldPath ?? '')),
    wide(column('Source', 'Who reported it.', sourceText)),
    column('Message', 'What happened.', (o) => (o.message ?? '').trim()),
    wide(
      column('First Seen', 'Time since it was first seen.', (o, now) => ageSince(o.firstTimestamp ?? o.eventTime, now)),
    ),
    wide(column('Count', 'How often it was seen.', (o) => o.series?.count ?? (o.count || 1))),
    wide({ ...nameColumn, description: 'Name of the event.' }),
  ],
});
