import type { Clock } from '#async/clock.ts';
import { createCoalescingRunner } from '#async/coalesce.ts';
import type { InformerFactory } from '#client/types.ts';
import type { Logger } from '#process/logger.ts';
import { ServiceTracker } from './table/tracker.ts';
import type { ProxyBackend } from './table/types.ts';

export interface ProxierDeps {
  readonly informers: InformerFactory;
  readonly backend: ProxyBackend;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly nodeName: string;
}

/** Changes are gathered for this long before one sync, milliseconds: short, since a vanished endpoint costs requests. */
const MIN_SYNC_INTERVAL_MS = 20;
const RETRY_MS = 1000;
/** How often the kernel is asked whether somebody flushed our rules, milliseconds. */
const GUARD_INTERVAL_MS = 4000;

/** Service table in, kernel rules out; restores them after a flush. */
export class Proxier {
  readonly #deps: ProxierDeps;
  readonly #tracker: ServiceTracker;
  #trigger: () => void = () => {};
  #lastSync = 0;

  constructor(deps: ProxierDeps) {
    this.#deps = deps;
    this.#tracker = new ServiceTracker(deps.informers, deps.nodeName, () => this.#trigger());
  }

  /** Epoch ms of the last successful sync, 0 before the first. */
  get lastSync(): number {
    return this.#lastSync;
  }

  async run(signal: AbortSignal): Promise<void> {
    const { clock, logger, backend } = this.#deps;
    await this.#tracker.synced(signal);
    const runner = createCoalescingRunner({
      minIntervalMs: MIN_SYNC_INTERVAL_MS,
      retryMs: RETRY_MS,
      clock,
      signal,
      run: async () => {
        const started = performance.now();
        const table = this.#tracker.table();
        await backend.apply(table);
        this.#lastSync = clock.now();
        logger.debug({ ports: table.ports.length, ms: Math.round(performance.now() - started) }, 'synced');
      },
      onError: (err) => logger.error({ err }, 'sync failed, will retry'),
    });
    this.#trigger = () => runner.trigger();
    runner.trigger();
    while (!signal.aborted) {
      try {
        await clock.sleep(GUARD_INTERVAL_MS, signal);
        if (!(await backend.intact())) {
          logger.warn('rules were removed by somebody else, restoring them');
          runner.trigger();
        }
      } catch (err) {
        if (!signal.aborted) logger.warn({ err }, 'could not check the rules');
      }
    }
  }
}
