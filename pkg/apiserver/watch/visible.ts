import type { KubeObject, Stored } from '#api/meta/objectmeta.ts';
import type { CacheEntry, CacheEvent } from '../cache/types.ts';

/** Decides whether a watcher or a list sees an object. */
export type Match = (o: Stored<KubeObject>) => boolean;

export interface VisibleEvent {
  readonly type: 'ADDED' | 'MODIFIED' | 'DELETED';
  /** The state to show; its own revision is the event's. */
  readonly object: Stored<KubeObject>;
  /** The encoded form of `object`, when the cache holds it. */
  readonly entry?: CacheEntry;
}

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
  if (!match) return { type: e.type, object: e.entry.object, entry: e.entry };
  const now = match(e.entry.object);
  if (e.type === 'DELETED') return now ? { type: 'DELETED', object: e.entry.object, entry: e.entry } : undefined;
  const before = e.previous !== undefined && match(e.previous.object);
  if (now) return { type: before ? 'MODIFIED' : 'ADDED', object: e.entry.object, entry: e.entry };
  return before && e.previous ? { type: 'DELETED', object: restamp(e.previous.object, e.revision) } : undefined;
}
