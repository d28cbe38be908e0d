import type { ServerResponse } from 'node:http';
import { errors, type StatusError } from '#api/meta/errors.ts';
import type { CacheEvent, ResourceCache } from '../cache/types.ts';
import { errorFrame, type FrameEncoder } from './frames.ts';
import { type Match, visibleEvent } from './visible.ts';

/** A watcher may lag this many bytes behind; then its connection is closed so that it lists again. */
const MAX_BACKLOG_BYTES = 8 << 20;

export interface WatcherOptions {
  readonly cache: ResourceCache;
  readonly encoder: FrameEncoder;
  /** Storage key prefix of what is watched ("" or "namespace/"). */
  readonly keyPrefix: string;
  readonly match?: Match;
  readonly bookmarks: boolean;
  readonly response: ServerResponse;
}

/** One client's watch: cache events in, chunks out, with a bounded backlog. */
export class Watcher {
  readonly #o: WatcherOptions;
  #pending: Buffer[] = [];
  #flushQueued = false;
  #stop: (() => void) | undefined;
  #ended = false;
  readonly ended: Promise<void>;
  #resolveEnded: () => void = () => {};

  constructor(options: WatcherOptions) {
    this.#o = options;
    this.ended = new Promise((resolve) => {
      this.#resolveEnded = resolve;
    });
    options.response.once('close', () => this.#finish());
  }

  /** Sends the present state as ADDED events and returns the revision it holds for. */
  sendState(markEnd: boolean): number {
    const { cache, encoder, keyPrefix, match } = this.#o;
    for (const entry of cache.list(keyPrefix)) {
      if (!match || match(entry.object)) this.#push(encoder.initial(entry));
    }
    if (markEnd) this.#push(encoder.bookmark(cache.revision, true));
    return cache.revision;
  }

  /** Follows the cache from `revision`; history that is gone is reported as an ERROR event. */
  follow(revision: number): void {
    if (this.#ended) return;
    try {
      this.#stop = this.#o.cache.watch(revision, {
        event: (e) => this.#event(e),
        end: (error) => this.end(error),
      });
    } catch (e) {
      this.end(e as StatusError);
    }
  }

  #event(e: CacheEvent): void {
    if (this.#o.keyPrefix && !e.entry.key.startsWith(this.#o.keyPrefix)) return;
    const seen = visibleEvent(e, this.#o.match);
    if (seen) this.#push(this.#o.encoder.live(e, seen));
  }

  /** Sends a bookmark if the client asked for them: also a sign of life by which clients notice a dead connection. */
  bookmark(): void {
    if (!this.#o.bookmarks || this.#ended) return;
    this.#push(this.#o.encoder.bookmark(this.#o.cache.revision));
  }

  #push(frame: Buffer): void {
    if (this.#ended) return;
    this.#pending.push(frame);
    if (this.#flushQueued) return;
    this.#flushQueued = true;
    // One write per batch of events from etcd, not one per event.
    queueMicrotask(() => this.#flush());
  }

  #flush(): void {
    this.#flushQueued = false;
    const { response } = this.#o;
    if (this.#pending.length === 0 || response.destroyed) return;
    const chunk = this.#pending.length === 1 ? this.#pending[0] : Buffer.concat(this.#pending);
    this.#pending = [];
    response.write(chunk);
    if (response.writableLength > MAX_BACKLOG_BYTES) response.destroy(errors.timeout('watcher too slow'));
  }

  /** Ends the stream, after an ERROR event when there is one to report. */
  end(error?: StatusError): void {
    if (this.#ended) return;
    if (error) this.#push(errorFrame(error.status));
    this.#flush();
    this.#finish();
    this.#o.response.end();
  }

  #finish(): void {
    if (this.#ended) return;
    this.#ended = true;
    this.#stop?.();
    this.#pending = [];
    this.#resolveEnded();
  }
}

/** All watchers of the process: bookmarks on one shared timer, and an end for all at shutdown. */
export class WatcherSet {
  readonly #watchers = new Set<Watcher>();

  add(w: Watcher): void {
    this.#watchers.add(w);
    void w.ended.then(() => this.#watchers.delete(w));
  }

  bookmarkAll(): void {
    for (const w of this.#watchers) w.bookmark();
  }

  endAll(): void {
    for (const w of [...this.#watchers]) w.end();
  }

  get size(): number {
    return this.#watchers.size;
  }
}
