import type { Clock, Timer } from './clock.ts';

/**
 * A timer after which somebody gives up waiting for others: it runs once what has already arrived was read. Of a process that
 * was held up the timers are due before it has read anything, and an answer that is there shall win.
 */
export function deadline(
  clock: Pick<Clock, 'after'>,
  ms: number,
  fn: () => void,
  options?: { unref?: boolean },
): Timer {
  let reading: NodeJS.Immediate | undefined;
  const timer = clock.after(
    ms,
    () => {
      // Node reads before it runs these.
      reading = setImmediate(fn);
    },
    options,
  );
  return {
    cancel() {
      timer.cancel();
      clearImmediate(reading);
    },
  };
}
