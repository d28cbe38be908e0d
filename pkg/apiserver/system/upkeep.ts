import type { Clock } from '#async/clock.ts';
import type { Logger } from '#process/logger.ts';
import { runCompactor } from '#storage/compactor.ts';
import type { Storage } from '#storage/storage.ts';
import type { Aggregator } from '../aggregation/aggregator.ts';
import type { Registration } from '../aggregation/registration.ts';
import type { RegistryCache } from '../cache/registry-cache.ts';
import type { CustomResources } from '../crd/controller.ts';
import type { FlowObjects } from '../flow/maintain.ts';
import type { QuotaKeeper } from '../quota/keeper.ts';
import type { AddressKeeper } from '../services/address-keeper.ts';
import type { ServiceAllocator } from '../services/allocator.ts';
import type { DefaultServiceCidr } from '../services/default-cidr.ts';
import type { WatcherSet } from '../watch/watcher.ts';
import type { Bootstrap } from './bootstrap.ts';
import type { ServerIdentity } from './identity.ts';

const REPAIR_INTERVAL_MS = 600_000;
const QUOTA_INTERVAL_MS = 5_000;
const TRUST_INTERVAL_MS = 60_000;
const FLOW_INTERVAL_MS = 60_000;
const IDENTITY_INTERVAL_MS = 10_000;
const COLLECT_INTERVAL_MS = 3_600_000;
/** Until what a webhook kept from being written at the start is tried again. */
const BOOTSTRAP_INTERVAL_MS = 10_000;

export interface UpkeepDeps {
  readonly storage: Storage;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly cache: RegistryCache;
  readonly watchers: WatcherSet;
  /** Between two bookmarks of a watch, milliseconds. */
  readonly bookmarkIntervalMs: number;
  readonly allocator: ServiceAllocator;
  readonly addresses: AddressKeeper;
  readonly defaultCidr: DefaultServiceCidr;
  readonly quotas: QuotaKeeper;
  readonly bootstrap: Bootstrap;
  readonly flowObjects: FlowObjects;
  readonly custom: CustomResources;
  readonly aggregator: Aggregator;
  readonly registration: Registration;
  readonly identity: ServerIdentity;
  /** Writes down whom extension API servers may believe. */
  readonly publishTrust: () => Promise<void>;
}

/** What an API server does besides answering requests: loads its caches, makes the system's objects and keeps them. */
export class Upkeep {
  readonly #d: UpkeepDeps;
  #loaded = false;

  constructor(deps: UpkeepDeps) {
    this.#d = deps;
  }

  /** @throws Error before the caches are loaded */
  readonly loaded = (): void => {
    if (!this.#loaded) throw new Error('the caches are being loaded');
  };

  /** Until the signal aborts. Requests are answered correctly only after it. */
  async start(signal: AbortSignal): Promise<void> {
    const { cache, addresses, defaultCidr, bootstrap, flowObjects, custom, aggregator, registration, logger } = this.#d;
    await cache.start(signal);
    await addresses.start(signal);
    await defaultCidr.ensure();
    const complete = await bootstrap.run();
    flowObjects.start(signal);
    // Both are tried again and again anyway; a webhook that is not there yet must not keep the server from starting.
    const later = (err: unknown): void => logger.warn({ err }, 'will be written later');
    await flowObjects.maintain().catch(later);
    custom.start(signal);
    await this.#d.publishTrust().catch(later);
    await this.#d.identity.renew().catch(later);
    aggregator.start(signal);
    registration.start(signal);
    this.#loaded = true;
    this.#goOn(signal, complete);
  }

  /** @param bootstrapped everything that each cluster has is there */
  #goOn(signal: AbortSignal, bootstrapped: boolean): void {
    const { storage, clock, logger, watchers, allocator, defaultCidr, quotas, bootstrap, flowObjects, identity } =
      this.#d;
    runCompactor({ storage, clock, logger }, signal).catch((err: unknown) => logger.error({ err }, 'compaction ended'));
    let complete = bootstrapped;
    const bootstrapAgain = async (): Promise<void> => {
      if (!complete) complete = await bootstrap.run();
    };
    const works: readonly (readonly [ms: number, work: () => void | Promise<void>])[] = [
      [this.#d.bookmarkIntervalMs, () => watchers.bookmarkAll()],
      [TRUST_INTERVAL_MS, this.#d.publishTrust],
      [IDENTITY_INTERVAL_MS, () => identity.renew()],
      [COLLECT_INTERVAL_MS, () => identity.collect()],
      [BOOTSTRAP_INTERVAL_MS, bootstrapAgain],
      [FLOW_INTERVAL_MS, () => flowObjects.maintain()],
      [QUOTA_INTERVAL_MS, () => quotas.repair()],
      [REPAIR_INTERVAL_MS, () => allocator.repair().then(() => defaultCidr.ensure())],
    ];
    for (const [ms, work] of works) every(clock, ms, signal, work, logger);
  }
}

/** Runs `work` every `ms` until the signal aborts; failures are logged. */
function every(clock: Clock, ms: number, signal: AbortSignal, work: () => void | Promise<void>, logger: Logger): void {
  const again = (): void => {
    if (signal.aborted) return;
    clock.after(
      ms,
      () => {
        Promise.resolve()
          .then(work)
          .catch((err: unknown) => logger.warn({ err }, 'periodic work failed'))
          .finally(again);
      },
      { unref: true },
    );
  };
  again();
}
