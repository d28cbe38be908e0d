import type { KubeObject, Stored } from '#api/meta/objectmeta.ts';
import type { CacheEntry, CacheEvent } from '../cache/types.ts';

/** Decides whether a watcher or a list sees an object. */
export type Match = (o: Stored<KubeObject>) => boolean;

/** The state to show; its own revision is the event's. */
export interface VisibleEvent {
  readonly type: 'ADDED' | 'MODIFIED' | 'DELETED';
  /** Unset when the object has left the watcher's selection. */
  readonly entry?: CacheEntry;
  /** Its last state within the selection. */
  readonly left?: Stored<KubeObject>;
}

export const shownObject = ({ entry, left }: VisibleEvent): Stored<KubeObject> =>
  entry ? entry.object : (left as Stored<KubeObject>);

const restamp = (o: Stored<KubeObject>, revision: number): Stored<KubeObject> => ({
  ...o,
  metadata: { ...o.metadata, resourceVersion: String(revision) },
});

/**
 * An event as a watcher with a selector sees it: an object that begins to match is ADDED, one that ceases to match is
 * DELETED with its last matching state (API concepts, "Efficient detection of changes").
 * @returns undefined when the watcher does not see the event.
 */
export function visibleEvent(e: CacheEvent, match: Match | undefined): VisibleEvent | undefined {
  if (!match) return e;
  const now = match(e.entry.object);
  if (e.type === 'DELETED') return now ? { type: 'DELETED', entry: e.entry } : undefined;
  const before = e.previous !== undefined && match(e.previous.object);
  if (now) return { type: before ? 'MODIFIED' : 'ADDED', entry: e.entry };
  return before && e.previous ? { type: 'DELETED', left: restamp(e.previous.object, e.revision) } : undefined;
}
