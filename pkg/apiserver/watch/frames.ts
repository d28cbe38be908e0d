import type { Kind } from '#api/kind.ts';
import { apiVersionOf } from '#api/kind.ts';
import type { Status } from '#api/meta/errors.ts';
import type { KubeObject } from '#api/meta/objectmeta.ts';
import type { CacheEntry, CacheEvent } from '../cache/types.ts';
import type { Accepted } from '../negotiate/accept.ts';
import { type IncludeObject, partialObject, tableOf } from '../negotiate/table.ts';
import type { VisibleEvent } from './visible.ts';

type EventType = VisibleEvent['type'];

const HEADS: Record<EventType, Buffer> = {
  ADDED: Buffer.from('{"type":"ADDED","object":'),
  MODIFIED: Buffer.from('{"type":"MODIFIED","object":'),
  DELETED: Buffer.from('{"type":"DELETED","object":'),
};
const TAIL = Buffer.from('}\n');

const plainFrame = (type: EventType, bytes: Buffer): Buffer => Buffer.concat([HEADS[type], bytes, TAIL]);
const jsonFrame = (type: string, object: unknown): Buffer => Buffer.from(`${JSON.stringify({ type, object })}\n`);

export const errorFrame = (status: Status): Buffer => jsonFrame('ERROR', status);

/** Encodes events for one watcher. Plain JSON frames are made once per event and shared by all watchers. */
export interface FrameEncoder {
  live(e: CacheEvent, seen: VisibleEvent): Buffer;
  initial(entry: CacheEntry): Buffer;
  bookmark(revision: number, initialEventsEnd?: boolean): Buffer;
}

const bookmarkMeta = (revision: number, initialEventsEnd: boolean): Record<string, unknown> => ({
  resourceVersion: String(revision),
  creationTimestamp: null,
  ...(initialEventsEnd ? { annotations: { 'k8s.io/initial-events-end': 'true' } } : {}),
});

function plainEncoder(kind: Kind): FrameEncoder {
  const typeMeta = { kind: kind.kind, apiVersion: apiVersionOf(kind) };
  return {
    live(e, seen) {
      if (!seen.entry) return jsonFrame(seen.type, seen.object);
      const cached = e.frames[seen.type];
      if (cached) return cached;
      const frame = plainFrame(seen.type, seen.entry.bytes);
      e.frames[seen.type] = frame;
      return frame;
    },
    initial: (entry) => plainFrame('ADDED', entry.bytes),
    bookmark: (revision, end = false) => jsonFrame('BOOKMARK', { ...typeMeta, metadata: bookmarkMeta(revision, end) }),
  };
}

function partialEncoder(accepted: Accepted): FrameEncoder {
  const show = (o: KubeObject): unknown => partialObject(o, accepted.metaVersion);
  return {
    live: (_e, seen) => jsonFrame(seen.type, show(seen.object)),
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
    live: (_e, seen) => jsonFrame(seen.type, one(seen.object)),
    initial: (entry) => jsonFrame('ADDED', one(entry.object)),
    bookmark: (revision, end = false) => jsonFrame('BOOKMARK', show([], bookmarkMeta(revision, end))),
  };
}

/** The encoder for what the client asked for. A table encoder sends the columns with its first frame only. */
export function frameEncoder(kind: Kind, accepted: Accepted, includeObject: IncludeObject): FrameEncoder {
  if (accepted.view === 'table') return tableEncoder(kind, accepted, includeObject);
  if (accepted.view === 'partial') return partialEncoder(accepted);
  return plainEncoder(kind);
}
