import { errors, type StatusError } from '#api/meta/errors.ts';
import type { Clock } from '#async/clock.ts';
import type { CacheEvent, ResourceCache } from '../cache/types.ts';
import { Chunks, type Flushable, Flusher } from './flusher.ts';
import type { FrameEncoder } from './frames.ts';
import type { Outlet } from './outlet.ts';
import { type Match, visibleEvent } from './visible.ts';

/** A watcher may lag this many bytes behind what it began with; then its connection is closed so that it lists again. */
const MAX_BACKLOG_BYTES = 8 << 20;

export interface WatcherOptions {
  readonly cache: ResourceCache;
  readonly encoder: FrameEncoder;
  /** Storage key prefix of what is watched ("" or "namespace/"). */
  readonly keyPrefix: string;
  readonly match?: Match;
  readonly bookmarks: boolean;
  readonly outlet: Outlet;
  readonly flusher: Flusher;
}

/** One client's watch: cache events in, chunks out, with a bounded backlog. */
export class Watcher implements Flushable {
  readonly #o: WatcherOptions;
  #pending: Buffer[] = [];
  /** Bytes that it began with, the state or what it had missed, until it has caught up with them once. */
  #begun = 0;
  #following = false;
  #stop: (() => void) | undefined;
  #ended = false;
  readonly ended: Promise<void>;
  #resolveEnded: () => void = () => {};

  constructor(options: WatcherOptions) {
    this.#o = options;
    this.ended = new Promise((resolve) => {
      this.#resolveEnded = resolve;
    });
    options.outlet.onGone(() => this.#finish());
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
    this.#following = true;
  }

  #event(e: CacheEvent): void {
    if (this.#o.keyPrefix && !e.entry.key.startsWith(this.#o.keyPrefix)) return;
    const seen = visibleEvent(e, this.#o.match);
    if (seen) this.#push(this.#o.encoder.live(e, seen));
  }

  /** Sends a bookmark if the client asked for them: also a sign of life by which clients notice a dead connection. */
  bookmark(): void {
    if (!this.#o.bookmarks || this.#ended) return;
    const { delivered, revision } = this.#o.cache;
    this.#push(this.#o.encoder.bookmark(delivered ?? revision));
  }

  #push(frame: Buffer): void {
    if (this.#ended) return;
    this.#pending.push(frame);
    if (!this.#following) this.#begun += frame.length;
    if (this.#pending.length === 1) this.#o.flusher.add(this);
  }

  /** Writes what has gathered. */
  flush(chunks: Chunks): void {
    const { outlet } = this.#o;
    if (this.#pending.length === 0) return;
    const pending = this.#pending;
    this.#pending = [];
    if (outlet.gone) return;
    outlet.write(pending, chunks);
    const { backlog } = outlet;
    if (backlog <= MAX_BACKLOG_BYTES) this.#begun = 0;
    else if (backlog > MAX_BACKLOG_BYTES + this.#begun) outlet.cut(errors.timeout('watcher too slow'));
  }

  /** Ends the stream, after an ERROR event when there is one to report. */
  end(error?: StatusError): void {
    if (this.#ended) return;
    if (error) this.#push(this.#o.encoder.error(error.status));
    this.flush(new Chunks());
    this.#finish();
    this.#o.outlet.end();
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
  readonly flusher: Flusher;
  readonly #watchers = new Set<Watcher>();

  constructor(clock: Clock) {
    this.flusher = new Flusher(clock);
  }

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
