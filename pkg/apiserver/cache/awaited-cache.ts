import { errors, StatusError } from '#api/meta/errors.ts';
import type { KubeObject, Stored } from '#api/meta/objectmeta.ts';
import type { CacheEntry, CacheEvent, ResourceCache, WatchSink } from './types.ts';
import { ViewCache, ViewEntry } from './view-cache.ts';

/** Another form of objects that takes a call of somebody else to make; the answer is in the same order. */
export type AwaitedConversion = (objects: readonly Stored<KubeObject>[]) => Promise<readonly Stored<KubeObject>[]>;

class AwaitedEntry extends ViewEntry {
  made: Stored<KubeObject> | undefined;

  get object(): Stored<KubeObject> {
    if (!this.made) throw errors.internal(`${this.key} was not converted before it was read`);
    return this.made;
  }
}

/** Events a watcher may have waiting for their conversion. */
const MAX_WAITING = 10_000;

/**
 * A view of a watch cache whose objects somebody else has to convert: readers ask for that with `prepare` before they
 * look at entries; watchers get their events when they are converted, in order. Each object is converted once.
 */
export class AwaitedCache extends ViewCache<AwaitedEntry> {
  readonly #convert: AwaitedConversion;
  /** What each watcher waits for. */
  readonly #waiting = new Set<CacheEvent[]>();

  constructor(stored: ResourceCache, convert: AwaitedConversion) {
    super(stored);
    this.#convert = convert;
  }

  protected make(stored: CacheEntry): AwaitedEntry {
    return new AwaitedEntry(stored);
  }

  prepare(entries: readonly CacheEntry[]): Promise<void> | undefined {
    const missing = (entries as readonly AwaitedEntry[]).filter((e) => !e.made);
    return missing.length === 0 ? undefined : this.#make(missing);
  }

  async #make(entries: readonly AwaitedEntry[]): Promise<void> {
    const made = await this.#convert(entries.map((e) => e.stored.object));
    for (const [i, e] of entries.entries()) e.made ??= made[i];
  }

  get delivered(): number {
    let least = this.stored.revision;
    for (const [first] of this.#waiting) if (first) least = Math.min(least, first.revision - 1);
    return least;
  }

  watch(from: number, sink: WatchSink): () => void {
    const waiting: CacheEvent[] = [];
    this.#waiting.add(waiting);
    let busy = false;
    let over = false;
    let stop: (() => void) | undefined;
    const finish = (error?: StatusError): void => {
      if (over) return;
      over = true;
      this.#waiting.delete(waiting);
      stop?.();
      sink.end(error);
    };
    const pump = async (): Promise<void> => {
      while (waiting.length > 0 && !over) {
        const batch = [...waiting];
        const concerned = batch.flatMap((e) => [e.entry, ...(e.previous ? [e.previous] : [])]);
        await this.prepare([...new Set(concerned)]);
        for (const e of batch) {
          if (over) return;
          waiting.shift();
          sink.event(e);
        }
      }
    };
    const start = (): void => {
      if (busy || waiting.length === 0 || over) return;
      busy = true;
      pump()
        .catch((err: unknown) => finish(err instanceof StatusError ? err : errors.internal(String(err))))
        .finally(() => {
          busy = false;
          // One may have come between the last look and now.
          start();
        });
    };
    const event = (e: CacheEvent): void => {
      if (waiting.length >= MAX_WAITING) {
        finish(errors.expired('the conversion of changes cannot keep up'));
        return;
      }
      waiting.push(this.event(e));
      start();
    };
    try {
      stop = this.stored.watch(from, { event, end: finish });
    } catch (e) {
      this.#waiting.delete(waiting);
      throw e;
    }
    return () => {
      over = true;
      this.#waiting.delete(waiting);
      stop?.();
    };
  }
}
