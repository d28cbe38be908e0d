import { IPAddresses, ServiceCIDRs, Services } from '#api/kinds/index.ts';
import type { Clock } from '#async/clock.ts';
import type { Logger } from '#process/logger.ts';
import type { Storage } from '#storage/storage.ts';
import { StorageError } from '#storage/storage.ts';
import { followCache } from '../cache/follow.ts';
import type { ResourceTable } from '../registry/resource.ts';
import type { DefaultServiceCidr } from './default-cidr.ts';
import { DEFAULT_CIDR, type ServiceRanges } from './ranges.ts';
import type { Reservations } from './reservations.ts';
import { addressesOf, ownerOf } from './used.ts';

/** Where addresses were written down before there were IPAddresses for them. */
const FORMER_PREFIX = '/registry/ranges/serviceips/';
/** Writes at a time. */
const BATCH = 32;
const RETRY_MS = 1000;

export interface AddressKeeperDeps {
  readonly storage: Storage;
  readonly resources: ResourceTable;
  readonly addresses: Reservations;
  readonly ranges: ServiceRanges;
  readonly defaultCidr: DefaultServiceCidr;
  readonly clock: Clock;
  readonly logger: Logger;
}

/**
 * Sees to it that each address of a Service has its IPAddress, whoever deletes it, and whatever server of an older version
 * made the Service. Harmless to run on several servers.
 */
export class AddressKeeper {
  readonly #deps: AddressKeeperDeps;
  readonly #owners = new Map<string, string>();
  readonly #ips = new Map<string, readonly string[]>();
  /** IPAddresses to be made, and whose they are. */
  readonly #missing = new Map<string, string>();
  #running: Promise<void> | undefined;
  #signal: AbortSignal | undefined;

  constructor(deps: AddressKeeperDeps) {
    this.#deps = deps;
  }

  /** Makes what is missing, then follows until the signal aborts. The caches are loaded. */
  async start(signal: AbortSignal): Promise<void> {
    this.#signal = signal;
    const { resources, clock, ranges, defaultCidr } = this.#deps;
    const follow = (kind: typeof Services, follower: Parameters<typeof followCache>[1]): void =>
      followCache(resources.of(kind).cache, follower, { clock, signal });
    follow(Services, {
      changed: (o) => this.#uses(ownerOf(o), addressesOf(o)),
      removed: (key) => this.#uses(key, []),
    });
    follow(IPAddresses as never, {
      changed: () => {},
      removed: (ip) => {
        ranges.freed();
        const owner = this.#owners.get(ip);
        if (owner !== undefined) this.#miss(ip, owner);
      },
    });
    follow(ServiceCIDRs as never, {
      changed: () => {},
      removed: (name) => {
        if (name === DEFAULT_CIDR) void defaultCidr.ensure();
      },
    });
    await this.#running;
    await this.#forgetFormer();
  }

  #uses(owner: string, ips: readonly string[]): void {
    for (const ip of this.#ips.get(owner) ?? []) if (this.#owners.get(ip) === owner) this.#owners.delete(ip);
    if (ips.length === 0) this.#ips.delete(owner);
    else this.#ips.set(owner, ips);
    const { cache } = this.#deps.resources.of(IPAddresses);
    for (const ip of ips) {
      this.#owners.set(ip, owner);
      // It is written before its Service, and the cache has both in the order of their writes.
      if (!cache.get(ip)) this.#miss(ip, owner);
    }
  }

  #miss(ip: string, owner: string): void {
    this.#missing.set(ip, owner);
    this.#running ??= this.#makeMissing();
  }

  async #makeMissing(): Promise<void> {
    // Once for all events of one turn.
    await Promise.resolve();
    while (this.#missing.size > 0) {
      const some = [...this.#missing].slice(0, BATCH);
      for (const [ip] of some) this.#missing.delete(ip);
      const made = await Promise.allSettled(some.map(([ip, owner]) => this.#deps.addresses.restore(ip, owner)));
      const failed = some.filter((_, i) => made[i]?.status === 'rejected');
      if (failed.length === 0) continue;
      const { reason: err } = made.find((r) => r.status === 'rejected') as PromiseRejectedResult;
      this.#deps.logger.warn({ err }, 'IPAddresses were not made');
      if (this.#signal?.aborted) break;
      for (const [ip, owner] of failed) if (this.#owners.get(ip) === owner) this.#missing.set(ip, owner);
      await this.#deps.clock.sleep(RETRY_MS, this.#signal).catch(() => {});
    }
    this.#running = undefined;
  }

  /** What an older version wrote down is known by IPAddresses now. */
  async #forgetFormer(): Promise<void> {
    const { storage } = this.#deps;
    const { items } = await storage.list(FORMER_PREFIX);
    for (let i = 0; i < items.length; i += BATCH) {
      await Promise.all(
        items.slice(i, i + BATCH).map(async ({ key, modRevision }) => {
          try {
            await storage.delete(key, modRevision);
          } catch (e) {
            // Another server was first.
            if (!(e instanceof StorageError) || (e.kind !== 'missing' && e.kind !== 'conflict')) throw e;
          }
        }),
      );
    }
  }
}
