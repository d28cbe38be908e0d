import { StorageError, type StorageEvent, type Watch, type WatchOptions } from '../storage.ts';

/** What a watch needs of the store. */
export interface EventSource {
  /** Events up to this revision are gone. */
  compacted(): number;
  revision(): number;
  /** Remembered events of the watched prefix after a revision. */
  after(revision: number): StorageEvent[];
}

/** Hands remembered and new events on, in a later turn than the write, as a network would. */
export class MemoryWatch implements Watch {
  readonly done: Promise<void>;
  readonly #source: EventSource;
  readonly #options: WatchOptions;
  readonly #settle: { resolve: () => void; reject: (e: unknown) => void };
  #delivered: number;
  #queued = false;
  #over = false;

  constructor(source: EventSource, fromRevision: number, options: WatchOptions) {
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    this.done = promise;
    this.#settle = { resolve, reject };
    this.#source = source;
    this.#options = options;
    this.#delivered = fromRevision - 1;
    const end = (): void => {
      this.#over = true;
      resolve();
    };
    if (options.signal.aborted) end();
    else options.signal.addEventListener('abort', end, { once: true });
    this.wake();
  }

  /** The store changed. */
  wake(): void {
    if (this.#queued) return;
    this.#queued = true;
    queueMicrotask(() => this.#deliver());
  }

  #deliver(): void {
    this.#queued = false;
    if (this.#over) return;
    const compactRevision = this.#source.compacted();
    if (this.#delivered < compactRevision) {
      this.#over = true;
      this.#settle.reject(new StorageError('compacted', 'the history to be watched is compacted', { compactRevision }));
      return;
    }
    const events = this.#source.after(this.#delivered);
    this.#delivered = Math.max(this.#delivered, this.#source.revision());
    if (events.length > 0) this.#options.onEvents(events);
  }

  /** There is no connection to drop. */
  reconnect(): void {}
}
