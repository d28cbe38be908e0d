import type { IpFamily } from '#api/meta/ip.ts';
import { type Clock, systemClock } from '#async/clock.ts';
import type { Exec } from '#process/exec.ts';
import type { Logger } from '#process/logger.ts';
import { ended, endStaleFlows, endsOf, frontsOf } from './flows.ts';
import type { ServicePort } from './table/types.ts';

type Services = ReadonlyMap<string, ServicePort>;

/** A kind of flows, and which change of a service may leave some that lead nowhere. */
export interface FlowKind {
  readonly protocol: ServicePort['protocol'];
  /** Arguments of `conntrack` that choose them. */
  readonly chosenBy: readonly string[];
  /** @param old undefined: the service came @param now undefined: it went */
  readonly leavesStale: (old: ServicePort | undefined, now: ServicePort | undefined) => boolean;
  /** How old a flow is by then that was begun before the change, and is still of the kind, milliseconds. */
  readonly ageMs: number;
}

/**
 * UDP has no connection that ends: the kernel goes on sending a client's packets where the first one went (lessons.md). That
 * may be nowhere, if it came before the service or its first endpoint.
 */
export const UDP: FlowKind = { protocol: 'udp', chosenBy: ['-p', 'udp'], leavesStale: () => true, ageMs: 0 };

/**
 * A connection that was asked for and not answered is remembered by the kernel for two minutes, and whatever the client sends
 * from the same port keeps it: further tries, and also another connection that happens to get that port. All of it goes where
 * the first packet went, which may be an endpoint that went without a word (its node was lost), or nowhere, if it came before
 * the address led to the first endpoint. Connections that stand are left alone, and so are those that are just being made: to an
 * endpoint that is still there for its last second, say. Were one forgotten between its first packet and the next, that would be
 * sent to another endpoint, which refuses it. Who was not answered tries again after a second: it is early enough before that.
 */
export const TCP_ATTEMPTS: FlowKind = {
  protocol: 'tcp',
  chosenBy: ['-p', 'tcp', '--state', 'SYN_SENT'],
  leavesStale: (old, now) => {
    const lost = (of: typeof endsOf, from: ServicePort | undefined, to: ServicePort | undefined): boolean => {
      const kept = to ? of(to) : new Set<string>();
      return from !== undefined && [...of(from)].some((e) => !kept.has(e));
    };
    return lost(endsOf, old, now) || lost(frontsOf, now, old);
  },
  ageMs: 250,
};

/** A service port with the endpoints it had and those it has. */
function ofEither(old: ServicePort | undefined, now: ServicePort): ServicePort {
  if (!old || old === now) return now;
  const all = (key: 'cluster' | 'internal' | 'external') => [...old[key], ...now[key]];
  return { ...now, cluster: all('cluster'), internal: all('internal'), external: all('external') };
}

export interface StaleFlowsOptions {
  readonly exec: Exec;
  readonly logger: Logger;
  readonly family: IpFamily;
  /** Default: the system's. */
  readonly clock?: Clock;
}

/**
 * Makes the kernel forget the flows of one kind that lead to no endpoint any more: what comes next is sent elsewhere. The
 * kernel is asked once for all changes that came since, and again only if it could not be asked or did not do all it was told.
 */
export class StaleFlows {
  readonly #exec: Exec;
  readonly #logger: Logger;
  readonly #clock: Clock;
  readonly #kind: FlowKind;
  readonly #chosenBy: readonly string[];
  #first = true;
  #wanted: Services = new Map();
  /** As of the last look that succeeded: what is no longer wanted of it may have left flows. */
  #settled: Services = new Map();
  #due = false;
  #looking: Promise<void> | undefined;
  #failing = false;

  constructor(kind: FlowKind, o: StaleFlowsOptions) {
    this.#kind = kind;
    this.#chosenBy = ['-f', o.family.toLowerCase(), ...kind.chosenBy];
    this.#exec = o.exec;
    this.#logger = o.logger;
    this.#clock = o.clock ?? systemClock;
  }

  /** Called after every sync; looks at the kernel's flows at first, and if a service changed so that some may be stale. */
  reconcile(table: readonly ServicePort[]): Promise<void> {
    const { protocol } = this.#kind;
    const wanted = new Map(table.flatMap((s) => (s.protocol === protocol ? [[s.id, s] as const] : [])));
    this.#due ||= this.#first || this.#mayLeaveStale(this.#wanted, wanted);
    this.#first = false;
    this.#wanted = wanted;
    return this.again();
  }

  /** Looks once more if the last look failed: no change of a service may come for long. */
  again(): Promise<void> {
    if (this.#due) this.#looking ??= this.#look();
    else if (!this.#looking) this.#settled = this.#wanted;
    return this.#looking ?? Promise.resolve();
  }

  #mayLeaveStale(before: Services, now: Services): boolean {
    for (const [id, s] of now) {
      const old = before.get(id);
      if (s !== old && this.#kind.leavesStale(old, s)) return true;
    }
    for (const [id, old] of before) if (!now.has(id) && this.#kind.leavesStale(old, undefined)) return true;
    return false;
  }

  /** What is wanted when flows from before the last change are as old as they must be: what went since then has its turn next. */
  async #oldEnough(): Promise<Services> {
    const { ageMs } = this.#kind;
    if (ageMs === 0) return this.#wanted;
    const before = this.#wanted;
    await this.#clock.sleep(ageMs);
    const both = new Map(before);
    for (const [id, s] of this.#wanted) both.set(id, ofEither(before.get(id), s));
    return both;
  }

  async #look(): Promise<void> {
    try {
      while (this.#due) {
        this.#due = false;
        const wanted = await this.#oldEnough();
        // Addresses that a service had and has no more belong to nobody, or to one that comes after it here.
        const former = [...this.#settled.values()].filter((s) => wanted.get(s.id) !== s).map(ended);
        await endStaleFlows(this.#exec, this.#chosenBy, [...former, ...wanted.values()]);
        this.#settled = wanted;
      }
      this.#settled = this.#wanted;
      this.#failing = false;
    } catch (err) {
      this.#due = true;
      if (!this.#failing)
        this.#logger.warn({ err, protocol: this.#kind.protocol }, 'could not end flows that lead nowhere, will retry');
      this.#failing = true;
    }
    this.#looking = undefined;
  }
}
