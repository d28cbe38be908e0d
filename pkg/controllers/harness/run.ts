import { isConflict } from '#api/meta/errors.ts';
import type { Clock } from '#async/clock.ts';
import type { WorkQueue } from '#async/queue.ts';
import type { InformerFactory } from '#client/types.ts';
import type { Logger } from '#process/logger.ts';
import type { Controller } from './controller.ts';
import type { ControllerMetrics } from './metrics.ts';

export interface RunOptions {
  readonly informers: InformerFactory;
  readonly queue: (controller: string) => WorkQueue;
  readonly metrics: (controller: string) => ControllerMetrics;
  readonly clock: Clock;
  readonly log: Logger;
  /** Concurrent reconciles of each controller that sets no bound of its own. */
  readonly workers: number;
}

/**
 * Runs the controllers until `signal` aborts, then lets the reconciles in flight end. Each controller starts as soon as
 * the caches it watches have synced. Rejects if a loop fails for a reason of its own: the process must then end.
 */
export async function runControllers(
  controllers: readonly Controller[],
  options: RunOptions,
  signal: AbortSignal,
): Promise<void> {
  // All watches are attached before the informers start, because indexes can only be added until then.
  const loops = controllers.map((c) => prepare(c, options));
  options.informers.start();
  await Promise.all(loops.map((run) => run(signal)));
}

function prepare(controller: Controller, options: RunOptions): (signal: AbortSignal) => Promise<void> {
  const queue = options.queue(controller.name);
  const enqueue = (key: string, delayMs = 0): void => {
    if (delayMs > 0) queue.addAfter(key, delayMs);
    else queue.add(key);
  };
  const informers = controller.watches.map((w) => w.attach(options.informers, enqueue));
  return async (signal) => {
    try {
      await Promise.all(informers.map((i) => i.synced(signal)));
    } catch (e) {
      if (signal.aborted) return;
      throw e;
    }
    controller.start?.(enqueue);
    options.log.debug({ controller: controller.name }, 'controller started');
    const stop = (): void => queue.shutdown();
    signal.addEventListener('abort', stop, { once: true });
    if (signal.aborted) stop();
    const metrics = options.metrics(controller.name);
    metrics.depth(() => queue.length);
    const context = { controller, queue, metrics, options, signal };
    const workers = Math.max(1, Math.min(controller.workers ?? options.workers, options.workers));
    await Promise.all(Array.from({ length: workers }, () => work(context)));
  };
}

interface WorkerContext {
  readonly controller: Controller;
  readonly queue: WorkQueue;
  readonly metrics: ControllerMetrics;
  readonly options: RunOptions;
  readonly signal: AbortSignal;
}

async function work(c: WorkerContext): Promise<void> {
  for (let key = await c.queue.get(); key !== null; key = await c.queue.get()) {
    // After the abort the queue still hands out what it held; that work is the next leader's.
    if (!c.signal.aborted) await reconcileOnce(c, key);
    c.queue.done(key);
  }
}

/** One call of reconcile and the whole retry policy: error → back-off, outcome → timer, success → forget. */
async function reconcileOnce(c: WorkerContext, key: string): Promise<void> {
  const started = c.options.clock.now();
  try {
    const outcome = await c.controller.reconcile(key, c.signal);
    c.metrics.succeeded((c.options.clock.now() - started) / 1000);
    c.queue.forget(key);
    if (outcome) c.queue.addAfter(key, outcome.afterMs);
  } catch (err) {
    if (c.signal.aborted) return;
    c.metrics.failed((c.options.clock.now() - started) / 1000);
    c.queue.addRateLimited(key);
    const fields = { controller: c.controller.name, key, err, retries: c.queue.retries(key) };
    // A conflict only says that the cache was behind; the next try reads the newer state.
    if (isConflict(err)) c.options.log.debug(fields, 'reconcile met a conflict');
    else c.options.log.warn(fields, 'reconcile failed');
  }
}
