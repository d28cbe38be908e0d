import type { Kind } from '#api/kind.ts';
import { apiVersionOf } from '#api/kind.ts';
import type { Status } from '#api/meta/errors.ts';
import type { KubeObject } from '#api/meta/objectmeta.ts';
import { StatusSchema } from '#api/meta/options.ts';
import { encodeProtobuf, encodeProtobufFrame } from '#api/protobuf/encode.ts';
import { MEDIA_TYPE as PROTOBUF_TYPE } from '#api/protobuf/wire.ts';
import type { CacheEntry, CacheEvent } from '../cache/types.ts';
import type { Accepted } from '../negotiate/accept.ts';
import { protobufBody, protobufPartial } from '../negotiate/protobuf.ts';
import { type IncludeObject, partialObject, tableOf } from '../negotiate/table.ts';
import { shownObject, type VisibleEvent } from './visible.ts';

type EventType = VisibleEvent['type'];

const JSON_TYPE = 'application/json';

const HEADS: Record<EventType, Buffer> = {
  ADDED: Buffer.from('{"type":"ADDED","object":'),
  MODIFIED: Buffer.from('{"type":"MODIFIED","object":'),
  DELETED: Buffer.from('{"type":"DELETED","object":'),
};
const TAIL = Buffer.from('}\n');

const plainFrame = (type: EventType, bytes: Buffer): Buffer => Buffer.concat([HEADS[type], bytes, TAIL]);
const jsonFrame = (type: string, object: unknown): Buffer => Buffer.from(`${JSON.stringify({ type, object })}\n`);

const errorFrame = (status: Status): Buffer => jsonFrame('ERROR', status);

/** Encodes events for one watcher. All but tables are made once per event and shared by all watchers. */
export interface FrameEncoder {
  /** Content type of the stream. */
  readonly type: string;
  live(e: CacheEvent, seen: VisibleEvent): Buffer;
  initial(entry: CacheEntry): Buffer;
  bookmark(revision: number, initialEventsEnd?: boolean): Buffer;
  error(status: Status): Buffer;
}

const bookmarkMeta = (revision: number, initialEventsEnd: boolean): Record<string, unknown> => ({
  resourceVersion: String(revision),
  creationTimestamp: null,
  ...(initialEventsEnd ? { annotations: { 'k8s.io/initial-events-end': 'true' } } : {}),
});

function plainEncoder(kind: Kind): FrameEncoder {
  const typeMeta = { kind: kind.kind, apiVersion: apiVersionOf(kind) };
  const { apiVersion } = typeMeta;
  const forms = { ADDED: `${apiVersion} ADDED`, MODIFIED: `${apiVersion} MODIFIED`, DELETED: `${apiVersion} DELETED` };
  return {
    type: JSON_TYPE,
    error: errorFrame,
    live(e, { type, entry, left }) {
      if (!entry) return jsonFrame(type, left);
      const form = forms[type];
      // All watchers but the first get it made: for them nothing is put together, not even the name of the form.
      return e.frames.known(form) ?? e.frames.of(form, () => plainFrame(type, entry.bytes));
    },
    initial: (entry) => plainFrame('ADDED', entry.bytes),
    bookmark: (revision, end = false) => jsonFrame('BOOKMARK', { ...typeMeta, metadata: bookmarkMeta(revision, end) }),
  };
}

function partialEncoder(kind: Kind, accepted: Accepted): FrameEncoder {
  const form = `${apiVersionOf(kind)} partial ${accepted.metaVersion}`;
  const show = (o: KubeObject): unknown => partialObject(o, accepted.metaVersion);
  return {
    type: JSON_TYPE,
    error: errorFrame,
    live(e, seen) {
      const frame = (): Buffer => jsonFrame(seen.type, show(shownObject(seen)));
      return seen.entry ? e.frames.of(`${form} ${seen.type}`, frame) : frame();
    },
    initial: (entry) => jsonFrame('ADDED', show(entry.object)),
    bookmark: (revision, end = false) => jsonFrame('BOOKMARK', show({ metadata: bookmarkMeta(revision, end) })),
  };
}

function tableEncoder(kind: Kind, accepted: Accepted, includeObject: IncludeObject): FrameEncoder {
  let first = true;
  const show = (objects: KubeObject[], listMeta: Record<string, unknown>): unknown => {
    const table = tableOf(kind, objects, {
      metaVersion: accepted.metaVersion,
      includeObject,
      withoutColumns: !first,
      listMeta,
      now: Date.now(),
    });
    first = false;
    return table;
  };
  const one = (o: KubeObject): unknown => show([o], { resourceVersion: o.metadata?.resourceVersion });
  return {
    type: JSON_TYPE,
    error: errorFrame,
    live: (_e, seen) => jsonFrame(seen.type, one(shownObject(seen))),
    initial: (entry) => jsonFrame('ADDED', one(entry.object)),
    bookmark: (revision, end = false) => jsonFrame('BOOKMARK', show([], bookmarkMeta(revision, end))),
  };
}

/** Protobuf frames. */
function protobufEncoder(kind: Kind, accepted: Accepted): FrameEncoder {
  const whole = accepted.view === 'object';
  const form = `${apiVersionOf(kind)} protobuf ${whole ? '' : accepted.metaVersion}`;
  const body = (o: KubeObject): Buffer => (whole ? protobufBody(kind, o) : protobufPartial(o, accepted.metaVersion));
  return {
    type: `${PROTOBUF_TYPE};stream=watch`,
    live(e, seen) {
      const frame = (): Buffer => encodeProtobufFrame(seen.type, body(shownObject(seen)));
      return seen.entry ? e.frames.of(`${form} ${seen.type}`, frame) : frame();
    },
    initial: (entry) => encodeProtobufFrame('ADDED', body(entry.object)),
    bookmark(revision, end = false) {
      const { creationTimestamp: _none, ...metadata } = bookmarkMeta(revision, end);
      return encodeProtobufFrame('BOOKMARK', body({ metadata }));
    },
    error: (status) => encodeProtobufFrame('ERROR', encodeProtobuf(StatusSchema, status)),
  };
}

/** The encoder for what the client asked for. A table encoder sends the columns with its first frame only. */
export function frameEncoder(kind: Kind, accepted: Accepted, includeObject: IncludeObject): FrameEncoder {
  if (accepted.encoding === 'protobuf') return protobufEncoder(kind, accepted);
  if (accepted.view === 'table') return tableEncoder(kind, accepted, includeObject);
  if (accepted.view === 'partial') return partialEncoder(kind, accepted);
  return plainEncoder(kind);
}
