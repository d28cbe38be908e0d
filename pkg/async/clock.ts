/** A scheduled callback that can be called off. */
export interface Timer {
  cancel(): void;
}

/** Time as a dependency, so that tests need not wait. Raw timers appear only in this folder. */
export interface Clock {
  /** Epoch milliseconds. */
  now(): number;
  /** Runs `fn` once after `ms` milliseconds. The timer does not keep the process alive when `unref` is set. */
  after(ms: number, fn: () => void, options?: { unref?: boolean }): Timer;
  /** Resolves after `ms`; rejects with the signal's reason when aborted. */
  sleep(ms: number, signal?: AbortSignal): Promise<void>;
}

/** The machine's clock. */
export const systemClock: Clock = {
  now: () => Date.now(),
  after(ms, fn, options) {
    const t = setTimeout(fn, Math.min(ms, 2 ** 31 - 1));
    if (options?.unref) t.unref();
    return { cancel: () => clearTimeout(t) };
  },
  sleep(ms, signal) {
    return new Promise((resolve, reject) => {
      if (signal?.aborted) return reject(signal.reason);
      const onAbort = () => {
        timer.cancel();
        reject(signal?.reason);
      };
      const timer = systemClock.after(ms, () => {
        signal?.removeEventListener('abort', onAbort);
        resolve();
      });
      signal?.addEventListener('abort', onAbort, { once: true });
    });
  },
};
