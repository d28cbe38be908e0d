/** Runs the newest value of each key, one at a time per key; values that were overtaken are never run. */
export interface LatestWorker<T> {
  /** Hands over a new value. While one is being worked on, only the newest further one is kept. */
  update(key: string, value: T): void;
  /** Calls the running operation of `key` off and forgets a waiting value. */
  cancel(key: string): void;
  has(key: string): boolean;
  /** Settles when what was handed over for `key` has been worked on, or called off. */
  settled(key: string): Promise<void>;
  /** Settles when nothing runs any more; no further values are accepted. Waiting values are still run, unless cancelled. */
  drain(): Promise<void>;
}

export interface LatestWorkerOptions<T> {
  /** The signal aborts on `cancel`. */
  run(key: string, value: T, signal: AbortSignal): Promise<void>;
  /** A run that throws is reported here; the next value runs all the same. */
  onError?(key: string, error: unknown): void;
}

interface Lane<T> {
  readonly abort: AbortController;
  next: { value: T } | undefined;
  running: Promise<void>;
}

/** See LatestWorker. A value that arrives does not interrupt the running one; `cancel` does. */
export function createLatestWorker<T>(options: LatestWorkerOptions<T>): LatestWorker<T> {
  const lanes = new Map<string, Lane<T>>();
  let closed = false;

  const work = async (key: string, lane: Lane<T>): Promise<void> => {
    while (lane.next && !lane.abort.signal.aborted) {
      const { value } = lane.next;
      lane.next = undefined;
      try {
        await options.run(key, value, lane.abort.signal);
      } catch (e) {
        // What a cancelled run throws is the echo of the cancellation.
        if (!lane.abort.signal.aborted) options.onError?.(key, e);
      }
    }
    if (lanes.get(key) === lane) lanes.delete(key);
  };

  return {
    update(key, value) {
      if (closed) return;
      const busy = lanes.get(key);
      if (busy && !busy.abort.signal.aborted) {
        busy.next = { value };
        return;
      }
      const before = busy?.running ?? Promise.resolve();
      const lane: Lane<T> = { abort: new AbortController(), next: { value }, running: Promise.resolve() };
      lanes.set(key, lane);
      lane.running = before.then(() => work(key, lane));
    },
    cancel(key) {
      const lane = lanes.get(key);
      if (!lane) return;
      lane.next = undefined;
      lane.abort.abort();
    },
    has: (key) => lanes.has(key),
    settled: (key) => lanes.get(key)?.running ?? Promise.resolve(),
    async drain() {
      closed = true;
      await Promise.all([...lanes.values()].map((l) => l.running));
    },
  };
}
