import { type Lease, Leases } from '#api/kinds/coordination/lease.ts';
import { isAlreadyExists, isConflict, isNotFound } from '#api/meta/errors.ts';
import type { Stored } from '#api/meta/objectmeta.ts';
import { apiMicroTime } from '#api/meta/time.ts';
import type { Clock, Timer } from '#async/clock.ts';
import { deadline } from '#async/deadline.ts';
import type { Logger } from '#process/logger.ts';
import type { Client } from './types.ts';

/** Says whether this process may still act as leader; one that was stopped for a while must ask before it writes. */
export interface Fence {
  /** @throws LeadershipLost once the renew deadline has passed on the local clock. */
  assertLeading(): void;
}

export class LeadershipLost extends Error {
  constructor(lease: string) {
    super(`lost the lease ${lease}`);
    this.name = 'LeadershipLost';
  }
}

export interface LeaseHolderOptions {
  readonly client: Client;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly name: string;
  readonly namespace: string;
  readonly identity: string;
  readonly durationMs: number;
  /** Less than `durationMs`: whoever could not renew for this long has stopped when the next one starts. */
  readonly deadlineMs: number;
  readonly retryMs: number;
  readonly monotonicMs: () => number;
}

const MAX_CALL_MS = 5000;
const RELEASE_TIMEOUT_MS = 2000;

/** Takes, renews and gives back one Lease. */
export class LeaseHolder implements Fence {
  readonly #o: LeaseHolderOptions;
  /** Monotonic time until which we surely lead. */
  #until = Number.NEGATIVE_INFINITY;
  /** Our last write of the lease: the next renewal needs no read. */
  #mine: Stored<Lease> | undefined;
  /** Someone else's lease, and how long it holds since it was seen to change: other clocks are never compared with ours. */
  #others: { version: string; until: number } | undefined;
  #deadline: Timer | undefined;

  constructor(o: LeaseHolderOptions) {
    if (o.deadlineMs >= o.durationMs || o.retryMs >= o.deadlineMs) {
      throw new Error('a lease needs: retry period < renew deadline < lease duration');
    }
    this.#o = o;
  }

  assertLeading(): void {
    if (!this.#leads()) throw new LeadershipLost(this.#o.name);
  }

  #leads(): boolean {
    return this.#o.monotonicMs() < this.#until;
  }

  /** Waits until the lease is ours. @returns false when the signal aborted first. */
  async acquire(signal: AbortSignal): Promise<boolean> {
    while (!signal.aborted) {
      if (await this.#attempt(signal)) return true;
      await this.#o.clock.sleep(this.#untilNextTry(), signal).catch(() => {});
    }
    return false;
  }

  /** Milliseconds: not beyond the moment at which the lease of somebody who is silent ends. */
  #untilNextTry(): number {
    const pause = this.#o.retryMs * (1 + Math.random() * 0.2);
    const left = (this.#others?.until ?? 0) - this.#o.monotonicMs();
    return left > 0 ? Math.min(pause, Math.ceil(left)) : pause;
  }

  /**
   * Renews until the signal aborts. Calls `lost` once, at the moment the deadline passes — also while a request hangs —
   * or when another holder is seen.
   */
  async keep(signal: AbortSignal, lost: () => void): Promise<void> {
    const { clock, retryMs, monotonicMs } = this.#o;
    const lose = (): void => {
      this.#until = Number.NEGATIVE_INFINITY;
      lost();
    };
    this.#watchDeadline(lose);
    for (let tried = monotonicMs(); !signal.aborted; ) {
      // Counted from before the request, as the deadline is: an answer that took long leaves no time to wait.
      await clock.sleep(Math.max(0, tried + retryMs - monotonicMs()), signal).catch(() => {});
      if (signal.aborted) break;
      tried = monotonicMs();
      if (!this.#leads()) lose();
      else await this.#attempt(signal);
      // Lost to another holder, who wrote the lease although we had it.
      if (!signal.aborted && !this.#leads()) lose();
    }
    this.#deadline?.cancel();
  }

  #watchDeadline(lose: () => void): void {
    const left = this.#until - this.#o.monotonicMs();
    const over = (): void => (this.#leads() ? this.#watchDeadline(lose) : lose());
    this.#deadline = deadline(this.#o.clock, Math.max(0, left), over);
  }

  /** One attempt to take or renew the lease. @returns true when it is ours now. */
  async #attempt(signal: AbortSignal): Promise<boolean> {
    const { monotonicMs, deadlineMs, name, logger } = this.#o;
    const started = monotonicMs();
    try {
      const mine = await this.#write(signal);
      if (!mine) return false;
      this.#mine = mine;
    } catch (err) {
      if (isConflict(err) || isAlreadyExists(err) || isNotFound(err)) {
        // Mostly it was ourselves, and the answer was lost: little time is left then, so it is read and renewed at once.
        const again = this.#mine !== undefined;
        this.#mine = undefined;
        // Or someone else was faster; the next attempt reads first.
        if (again) return this.#attempt(signal);
      } else if (!signal.aborted) logger.warn({ err, lease: name }, 'the lease could not be written');
      return false;
    }
    // Counted from before the request: the server may have written it at any time since.
    this.#until = started + deadlineMs;
    return true;
  }

  async #write(signal: AbortSignal): Promise<Stored<Lease> | undefined> {
    const { client, name, namespace } = this.#o;
    const call = { timeoutMs: MAX_CALL_MS, signal };
    let lease: Stored<Lease>;
    try {
      lease = this.#mine ?? (await client.get(Leases, name, namespace, call));
    } catch (e) {
      if (!isNotFound(e)) throw e;
      return client.create(Leases, this.#first(), call);
    }
    if (!this.#mayTake(lease)) {
      this.#until = Number.NEGATIVE_INFINITY;
      return undefined;
    }
    return client.update(Leases, this.#claim(lease), call);
  }

  #mayTake(lease: Stored<Lease>): boolean {
    const holder = lease.spec?.holderIdentity;
    if (!holder || holder === this.#o.identity) return true;
    const version = lease.metadata.resourceVersion;
    const now = this.#o.monotonicMs();
    if (this.#others?.version !== version) {
      const duration = (lease.spec?.leaseDurationSeconds ?? this.#o.durationMs / 1000) * 1000;
      this.#others = { version, until: now + duration };
      return false;
    }
    return now >= this.#others.until;
  }

  #claim(lease: Stored<Lease>): Lease {
    const renewal = lease.spec?.holderIdentity === this.#o.identity;
    const fresh = this.#first().spec;
    const spec = {
      ...lease.spec,
      ...fresh,
      leaseTransitions: (lease.spec?.leaseTransitions ?? 0) + (renewal ? 0 : 1),
      ...(renewal && lease.spec?.acquireTime ? { acquireTime: lease.spec.acquireTime } : {}),
    };
    return { ...lease, spec };
  }

  #first(): Lease {
    const now = apiMicroTime(this.#o.clock.now());
    return {
      metadata: { name: this.#o.name, namespace: this.#o.namespace },
      spec: {
        holderIdentity: this.#o.identity,
        leaseDurationSeconds: Math.ceil(this.#o.durationMs / 1000),
        acquireTime: now,
        renewTime: now,
        leaseTransitions: 0,
      },
    };
  }

  /** Lets the next one in at once after a clean end. From here on the fence is down. */
  async release(): Promise<void> {
    const { client, name, namespace, identity, logger } = this.#o;
    this.#until = Number.NEGATIVE_INFINITY;
    const call = { timeoutMs: RELEASE_TIMEOUT_MS };
    try {
      const lease = await client.get(Leases, name, namespace, call);
      if (lease.spec?.holderIdentity !== identity) return;
      await client.update(
        Leases,
        { ...lease, spec: { ...lease.spec, holderIdentity: '', leaseDurationSeconds: 1 } },
        call,
      );
    } catch (err) {
      logger.debug({ err, lease: name }, 'the lease was not released; it will expire');
    }
  }
}
