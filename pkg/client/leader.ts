import { type Lease, Leases } from '#api/kinds/coordination/lease.ts';
import { isAlreadyExists, isConflict, isNotFound } from '#api/meta/errors.ts';
import type { Stored } from '#api/meta/objectmeta.ts';
import type { Clock } from '#async/clock.ts';
import type { Logger } from '#process/logger.ts';
import type { Client } from './types.ts';

export interface LeadershipOptions {
  readonly client: Client;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly leaseName: string;
  readonly namespace?: string;
  /** Unique per process. */
  readonly identity: string;
  /** Others take over when the lease was not renewed for this long. */
  readonly leaseDurationMs?: number;
  /** The leader gives up when it could not renew for this long; less than the lease duration. */
  readonly renewDeadlineMs?: number;
  readonly retryPeriodMs?: number;
  readonly signal: AbortSignal;
}

/** Says whether this process may still act as leader; a process that was stopped for a while must ask before it writes. */
export interface Fence {
  /** @throws LeadershipLost once the renew deadline has passed on the local clock. */
  assertLeading(): void;
}

export class LeadershipLost extends Error {
  constructor(leaseName: string) {
    super(`lost the lease ${leaseName}`);
    this.name = 'LeadershipLost';
  }
}

const microTime = (ms: number): string => `${new Date(ms).toISOString().slice(0, -1)}000Z`;
/** Immune to changes of the wall clock; keeps counting while the process is stopped. */
const monotonicMs = (): number => performance.now();

/**
 * Waits for the lease, runs `lead` while it is held, and returns when `lead` returns or the outer signal aborts
 * (coordination.k8s.io Lease, as client-go's leader election).
 * @throws LeadershipLost when the lease was lost: the process should exit, so that nothing of the old leader goes on.
 */
export async function runWithLeadership(
  o: LeadershipOptions,
  lead: (signal: AbortSignal, fence: Fence) => Promise<void>,
): Promise<void> {
  const election = new Election(o);
  await election.acquire();
  if (o.signal.aborted) return;
  const abort = new AbortController();
  const stop = (): void => abort.abort(o.signal.reason);
  o.signal.addEventListener('abort', stop, { once: true });
  const renewing = election.keep(abort);
  try {
    await lead(abort.signal, election);
  } catch (e) {
    if (!abort.signal.aborted) throw e;
  } finally {
    abort.abort();
    o.signal.removeEventListener('abort', stop);
    await renewing;
  }
  if (election.lost) throw new LeadershipLost(o.leaseName);
  await election.release();
}

class Election implements Fence {
  readonly #o: LeadershipOptions;
  readonly #leaseMs: number;
  readonly #deadlineMs: number;
  readonly #retryMs: number;
  /** Monotonic time until which we surely lead. */
  #until = 0;
  /** The lease as last seen, and when it was seen to change: other clocks are never compared with ours. */
  #observed: { version: string; at: number } | undefined;
  lost = false;

  constructor(o: LeadershipOptions) {
    this.#o = o;
    this.#leaseMs = o.leaseDurationMs ?? 15_000;
    this.#deadlineMs = o.renewDeadlineMs ?? 10_000;
    this.#retryMs = o.retryPeriodMs ?? 2000;
  }

  get #namespace(): string {
    return this.#o.namespace ?? 'kube-system';
  }

  assertLeading(): void {
    if (monotonicMs() >= this.#until) throw new LeadershipLost(this.#o.leaseName);
  }

  async acquire(): Promise<void> {
    const { clock, signal, logger, leaseName, identity } = this.#o;
    while (!signal.aborted) {
      if (await this.#try()) {
        logger.info({ leaseName, identity }, 'leading');
        return;
      }
      await clock.sleep(this.#retryMs * (1 + Math.random() * 0.2), signal).catch(() => {});
    }
  }

  /** Renews until the signal aborts; aborts it when the deadline passes. */
  async keep(abort: AbortController): Promise<void> {
    const { clock, logger, leaseName } = this.#o;
    while (!abort.signal.aborted) {
      await clock.sleep(this.#retryMs, abort.signal).catch(() => {});
      if (abort.signal.aborted) return;
      if (monotonicMs() < this.#until && (await this.#try())) continue;
      if (monotonicMs() < this.#until) continue;
      this.lost = true;
      logger.error({ leaseName }, 'lost the lease');
      abort.abort(new LeadershipLost(leaseName));
    }
  }

  /** One attempt to take or renew the lease. @returns true when it is ours now. */
  async #try(): Promise<boolean> {
    const { client, leaseName, identity, logger } = this.#o;
    const started = monotonicMs();
    const call = { timeoutMs: Math.min(this.#deadlineMs, 5000) };
    try {
      const lease = await client.get(Leases, leaseName, this.#namespace, call);
      if (!this.#mayTake(lease)) return false;
      await client.update(Leases, this.#claim(lease), call);
    } catch (e) {
      if (!isNotFound(e)) {
        if (!isConflict(e)) logger.warn({ err: e, leaseName }, 'could not renew the lease');
        return false;
      }
      try {
        await client.create(Leases, this.#fresh(), call);
      } catch (err) {
        if (!isAlreadyExists(err)) logger.warn({ err, leaseName, identity }, 'could not create the lease');
        return false;
      }
    }
    // Counted from before the request: the server may have written it at any time since.
    this.#until = started + this.#deadlineMs;
    return true;
  }

  #mayTake(lease: Stored<Lease>): boolean {
    const holder = lease.spec?.holderIdentity;
    if (!holder || holder === this.#o.identity) return true;
    const version = lease.metadata.resourceVersion;
    if (this.#observed?.version !== version) {
      this.#observed = { version, at: monotonicMs() };
      return false;
    }
    const duration = (lease.spec?.leaseDurationSeconds ?? this.#leaseMs / 1000) * 1000;
    return monotonicMs() - this.#observed.at > duration;
  }

  #claim(lease: Stored<Lease>): Lease {
    const mine = lease.spec?.holderIdentity === this.#o.identity;
    const now = microTime(this.#o.clock.now());
    return {
      ...lease,
      spec: {
        ...lease.spec,
        holderIdentity: this.#o.identity,
        leaseDurationSeconds: Math.ceil(this.#leaseMs / 1000),
        acquireTime: mine ? (lease.spec?.acquireTime ?? now) : now,
        renewTime: now,
        leaseTransitions: (lease.spec?.leaseTransitions ?? 0) + (mine ? 0 : 1),
      },
    };
  }

  #fresh(): Lease {
    const now = microTime(this.#o.clock.now());
    return {
      metadata: { name: this.#o.leaseName, namespace: this.#namespace },
      spec: {
        holderIdentity: this.#o.identity,
        leaseDurationSeconds: Math.ceil(this.#leaseMs / 1000),
        acquireTime: now,
        renewTime: now,
        leaseTransitions: 0,
      },
    };
  }

  /** Lets the next one in at once after a clean end. */
  async release(): Promise<void> {
    const { client, leaseName, identity, logger } = this.#o;
    try {
      const lease = await client.get(Leases, leaseName, this.#namespace, { timeoutMs: 2000 });
      if (lease.spec?.holderIdentity !== identity) return;
      await client.update(
        Leases,
        { ...lease, spec: { ...lease.spec, holderIdentity: '', leaseDurationSeconds: 1 } },
        { timeoutMs: 2000 },
      );
    } catch (err) {
      logger.debug({ err, leaseName }, 'the lease was not released; it will expire');
    }
  }
}

/** A client whose writes are refused as soon as the fence falls: a zombie leader can read, but change nothing. */
export function leaderClient(client: Client, fence: Fence): Client {
  const guarded =
    <A extends unknown[], R>(fn: (...args: A) => Promise<R>) =>
    async (...args: A): Promise<R> => {
      fence.assertLeading();
      return fn(...args);
    };
  return {
    get: client.get.bind(client),
    list: client.list.bind(client),
    watch: client.watch.bind(client),
    create: guarded(client.create.bind(client)) as Client['create'],
    update: guarded(client.update.bind(client)) as Client['update'],
    updateStatus: guarded(client.updateStatus.bind(client)) as Client['updateStatus'],
    patch: guarded(client.patch.bind(client)) as Client['patch'],
    delete: guarded(client.delete.bind(client)) as Client['delete'],
    createSubresource: guarded(client.createSubresource.bind(client)) as Client['createSubresource'],
    raw: guarded(client.raw.bind(client)) as Client['raw'],
    close: client.close.bind(client),
  };
}
