import { StatusError } from '#api/meta/errors.ts';
import type { KubeObject, Stored } from '#api/meta/objectmeta.ts';
import type { Clock } from '#async/clock.ts';
import type { ResourceCache } from './types.ts';

/** What is done with the objects of a cache. Called synchronously, in revision order; must not throw. */
export interface Follower {
  changed(o: Stored<KubeObject>): void;
  /** `key` as the cache has it: "namespace/name" or "name". */
  removed?(key: string): void;
}

/** Until a watch that was ended is begun anew, milliseconds. */
const PAUSE_MS = 1000;

/**
 * Hands over every object of a loaded cache, now and whenever it changes, until the signal aborts. When history was lost
 * in between, everything is handed over again, and what has gone meanwhile is reported as removed.
 */
export function followCache(
  cache: ResourceCache,
  follower: Follower,
  { clock, signal }: { clock: Clock; signal: AbortSignal },
): void {
  let known = new Set<string>();
  let stop: (() => void) | undefined;
  const again = (): void => void clock.after(PAUSE_MS, begin, { unref: true });
  const begin = (): void => {
    if (signal.aborted) return;
    const entries = cache.list('');
    const { revision } = cache;
    const present = new Set(entries.map((e) => e.key));
    for (const key of known) if (!present.has(key)) follower.removed?.(key);
    known = present;
    try {
      for (const e of entries) follower.changed(e.object);
      stop = cache.watch(revision, {
        event({ type, entry }) {
          if (type === 'DELETED') {
            known.delete(entry.key);
            follower.removed?.(entry.key);
          } else {
            known.add(entry.key);
            follower.changed(entry.object);
          }
        },
        end: again,
      });
    } catch (e) {
      // History was lost meanwhile, or an object is broken: then the cache is about to leave it out.
      if (!(e instanceof StatusError)) throw e;
      again();
    }
  };
  signal.addEventListener('abort', () => stop?.(), { once: true });
  begin();
}
