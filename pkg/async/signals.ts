import type { Clock } from './clock.ts';
import { deadline } from './deadline.ts';

/** A derived signal. Call `dispose` when it is no longer needed: it frees the timer and the listeners on the parents. */
export interface DerivedSignal {
  readonly signal: AbortSignal;
  dispose(): void;
}

/** Thrown as the reason of a signal whose time is over. */
export class TimeoutError extends Error {
  constructor(ms: number) {
    super(`timed out after ${ms} ms`);
    this.name = 'TimeoutError';
  }
}

/**
 * Aborts with the first of `parents` that does. Unlike AbortSignal.any it keeps nothing on a long-lived parent after
 * `dispose`.
 */
export function anySignal(parents: readonly (AbortSignal | undefined)[]): DerivedSignal {
  const controller = new AbortController();
  const undo: (() => void)[] = [];
  for (const parent of parents) {
    if (!parent) continue;
    if (parent.aborted) {
      controller.abort(parent.reason);
      break;
    }
    const onAbort = (): void => controller.abort(parent.reason);
    parent.addEventListener('abort', onAbort, { once: true });
    undo.push(() => parent.removeEventListener('abort', onAbort));
  }
  return { signal: controller.signal, dispose: () => undo.forEach((f) => void f()) };
}

/** A signal that aborts after `ms` (TimeoutError) or with `parent`. Its timer does not keep the process alive. */
export function timeoutSignal(clock: Clock, ms: number, parent?: AbortSignal): DerivedSignal {
  const controller = new AbortController();
  const timer = deadline(clock, ms, () => controller.abort(new TimeoutError(ms)), { unref: true });
  const onAbort = (): void => controller.abort(parent?.reason);
  if (parent?.aborted) onAbort();
  else parent?.addEventListener('abort', onAbort, { once: true });
  return {
    signal: controller.signal,
    dispose() {
      timer.cancel();
      parent?.removeEventListener('abort', onAbort);
    },
  };
}

/**
 * The promise, or a rejection as soon as the signal aborts. Leaves no listener behind, and a late failure of a promise
 * nobody waits for any more is not an unhandled one.
 */
export function abortable<T>(promise: Promise<T>, signal: AbortSignal | undefined): Promise<T> {
  if (!signal) return promise;
  return new Promise((resolve, reject) => {
    const onAbort = (): void => reject(signal.reason);
    const settle = (then: () => void): void => {
      signal.removeEventListener('abort', onAbort);
      then();
    };
    promise.then(
      (value) => settle(() => resolve(value)),
      (e: unknown) => settle(() => reject(e)),
    );
    if (signal.aborted) onAbort();
    else signal.addEventListener('abort', onAbort, { once: true });
  });
}

/** Resolves when the signal aborts. */
export const aborted = (signal: AbortSignal): Promise<void> =>
  signal.aborted
    ? Promise.resolve()
    : new Promise((resolve) => signal.addEventListener('abort', () => resolve(), { once: true }));
