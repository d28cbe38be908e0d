export interface Semaphore {
  /** Runs `fn` when one of the places is free, in the order of the calls. */
  run<T>(fn: () => Promise<T>, signal?: AbortSignal): Promise<T>;
  readonly waiting: number;
}

/** At most `places` calls at a time. */
export function createSemaphore(places: number): Semaphore {
  let free = places;
  const queue = new Set<() => void>();

  const acquire = (signal?: AbortSignal): Promise<void> => {
    if (signal?.aborted) return Promise.reject(signal.reason);
    if (free > 0) {
      free--;
      return Promise.resolve();
    }
    return new Promise((resolve, reject) => {
      const give = (): void => {
        signal?.removeEventListener('abort', leave);
        resolve();
      };
      const leave = (): void => {
        queue.delete(give);
        reject(signal?.reason);
      };
      queue.add(give);
      signal?.addEventListener('abort', leave, { once: true });
    });
  };

  const release = (): void => {
    const [next] = queue;
    if (!next) {
      free++;
      return;
    }
    queue.delete(next);
    next();
  };

  return {
    async run(fn, signal) {
      await acquire(signal);
      try {
        return await fn();
      } finally {
        release();
      }
    },
    get waiting() {
      return queue.size;
    },
  };
}
