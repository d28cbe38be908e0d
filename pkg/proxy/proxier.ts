import type { Clock } from '#async/clock.ts';
import { createCoalescingRunner } from '#async/coalesce.ts';
import type { EventRecorder, InformerFactory } from '#client/types.ts';
import type { Exec } from '#process/exec.ts';
import type { Logger } from '#process/logger.ts';
import { type FamilyModes, FamilyProxy } from './family-proxy.ts';
import { HealthCheckPorts } from './health-check-ports.ts';
import { ServiceTracker } from './table/tracker.ts';

export interface ProxierDeps {
  readonly informers: InformerFactory;
  readonly families: readonly FamilyModes[];
  readonly exec: Exec;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly events: EventRecorder;
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
  readonly #families: readonly FamilyProxy[];
  readonly #healthChecks: HealthCheckPorts;
  #lastSync = 0;
  /** Why the last sync failed, if it did. */
  #failure: string | undefined;
  /** When the oldest change came that no sync has seen, and the one that the present sync is to write, epoch ms. */
  #waiting: number | undefined;
  #writing: number | undefined;

  constructor(deps: ProxierDeps) {
    this.#deps = deps;
    this.#tracker = new ServiceTracker(deps.informers, deps.nodeName, () => this.#changed());
    this.#families = deps.families.map((modes) => new FamilyProxy(modes, deps));
    this.#healthChecks = new HealthCheckPorts(
      deps.logger,
      () => this.#lastSync > 0 && this.#failure === undefined,
      ({ namespace, name, uid, port }, problem) => {
        const about = { apiVersion: 'v1', kind: 'Service', metadata: { namespace, name, uid } };
        const message = `node ${deps.nodeName} failed to start healthcheck of the service on port ${port}: ${problem}`;
        deps.events.event(about, 'Warning', 'FailedToStartServiceHealthcheck', message);
      },
    );
  }

  /** Epoch ms of the last successful sync, 0 before the first. */
  get lastSync(): number {
    return this.#lastSync;
  }

  /** What to tell when a change has been waiting for longer than this to be in the kernel, milliseconds. */
  behind(limitMs: number): string | undefined {
    const since = this.#writing ?? this.#waiting;
    const waited = since === undefined ? 0 : this.#deps.clock.now() - since;
    if (waited <= limitMs) return undefined;
    const reason = this.#failure === undefined ? 'the kernel has not taken them yet' : this.#failure;
    return `changes of rules wait for ${Math.round(waited / 1000)} s: ${reason}`;
  }

  /** False once this node is known to be on its way out of the cluster. */
  get nodeEligible(): boolean {
    return this.#tracker.nodeEligible;
  }

  async run(signal: AbortSignal): Promise<void> {
    try {
      await this.#run(signal);
    } finally {
      await this.#healthChecks.close();
    }
  }

  #changed(): void {
    this.#waiting ??= this.#deps.clock.now();
    this.#trigger();
  }

  async #write(): Promise<void> {
    const since = this.#waiting;
    this.#waiting = undefined;
    this.#writing = since;
    try {
      await this.#sync();
    } catch (err) {
      this.#failure = (err as Error).message;
      this.#waiting = since ?? this.#waiting;
      throw err;
    } finally {
      this.#writing = undefined;
    }
  }

  async #sync(): Promise<void> {
    const { clock, logger } = this.#deps;
    const started = performance.now();
    const { families, healthChecks } = this.#tracker.tables();
    // What one family lacks in the kernel must not keep the other from being served.
    const synced = await Promise.allSettled(
      this.#families.map((f) => f.sync(families[f.family], this.#tracker.nodeIp(f.family))),
    );
    const failure = synced.find((s) => s.status === 'rejected');
    if (failure) throw failure.reason;
    this.#lastSync = clock.now();
    this.#failure = undefined;
    await this.#healthChecks.apply(healthChecks);
    const ports = families.IPv4.ports.length + families.IPv6.ports.length;
    logger.debug({ ports, ms: Math.round(performance.now() - started) }, 'synced');
  }

  async #intact(): Promise<boolean> {
    for (const f of this.#families) if (!(await f.intact())) return false;
    return true;
  }

  async #run(signal: AbortSignal): Promise<void> {
    const { clock, logger } = this.#deps;
    await this.#tracker.synced(signal);
    const runner = createCoalescingRunner({
      minIntervalMs: MIN_SYNC_INTERVAL_MS,
      retryMs: RETRY_MS,
      clock,
      signal,
      run: () => this.#write(),
      onError: (err) => logger.error({ err }, 'sync failed, will retry'),
    });
    this.#trigger = () => runner.trigger();
    this.#changed();
    while (!signal.aborted) {
      try {
        await clock.sleep(GUARD_INTERVAL_MS, signal);
        if (!this.#healthChecks.complete) runner.trigger();
        if (!(await this.#intact())) {
          logger.warn('rules were removed by somebody else, restoring them');
          this.#changed();
        }
      } catch (err) {
        if (!signal.aborted) logger.warn({ err }, 'could not check the rules');
      }
    }
  }
}
