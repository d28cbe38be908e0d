import type { Clock } from '#async/clock.ts';
import type { Caller } from './calls.ts';

interface SharedLease {
  readonly id: Promise<bigint>;
  /** Keys written after this time would live shorter than they should, epoch milliseconds. */
  readonly usableUntil: number;
  keys: number;
}

/** Keys share a lease if they are written within this part of their time to live … */
const SHARE_PART = 0.1;
/** … but within no more than this, milliseconds. */
const MAX_SHARE_MS = 60_000;
/** All keys of a lease are deleted in one transaction when it expires: it must stay small. */
const MAX_KEYS = 1000;

/**
 * Leases for keys with a time to live, shared by the keys written within a short while of each other. They are never
 * renewed: etcd removes the lease and its keys when the time is over. A key lives as long as asked for, and up to a
 * tenth (at most a minute) longer.
 */
export class Leases {
  readonly #caller: Caller;
  readonly #clock: Clock;
  readonly #shared = new Map<number, SharedLease>();

  constructor(caller: Caller, clock: Clock) {
    this.#caller = caller;
    this.#clock = clock;
  }

  /** The id of a lease that lasts at least `ttlSeconds` from now. @throws StorageError */
  idFor(ttlSeconds: number): Promise<bigint> {
    const now = this.#clock.now();
    const known = this.#shared.get(ttlSeconds);
    if (known && now < known.usableUntil && known.keys < MAX_KEYS) {
      known.keys++;
      return known.id;
    }
    for (const [ttl, lease] of this.#shared) if (lease.usableUntil <= now) this.#shared.delete(ttl);
    const shareMs = Math.max(1000, Math.min(MAX_SHARE_MS, ttlSeconds * 1000 * SHARE_PART));
    const lease: SharedLease = {
      id: this.#grant(Math.ceil(ttlSeconds + shareMs / 1000)),
      usableUntil: now + shareMs,
      keys: 1,
    };
    lease.id.catch(() => this.#drop(ttlSeconds, lease));
    this.#shared.set(ttlSeconds, lease);
    return lease.id;
  }

  /** The lease for this time to live turned out to be gone. */
  forget(ttlSeconds: number): void {
    this.#shared.delete(ttlSeconds);
  }

  #drop(ttlSeconds: number, lease: SharedLease): void {
    if (this.#shared.get(ttlSeconds) === lease) this.#shared.delete(ttlSeconds);
  }

  /** A grant whose answer is lost leaves a lease without keys behind, which expires like any other. */
  #grant(seconds: number): Promise<bigint> {
    return this.#caller.run((member, deadline) => member.grantLease(seconds, deadline));
  }
}
